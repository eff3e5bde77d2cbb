#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::rotary_cases {

struct Case {
  std::int64_t B, T, heads, D, first = 0;
};

inline std::vector<Case> tests() {
  return {{1, 1, 1, 2},     {2, 3, 2, 4}, {1, 33, 3, 10}, {2, 129, 1, 64}, {1, 5, 2, 32, 1000},
          {3, 1, 4, 16, 7}, {0, 3, 2, 4}, {2, 0, 2, 4},   {2, 3, 0, 4},    {2, 3, 2, 0}};
}

inline std::vector<Case> benches() { return {{8, 256, 4, 64}, {8, 1024, 12, 64}}; }

}  // namespace etude::rotary_cases
