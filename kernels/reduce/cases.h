#pragma once
// One list of cases for the tests and the bench.

#include <vector>

#include "kernels/core/view.h"

namespace etude::reduce_cases {

struct Case {
  Dims x, y;         // y: x's extent or 1 in each dimension
  Dims strides{};    // of x; empty: contiguous
  double scale = 1;  // factor on the result

  double bytes() const { return 4.0 * (numel(x) + numel(y)); }
};

inline std::vector<Case> tests() {
  return {
      {{1}, {1}},
      {{31}, {1}},
      {{33}, {33}},
      {{127}, {1}, {}, 1.0 / 127},
      {{5, 129}, {5, 1}},
      {{129, 5}, {1, 5}},
      {{32, 33}, {1, 33}, {}, -0.5},
      {{7, 257}, {1, 1}},
      {{2, 3, 4, 5}, {1, 3, 1, 1}},
      {{2, 3, 4, 5}, {2, 1, 4, 1}},
      {{2, 3, 4, 5}, {1, 3, 1, 5}},
      {{2, 3, 2, 3, 2, 3}, {2, 1, 2, 1, 2, 1}},
      {{6, 9, 9}, {6, 1, 1}},
      {{1, 10007}, {1, 1}},                 // a split reduction to one value
      {{2, 8209}, {2, 1}},                  // ... and to two
      {{521, 3}, {1, 3}, {}, 2.0},          // columns, split
      {{33, 31}, {33, 1}, {1, 33}},         // transposed: the terms have the large stride
      {{33, 31}, {1, 31}, {1, 33}},         // transposed: the outputs have it
      {{4, 5, 6}, {4, 1, 6}, {60, 12, 2}},  // gaps between elements
      {{4, 40, 6}, {1, 1, 6}, {6, 0, 1}},   // broadcast
      {{3, 50}, {3, 1}, {0, 1}},            // broadcast
      {{0, 5}, {1, 5}},                     // no terms
      {{5, 0}, {5, 1}},                     // no terms
      {{0, 5}, {0, 1}},                     // no outputs
      {Dims{}, Dims{}},                     // a scalar
  };
}

inline std::vector<Case> benches() {
  return {{{64, 64, 14, 14}, {1, 64, 1, 1}},
          {{64, 6272}, {1, 6272}},
          {{4096, 1024}, {4096, 1}},
          {{1 << 24}, {1}}};
}

}  // namespace etude::reduce_cases
