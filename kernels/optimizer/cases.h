#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::optimizer_cases {

struct Case {
  std::int64_t n;
  std::int64_t step = 1;
  double scale = 1;  // gradients are uniform in [-scale, scale]
  double weight_decay = 0;

  /// Traffic of Adam: w, dw, m, v read, w, m, v written.
  double bytes() const { return 7.0 * n * 4; }
};

inline std::vector<Case> tests() {
  return {{0},
          {1},
          {31, 2},
          {32, 10, 1e-3},
          {33, 3, 1e3},
          {127, 1, 1, 0.1},
          {129, 100000, 1, 0.01},
          {257, 7, 1e-12},
          {1031, 2, 10, 0.5},
          {9001, 5}};
}

inline std::vector<Case> benches() { return {{770'000, 10}, {85'000'000, 10}}; }

}  // namespace etude::optimizer_cases
