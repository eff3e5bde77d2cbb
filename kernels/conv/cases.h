#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/conv/conv.h"

namespace etude::conv_cases {

struct Case {
  std::int64_t B, C, H, W, K, R, S;
  ConvParams params = {};
  double scale = 1;  // x and dy are uniform in [-scale, scale], w in [-1, 1]

  Dims x() const { return {B, C, H, W}; }
  Dims w() const { return {K, C / params.groups, R, S}; }
  std::pair<std::int64_t, std::int64_t> output_extents() const {
    return {(H + 2 * params.pad_h - params.dilation_h * (R - 1) - 1) / params.stride_h + 1,
            (W + 2 * params.pad_w - params.dilation_w * (S - 1) - 1) / params.stride_w + 1};
  }
  Dims y() const { return {B, K, output_extents().first, output_extents().second}; }

  /// Of each of the three operations, padding included.
  double flops() const { return 2.0 * numel(y()) * (C / params.groups) * R * S; }
};

inline ConvParams window(std::int64_t stride, std::int64_t pad, std::int64_t dilation = 1,
                         std::int64_t groups = 1) {
  return {stride, stride, pad, pad, dilation, dilation, groups};
}

inline std::vector<Case> tests() {
  return {
      {1, 1, 1, 1, 1, 1, 1},                          // a product of two numbers
      {2, 3, 5, 7, 4, 3, 3},                          // no option
      {2, 1, 28, 28, 8, 4, 4, window(2, 1)},          // the GAN's layers, with fewer channels
      {9, 17, 14, 14, 10, 4, 4, window(2, 1)},        //
      {8, 33, 7, 7, 31, 3, 3, window(2, 0)},          // the last row and column are not read
      {16, 65, 4, 4, 129, 1, 1},                      // a pure product; ragged tiles on all sides
      {3, 9, 1, 32, 32, 1, 3, {1, 1, 0, 1}},          // one-dimensional
      {5, 12, 1, 127, 20, 1, 5, {1, 2, 0, 8, 1, 4}},  // one-dimensional, strided and dilated
      {3, 10, 1, 17, 9, 1, 4, {1, 2, 0, 1}},          // the same, as Winograd's products take it
      {4, 5, 9, 8, 6, 6, 2, {3, 1, 2, 0}},            //
      {2, 6, 9, 8, 4, 2, 3, {1, 3, 2, 1, 3, 2, 2}},   // everything, and different on the two axes
      {9, 24, 6, 5, 40, 3, 3, window(1, 1, 1, 2)},    // two groups with unfilled vectors
      {2, 13, 6, 6, 13, 3, 3, window(1, 1, 1, 13)},   // depthwise
      {20, 5, 8, 8, 9, 3, 3, window(1, 1)},           // long sums of few weights: a split depth
      {3, 16, 7, 6, 70, 2, 2, window(1, 1)},          // rows of weights in whole 16 bytes
      {2, 2, 3, 3, 2, 1, 1, window(3, 2)},            // stride over the window; output of padding
      {2, 3, 2, 2, 3, 5, 5, window(1, 2)},            // the window is larger than the input
      {4, 11, 6, 6, 11, 3, 3, window(1, 1), 1e15},    // large numbers
      {0, 3, 5, 5, 4, 3, 3},                          // empty batch: dw is 0
      {2, 0, 5, 5, 4, 3, 3},                          // no input channel: y is 0
      {2, 3, 5, 5, 0, 3, 3},                          // no output channel: dx is 0
  };
}

/// For the epilogue: ragged tiles of rows and columns, groups, one tile, a split depth, few
/// channels.
inline std::vector<Case> epilogue_tests() {
  return {{9, 17, 14, 14, 10, 4, 4, window(2, 1)},
          {3, 24, 6, 5, 140, 3, 3, window(1, 1, 1, 2)},
          {2, 60, 5, 5, 66, 3, 3},
          {2, 6, 6, 6, 6, 3, 3, window(1, 1, 1, 6)},
          {2, 3, 1, 9, 4, 1, 2}};
}

/// The discriminator of the font GAN at its batch size; then a residual network's middle.
inline std::vector<Case> benches() {
  return {{64, 1, 28, 28, 64, 4, 4, window(2, 1)},
          {64, 64, 14, 14, 128, 4, 4, window(2, 1)},
          {64, 128, 7, 7, 256, 3, 3, window(2, 0)},
          {32, 128, 28, 28, 128, 3, 3, window(1, 1)}};
}

}  // namespace etude::conv_cases
