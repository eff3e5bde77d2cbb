#pragma once
// 2-D convolution (cross-correlation, as in every deep-learning library) and its transpose.
// 1-D is the same with height 1.

#include "engine/autograd.h"
#include "engine/tensor.h"
#include "kernels/conv/conv.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

/// What the kernel does to each output before it stores it: leaky_relu(y + bias, slope).
struct ConvFusion {
  Tensor bias = {};  // [K], or undefined
  double slope = 1;  // 1: no activation; 0: ReLU; not negative
};

/// x: [B, C, H, W], w: [K, C / groups, R, S] -> [B, K, P, Q] with
/// P = (H + 2 pad - dilation (R - 1) - 1) / stride + 1.
Tensor conv(const Tensor& x, const Tensor& w, const ConvParams& params = {},
            const ConvFusion& fusion = {});

/// The transpose of conv's linear map: x: [B, C, H, W], w: [C, K / groups, R, S] -> [B, K, P, Q]
/// with P = (H - 1) stride - 2 pad + dilation (R - 1) + output_pad + 1.
/// Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016,
/// section 4.
Tensor conv_transpose(const Tensor& x, const Tensor& w, const ConvTransposeParams& params = {},
                      const ConvFusion& fusion = {});

}  // namespace etude
