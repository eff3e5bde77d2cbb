#pragma once
// Transposed convolution (the up-sampling layer of decoders) and its two gradients. It is the input
// gradient of a convolution as an operation of its own: its x is that convolution's dy, its y that
// one's dx. So its kernels also serve conv_input_grad, and its gradients are those of conv.

#include "kernels/conv/conv.h"

namespace etude {

struct ConvTransposeParams : ConvParams {
  /// Rows and columns added at the end of y. A stride above 1 maps several output extents to one
  /// input extent; this chooses among them.
  std::int64_t output_pad_h = 0, output_pad_w = 0;
};

namespace cpu {
void conv_transpose(Stream&, const View& x, const View& w, const View& y,
                    const ConvTransposeParams&);
void conv_transpose_fused(Stream&, const View& x, const View& w, const View& y,
                          const ConvTransposeParams&, const ConvEpilogue&);
void conv_transpose_input_grad(Stream&, const View& dy, const View& w, const View& dx,
                               const ConvTransposeParams&);
void conv_transpose_weight_grad(Stream&, const View& x, const View& dy, const View& dw,
                                const ConvTransposeParams&);
}  // namespace cpu
namespace gpu {
void conv_transpose(Stream&, const View& x, const View& w, const View& y,
                    const ConvTransposeParams&);
void conv_transpose_fused(Stream&, const View& x, const View& w, const View& y,
                          const ConvTransposeParams&, const ConvEpilogue&);
void conv_transpose_input_grad(Stream&, const View& dy, const View& w, const View& dx,
                               const ConvTransposeParams&);
void conv_transpose_weight_grad(Stream&, const View& x, const View& dy, const View& dw,
                                const ConvTransposeParams&);
}  // namespace gpu

/// The ladder of the transposed convolution. Its gradients are conv_rungs() (dy, w, dx) and
/// conv_weight_grad_rungs() (dy, x, dw). y's shape carries the output padding.
std::span<const ConvRung> conv_transpose_rungs();

namespace detail {

inline std::int64_t conv_transpose_extent(const char* op, std::int64_t extent, std::int64_t taps,
                                          std::int64_t stride, std::int64_t pad,
                                          std::int64_t dilation, std::int64_t output_pad) {
  require(output_pad >= 0 && output_pad < std::max(stride, dilation), op, ": output padding ",
          output_pad, " must not be negative and be less than the stride ", stride,
          " or the dilation ", dilation);
  const std::int64_t y = (extent - 1) * stride - 2 * pad + dilation * (taps - 1) + output_pad + 1;
  require(extent > 0 && taps > 0 && y > 0, op, ": an extent of ", extent, " with ", taps,
          " taps and padding ", pad, " leaves an output extent of ", y);
  return y;
}

/// The shape of y; `op` names the operation in errors.
inline Dims conv_transpose_shape(const char* op, const Dims& x, const Dims& w,
                                 const ConvTransposeParams& p) {
  check_conv_params(op, p);
  require(x.rank == 4 && w.rank == 4, op,
          ": x must be [B, C, H, W] and w [C, K/groups, R, S], not ", x, " and ", w);
  require(x[1] == w[0], op, ": weight has ", w[0], " input channels, x has ", x[1]);
  require(w[0] % p.groups == 0, op, ": ", w[0], " input channels do not divide into ", p.groups,
          " groups");
  return {x[0], w[1] * p.groups,
          conv_transpose_extent(op, x[2], w[2], p.stride_h, p.pad_h, p.dilation_h, p.output_pad_h),
          conv_transpose_extent(op, x[3], w[3], p.stride_w, p.pad_w, p.dilation_w, p.output_pad_w)};
}

inline void check_conv_transpose(const char* op, const View& x, const View& w, const View& y,
                                 const ConvTransposeParams& p) {
  const Dims expected = conv_transpose_shape(op, x.shape, w.shape, p);
  require(y.shape == expected, op, ": x ", x.shape, " and w ", w.shape, " go with an output of ",
          expected, ", not ", y.shape);
  check_conv_operands(op, x, w, y);
}

}  // namespace detail

/// The shape [B, K, P, Q] of conv_transpose(x, w):
/// P = (H - 1) stride - 2 pad + dilation (R - 1) + output_pad + 1. Throws Error that names the
/// mismatch.
inline Dims conv_transpose_output_shape(const Dims& x, const Dims& w,
                                        const ConvTransposeParams& p) {
  return detail::conv_transpose_shape("conv_transpose", x, w, p);
}

/// y[b,k,p,q] = sum of x[b,c,h,w] * w[c,k,r,s] over the c of k's group and the h, w, r, s with
/// h stride - pad + r dilation = p and w stride - pad + s dilation = q.
/// x: [B, C, H, W], w: [C, K/groups, R, S], y: [B, K, P, Q], all contiguous; f32 | bf16, sums
/// in f32 | f64 (cpu). Throws Error for other shapes, layouts and dtypes. Source: Zeiler et al.,
/// "Deconvolutional Networks", CVPR 2010; Dumoulin & Visin, "A guide to convolution arithmetic",
/// 2016, chapter 4.
inline void conv_transpose(Stream& s, const View& x, const View& w, const View& y,
                           const ConvTransposeParams& p) {
  detail::check_conv_transpose("conv_transpose", x, w, y, p);
  (s.device() == Device::cpu ? cpu::conv_transpose : gpu::conv_transpose)(s, x, w, y, p);
}

/// conv_transpose, then bias, statistics and rectifier as conv_fused.
inline void conv_transpose_fused(Stream& s, const View& x, const View& w, const View& y,
                                 const ConvTransposeParams& p, const ConvEpilogue& epilogue) {
  detail::check_conv_transpose("conv_transpose_fused", x, w, y, p);
  detail::check_conv_epilogue("conv_transpose_fused", y, epilogue);
  (s.device() == Device::cpu ? cpu::conv_transpose_fused : gpu::conv_transpose_fused)(s, x, w, y, p,
                                                                                      epilogue);
}

/// dx[b,c,h,w] = sum_{k,r,s} dy[b, k, h stride - pad + r dilation, ...] * w[c,k,r,s]: a convolution
/// of dy. Shapes and errors as conv_transpose.
inline void conv_transpose_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                                      const ConvTransposeParams& p) {
  detail::check_conv_transpose("conv_transpose_input_grad", dx, w, dy, p);
  (s.device() == Device::cpu ? cpu::conv_transpose_input_grad : gpu::conv_transpose_input_grad)(
      s, dy, w, dx, p);
}

/// dw[c,k,r,s] = sum_{b,h,w} x[b,c,h,w] * dy[b, k, h stride - pad + r dilation, ...]. Shapes and
/// errors as conv_transpose. An empty batch gives 0.
inline void conv_transpose_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                                       const ConvTransposeParams& p) {
  detail::check_conv_transpose("conv_transpose_weight_grad", x, dw, dy, p);
  (s.device() == Device::cpu ? cpu::conv_transpose_weight_grad : gpu::conv_transpose_weight_grad)(
      s, x, dy, dw, p);
}

}  // namespace etude
