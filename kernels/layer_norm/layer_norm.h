#pragma once
// Layer normalisation of rows, forward and backward.
// Source: Ba, Kiros & Hinton, "Layer normalization", 2016, section 3.

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void layer_norm(Stream&, const View& x, const View& gamma, const View& beta, const View& mean,
                const View& rstd, const View& y, double eps);
void layer_norm_grad(Stream&, const View& dy, const View& x, const View& gamma, const View& mean,
                     const View& rstd, const View& dx, const View& dgamma, const View& dbeta);
}  // namespace cpu
namespace gpu {
void layer_norm(Stream&, const View& x, const View& gamma, const View& beta, const View& mean,
                const View& rstd, const View& y, double eps);
void layer_norm_grad(Stream&, const View& dy, const View& x, const View& gamma, const View& mean,
                     const View& rstd, const View& dx, const View& dgamma, const View& dbeta);
}  // namespace gpu

namespace detail {
inline void check_layer_norm(const char* op, const View& x, const View& gamma, const View& mean,
                             const View& rstd, const View& y) {
  require(x.rank() == 2 && x.contiguous(), op, ": x must be [rows, C] without gaps, not ", x.shape,
          " strided by ", x.strides);
  const DType statistics = x.dtype == DType::bf16 ? DType::f32 : x.dtype;
  const auto check = [&](const char* name, const View& v, DType dtype, const Dims& shape) {
    require(v.dtype == dtype && v.shape == shape && v.contiguous(), op, ": ", name, " must be ",
            name_of(dtype), " ", shape, " without gaps, not ", name_of(v.dtype), " ", v.shape);
  };
  check("gamma", gamma, x.dtype, {x.dim(1)});
  check("the mean", mean, statistics, {x.dim(0)});
  check("rstd", rstd, statistics, {x.dim(0)});
  check("y, dy or dx", y, x.dtype, x.shape);
}
}  // namespace detail

/// y[r,c] = (x[r,c] - mean[r]) * rstd[r] * gamma[c] + beta[c] with the row's mean and
/// rstd = 1 / sqrt(variance + eps), which are written for the gradient; the variance is that of
/// the row itself, divided by C. x, y: [rows, C], gamma, beta: [C], of one dtype, f32 | bf16 | f64
/// (cpu); mean, rstd: [rows], f32 where that is bf16. All contiguous and apart from each other.
/// Throws Error for other shapes, strides and dtypes.
inline void layer_norm(Stream& s, const View& x, const View& gamma, const View& beta,
                       const View& mean, const View& rstd, const View& y, double eps = 1e-5) {
  detail::check_layer_norm("layer_norm", x, gamma, mean, rstd, y);
  detail::check_layer_norm("layer_norm", x, beta, mean, rstd, y);
  (s.device() == Device::cpu ? cpu::layer_norm : gpu::layer_norm)(s, x, gamma, beta, mean, rstd, y,
                                                                  eps);
}

/// The gradient of layer_norm from that of y. Sums over rows have an order that depends on the
/// shape alone. dx: as x; dgamma, dbeta: as gamma. Up to 2^23 - 128 rows. Throws Error as
/// layer_norm.
inline void layer_norm_grad(Stream& s, const View& dy, const View& x, const View& gamma,
                            const View& mean, const View& rstd, const View& dx, const View& dgamma,
                            const View& dbeta) {
  detail::check_layer_norm("layer_norm_grad", x, gamma, mean, rstd, dy);
  require(x.dim(0) <= std::int64_t{65535} * 128, "layer_norm_grad: x has ", x.dim(0),
          " rows, at most 8388480 are possible");
  detail::check_layer_norm("layer_norm_grad", x, dgamma, mean, rstd, dx);
  detail::check_layer_norm("layer_norm_grad", x, dbeta, mean, rstd, dx);
  (s.device() == Device::cpu ? cpu::layer_norm_grad : gpu::layer_norm_grad)(
      s, dy, x, gamma, mean, rstd, dx, dgamma, dbeta);
}

}  // namespace etude
