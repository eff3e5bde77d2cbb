#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/conv_transpose/conv_transpose.h"

namespace etude::conv_transpose_cases {

struct Case {
  std::int64_t B, C, H, W, K, R, S;
  ConvTransposeParams params = {};

  Dims x() const { return {B, C, H, W}; }
  Dims w() const { return {C, K / params.groups, R, S}; }
  std::pair<std::int64_t, std::int64_t> output_extents() const {
    return {(H - 1) * params.stride_h - 2 * params.pad_h + params.dilation_h * (R - 1) +
                params.output_pad_h + 1,
            (W - 1) * params.stride_w - 2 * params.pad_w + params.dilation_w * (S - 1) +
                params.output_pad_w + 1};
  }
  Dims y() const { return {B, K, output_extents().first, output_extents().second}; }

  /// Of each of the three operations, products with the padding included, inserted zeros not.
  double flops() const { return 2.0 * numel(x()) * (K / params.groups) * R * S; }
};

inline ConvTransposeParams window(std::int64_t stride, std::int64_t pad,
                                  std::int64_t output_pad = 0, std::int64_t dilation = 1,
                                  std::int64_t groups = 1) {
  return {{stride, stride, pad, pad, dilation, dilation, groups}, output_pad, output_pad};
}

inline std::vector<Case> tests() {
  return {
      {1, 1, 1, 1, 1, 1, 1},
      {2, 4, 5, 7, 3, 3, 3},
      {9, 12, 7, 7, 17, 4, 4, window(2, 1)},  // the GAN's layers, with fewer channels
      {2, 17, 7, 7, 1, 4, 4, window(2, 1)},   //
      {8, 16, 3, 3, 33, 3, 3, window(2, 0, 1)},
      {8, 10, 1, 31, 12, 1, 4, {{1, 2, 0, 1}}},              // one-dimensional
      {3, 6, 4, 3, 4, 2, 3, {{3, 2, 1, 0, 2, 3, 2}, 2, 1}},  // everything
      {8, 24, 3, 2, 40, 3, 3, window(2, 1, 1, 1, 2)},        // groups, output padding
      {2, 19, 4, 3, 9, 4, 3, {{4, 6, 3, 8, 2, 4}, 1, 3}},    // strides and dilations share factors
      {1, 40, 5, 6, 70, 4, 4, window(2, 1)},      // long sums, more than one tile of rows
      {2, 2, 3, 3, 2, 2, 2, window(5, 1, 4)},     // gaps that nothing reaches
      {4, 9, 3, 3, 9, 2, 2, window(1, 0, 2, 3)},  // output padding over the stride
      {0, 3, 4, 4, 2, 3, 3},
      {2, 0, 4, 4, 2, 3, 3},
      {2, 3, 4, 4, 0, 3, 3},
  };
}

/// For the epilogue: phases of several sizes, phases without a tap, groups, few channels.
inline std::vector<Case> epilogue_tests() {
  return {{9, 12, 7, 7, 17, 4, 4, window(2, 1)},
          {2, 33, 3, 4, 68, 3, 3, window(2, 1, 0, 1)},
          {2, 20, 3, 3, 40, 2, 2, window(3, 1, 2, 1, 2)},
          {2, 2, 3, 3, 2, 3, 3, window(2, 1, 1)}};
}

/// The generator of the font GAN at its batch size.
inline std::vector<Case> benches() {
  return {{64, 128, 7, 7, 64, 4, 4, window(2, 1)}, {64, 64, 14, 14, 1, 4, 4, window(2, 1)}};
}

}  // namespace etude::conv_transpose_cases
