#pragma once
// One list of cases for the tests and the bench.

#include <vector>

#include "kernels/core/view.h"

namespace etude::copy_cases {

struct Case {
  Dims shape;
  Dims x{}, y{};  // strides; empty: contiguous

  double bytes() const { return 8.0 * numel(shape); }
};

inline std::vector<Case> tests() {
  return {
      {Dims{}},
      {{1}},
      {{31}},
      {{32}},
      {{33}},
      {{127}},
      {{1031}},
      {{3, 129}},
      {{0}},
      {{4, 0, 3}},
      {{1, 31, 1}, {7, 1, 9}},                       // extents of 1 may have any stride
      {{31}, {2}, {1}},                              // gather
      {{31}, {1}, {3}},                              // scatter
      {{33, 31}, {1, 33}},                           // transposed
      {{33, 31}, {}, {1, 33}},                       // transposed the other way
      {{33, 31}, {1, 33}, {1, 33}},                  // both: contiguous after all
      {{65, 127}, {1, 65}, {130, 1}},                // transposed, rows with gaps
      {{2, 40, 3, 9}, {1080, 9, 360, 1}},            // heads of attention
      {{2, 9, 11, 17}, {1683, 11, 1, 99}},           // channels last
      {{2, 3, 2, 3, 2, 16}, {1, 2, 6, 12, 36, 72}},  // all dimensions reversed
      {{3, 2, 8, 2, 8, 2}, {512, 1, 64, 2, 4, 32}},  // six dimensions that do not merge
      {{5, 33}, {0, 1}},                             // broadcast rows
      {{33, 5}, {1, 0}},                             // broadcast columns
      {{4, 5, 6}, {0, 0, 0}},                        // broadcast a scalar
      {{3, 12, 8}, {8, 0, 1}, {128, 10, 1}},         // packs of four ...
      {{3, 12, 8}, {9, 0, 1}, {97, 8, 1}},           // ... and rows that are not aligned
  };
}

/// The first is all launch.
inline std::vector<Case> benches() {
  return {{{1 << 14}},
          {{1 << 24}},
          {{4096, 4096}, {1, 4096}},
          {{32, 32, 32, 256}, {262144, 32, 1, 1024}},
          {{4096, 4096}, {0, 1}}};
}

}  // namespace etude::copy_cases
