#pragma once
// Two-dimensional convolution (the cross-correlation of deep learning) and its two gradients.
// One-dimensional convolution has H = R = 1.

#include <span>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// Strides, zero padding on each side and dilations in elements; `groups` splits both channel sets.
struct ConvParams {
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t pad_h = 0, pad_w = 0;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t groups = 1;
  /// Whether f32 operands may be rounded to tf32 (10 bits of mantissa) for tensor cores; on the cpu
  /// they are not.
  bool tf32 = false;
};

/// What a convolution does to its sums before it writes them. Empty views: not wanted.
struct ConvEpilogue {
  View bias = {};            // [K], of y's dtype
  View mean = {}, var = {};  // [K], f32 (f64 with f64 operands): both or neither
  double slope = 1;          // of the leaky rectifier: 1 none, 0 ReLU
};

namespace cpu {
void conv(Stream&, const View& x, const View& w, const View& y, const ConvParams&);
void conv_fused(Stream&, const View& x, const View& w, const View& y, const ConvParams&,
                const ConvEpilogue&);
void conv_input_grad(Stream&, const View& dy, const View& w, const View& dx, const ConvParams&);
void conv_weight_grad(Stream&, const View& x, const View& dy, const View& dw, const ConvParams&);
}  // namespace cpu
namespace gpu {
void conv(Stream&, const View& x, const View& w, const View& y, const ConvParams&);
void conv_fused(Stream&, const View& x, const View& w, const View& y, const ConvParams&,
                const ConvEpilogue&);
void conv_input_grad(Stream&, const View& dy, const View& w, const View& dx, const ConvParams&);
void conv_weight_grad(Stream&, const View& x, const View& dy, const View& dw, const ConvParams&);
}  // namespace gpu

/// One way to compute a convolution or a gradient on the GPU: a step of a ladder.
struct ConvRung {
  const char* name;
  const char* idea;
  /// The operation's arguments in its order (two inputs, the output), not checked.
  void (*run)(Stream&, const View&, const View&, const View&, const ConvParams&);
  DType dtype = DType::f32;  // of the three operands
  /// To which it rounds factors beyond their storage: tf32 2^-11; f32, and bf16, whose factors are
  /// exact in f32 sums, 2^-24. The rounding of a bf16 result comes with its dtype.
  double roundoff = 0x1p-24;
};
std::span<const ConvRung> conv_rungs();
/// The rungs of conv_transpose: the same kernels, called with other names.
std::span<const ConvRung> conv_input_grad_rungs();
std::span<const ConvRung> conv_weight_grad_rungs();

namespace detail {

inline void check_conv_params(const char* op, const ConvParams& p) {
  require(p.stride_h > 0 && p.stride_w > 0, op, ": strides must be positive, not ", p.stride_h,
          " x ", p.stride_w);
  require(p.dilation_h > 0 && p.dilation_w > 0, op, ": dilations must be positive, not ",
          p.dilation_h, " x ", p.dilation_w);
  require(p.pad_h >= 0 && p.pad_w >= 0, op, ": padding must not be negative, not ", p.pad_h, " x ",
          p.pad_w);
  require(p.groups > 0, op, ": groups must be positive, not ", p.groups);
}

inline void check_conv_epilogue(const char* op, const View& y, const ConvEpilogue& e) {
  const DType statistics = y.dtype == DType::bf16 ? DType::f32 : y.dtype;
  const auto check = [&](const char* name, const View& v, DType dtype) {
    require(!v.data || (v.dtype == dtype && v.shape == Dims{y.dim(1)} && v.contiguous()), op, ": ",
            name, " must be ", name_of(dtype), " [", y.dim(1), "], contiguous, not ",
            name_of(v.dtype), " ", v.shape);
  };
  check("bias", e.bias, y.dtype);
  check("mean", e.mean, statistics);
  check("var", e.var, statistics);
  require(!e.mean.data == !e.var.data, op, ": mean and var come together or not at all");
  require(!e.mean.data || y.dim(0) * y.dim(2) * y.dim(3) > 0, op,
          ": an empty batch has no mean and variance");
}

inline void check_conv_operands(const char* op, const View& a, const View& b, const View& c) {
  require(a.dtype == b.dtype && b.dtype == c.dtype, op, ": operands must have one dtype, not ",
          name_of(a.dtype), ", ", name_of(b.dtype), ", ", name_of(c.dtype));
  require(a.contiguous() && b.contiguous() && c.contiguous(), op, ": operands must be contiguous");
}

/// Of the gpu's entries, by which other folders may call them too.
inline void check_conv_gpu_dtype(const char* op, const View& v) {
  require(v.dtype == DType::f32 || v.dtype == DType::bf16, op, ": dtype ", name_of(v.dtype),
          " is not supported on the gpu");
}

/// How many positions a window of `taps` has on a padded axis.
inline std::int64_t conv_extent(const char* op, std::int64_t extent, std::int64_t taps,
                                std::int64_t stride, std::int64_t pad, std::int64_t dilation) {
  const std::int64_t window = dilation * (taps - 1) + 1, padded = extent + 2 * pad;
  require(taps > 0 && window <= padded, op, ": a window of ", window,
          " does not fit into an extent of ", extent, " padded to ", padded);
  return (padded - window) / stride + 1;
}

/// The shape of y; `op` names the operation in errors.
inline Dims conv_shape(const char* op, const Dims& x, const Dims& w, const ConvParams& p) {
  check_conv_params(op, p);
  require(x.rank == 4 && w.rank == 4, op,
          ": x must be [B, C, H, W] and w [K, C/groups, R, S], not ", x, " and ", w);
  require(x[1] == w[1] * p.groups, op, ": weight has ", w[1], " input channels in each of ",
          p.groups, " groups, x has ", x[1], " channels");
  require(w[0] % p.groups == 0, op, ": ", w[0], " output channels do not divide into ", p.groups,
          " groups");
  return {x[0], w[0], conv_extent(op, x[2], w[2], p.stride_h, p.pad_h, p.dilation_h),
          conv_extent(op, x[3], w[3], p.stride_w, p.pad_w, p.dilation_w)};
}

inline void check_conv(const char* op, const View& x, const View& w, const View& y,
                       const ConvParams& p) {
  const Dims expected = conv_shape(op, x.shape, w.shape, p);
  require(y.shape == expected, op, ": x ", x.shape, " and w ", w.shape, " go with an output of ",
          expected, ", not ", y.shape);
  check_conv_operands(op, x, w, y);
}

}  // namespace detail

/// The shape [B, K, P, Q] of conv(x, w): P = floor((H + 2 pad - dilation (R - 1) - 1) / stride)
/// + 1. Throws Error that names the mismatch.
inline Dims conv_output_shape(const Dims& x, const Dims& w, const ConvParams& p) {
  return detail::conv_shape("conv", x, w, p);
}

/// y[b,k,p,q] = sum_{c,r,s} x[b, c, p stride - pad + r dilation, q stride - pad + s dilation]
///                          * w[k,c,r,s]     with x = 0 outside, c over the channels of k's group.
/// x: [B, C, H, W], w: [K, C/groups, R, S], y: [B, K, P, Q], all contiguous; f32 | bf16, sums
/// in f32 | f64 (cpu). Throws Error for other shapes, layouts and dtypes. Source: Goodfellow et
/// al., "Deep Learning", 2016, section 9.1; dilation: Yu & Koltun, 2016, section 2.
inline void conv(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  detail::check_conv("conv", x, w, y, p);
  (s.device() == Device::cpu ? cpu::conv : gpu::conv)(s, x, w, y, p);
}

/// z = conv(x, w) + bias_k, y[b,k,p,q] = z > 0 ? z : slope * z; mean_k and var_k are those of z
/// over b, p, q (var biased: divided by B P Q). With mean and var the statistics of a batch norm
/// cost no pass over y: batch_norm_infer (kernels/norm), with them for running statistics, is the
/// rest of it. Shapes and errors as conv. Of bf16, mean and var are those of z before it is
/// rounded.
inline void conv_fused(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                       const ConvEpilogue& epilogue) {
  detail::check_conv("conv_fused", x, w, y, p);
  detail::check_conv_epilogue("conv_fused", y, epilogue);
  (s.device() == Device::cpu ? cpu::conv_fused : gpu::conv_fused)(s, x, w, y, p, epilogue);
}

/// dx[b,c,h,w] = sum over the k, r, s, p, q whose product in y[b,k,p,q] read x[b,c,h,w] of
/// dy[b,k,p,q] * w[k,c,r,s]. Shapes and errors as conv.
inline void conv_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                            const ConvParams& p) {
  detail::check_conv("conv_input_grad", dx, w, dy, p);
  (s.device() == Device::cpu ? cpu::conv_input_grad : gpu::conv_input_grad)(s, dy, w, dx, p);
}

/// dw[k,c,r,s] = sum_{b,p,q} dy[b,k,p,q] * x[b, c, p stride - pad + r dilation, ...]. Shapes and
/// errors as conv. An empty batch gives 0.
inline void conv_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                             const ConvParams& p) {
  detail::check_conv("conv_weight_grad", x, dw, dy, p);
  (s.device() == Device::cpu ? cpu::conv_weight_grad : gpu::conv_weight_grad)(s, x, dy, dw, p);
}

}  // namespace etude
