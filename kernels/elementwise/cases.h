#pragma once
// One list of cases for the tests and the bench.

#include <array>
#include <vector>

#include "kernels/core/view.h"

namespace etude::elementwise_cases {

struct Case {
  Dims shape;
  std::array<Dims, 3> inputs{};  // strides; empty: contiguous
  Dims y{};

  double bytes(int arity) const { return 4.0 * (arity + 1) * numel(shape); }
};

inline std::vector<Case> tests() {
  return {
      {Dims{}},
      {{1}},
      {{31}},
      {{33}},
      {{127}},
      {{1031}},
      {{4, 32}},
      {{0}},
      {{3, 0, 2}},
      {{5, 33}, {{{33, 1}, {0, 1}, {1, 0}}}},               // rows and columns repeated
      {{5, 32}, {{{0, 1}, {32, 1}, {0, 0}}}},               // the first input repeated
      {{5, 36}, {{{0, 0}, {1, 0}, {36, 1}}}},               // packs beside single values
      {{3, 4, 20}, {{{80, 20, 1}, {0, 1, 0}, {0, 0, 1}}}},  // a bias per channel
      {{17, 35}, {{{1, 17}, {35, 1}, {1, 17}}}},            // transposed inputs
      {{17, 35}, {{{1, 17}, {1, 17}, {1, 17}}}, {1, 17}},   // all transposed: contiguous after all
      {{2, 19, 33}, {{{1254, 66, 2}, {0, 1, 19}, {627, 33, 1}}}, {700, 35, 1}},  // gaps
      {{9, 13}, {{{13, 1}, {13, 1}, {13, 1}}}, {1, 9}},  // transposed output
  };
}

/// The first is all launch.
inline std::vector<Case> benches() {
  return {{{1 << 14}},
          {{1 << 24}},
          {{64, 64, 4096}, {{{262144, 4096, 1}, {0, 1, 0}, {262144, 4096, 1}}}},
          {{4096, 4096}, {{{1, 4096}, {4096, 1}, {4096, 1}}}}};
}

}  // namespace etude::elementwise_cases
