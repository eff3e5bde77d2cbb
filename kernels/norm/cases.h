#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::norm_cases {

struct Case {
  std::int64_t B, C, L;
  double slope = 1;               // of the rectifier behind
  double offset = 0, spread = 1;  // inputs are uniform in offset + [-spread, spread]

  /// Least traffic of the forward pass: two reads (mean, then variance and result) and a write.
  double bytes() const { return 3.0 * B * C * L * 4; }
};

inline std::vector<Case> tests() {
  return {
      {2, 1, 1},
      {1, 1, 2, 0.2},
      {1, 3, 31},
      {3, 2, 33, 0},
      {31, 33, 1, 0.2},
      {127, 5, 1},
      {4, 7, 9, 0},
      {5, 129, 1, 0},
      {2, 3, 257, 0.2},
      {1, 2, 1031},
      {9, 32, 4},
      {0, 0, 3},
      {4, 0, 5},
      {2, 3, 0},
      {3, 4, 50, 1, 1e3},
      {64, 3, 1, 1, -50, 0.1},
      {2, 2, 128, 0.2, 0, 1e6},
      {3, 2, 64, 1, 0, 1e-4},
      {8, 601, 1},
  };
}

inline std::vector<Case> benches() {
  return {{64, 64, 196, 0.2}, {64, 128, 49, 0}, {64, 256, 9, 0.2}, {64, 6272, 1, 0}};
}

}  // namespace etude::norm_cases
