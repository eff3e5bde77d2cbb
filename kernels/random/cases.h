#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::random_cases {

struct Case {
  std::int64_t n;
  std::int64_t group = 1;
  double p = 0.5, slope = 1;

  double fill_bytes() const { return 4.0 * n; }
  double dropout_bytes() const { return 8.0 * n; }
};

inline std::vector<Case> tests() {
  return {{1},           {2},
          {3},           {31},
          {32, 1, 0.1},  {33, 2, 0.9},
          {127, 3, 0.5}, {129, 4, 0.5, 0},
          {257, 5, 0.3}, {1031, 64, 0.5, 0.2},
          {0},           {1031, 1, 0.25, 0.1},
          {64, 1, 0},    {64, 1, 1},
          {100, 1000},   {70, 1, 0.999}};
}

inline std::vector<Case> benches() { return {{800000}, {1 << 24}, {1 << 24, 1024}}; }

}  // namespace etude::random_cases
