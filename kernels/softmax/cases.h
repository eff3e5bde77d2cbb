#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::softmax_cases {

struct Case {
  std::int64_t rows, cols;
  double scale = 1;  // inputs are uniform in [-scale, scale]

  double bytes() const { return 2.0 * rows * cols * 4; }
};

inline std::vector<Case> tests() {
  return {{1, 1},    {3, 31},        {2, 32},  {5, 33},  {1, 127},
          {2, 129},  {7, 257},       {0, 10},  {3, 601}, {4, 26, 90.0},
          {2, 1031}, {2, 1000, 1e4}, {64, 26}, {33, 32}, {1, 256, 0.01}};
}

inline std::vector<Case> benches() { return {{64, 26}, {4096, 1024}, {8192, 50257}}; }

}  // namespace etude::softmax_cases
