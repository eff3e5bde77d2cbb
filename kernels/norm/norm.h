#pragma once
// Batch normalisation with the activation that follows it, forward and backward.
// Source: Ioffe & Szegedy, "Batch normalization", 2015, Alg. 1 and section 3.

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// slope: of the leaky rectifier after the normalisation: 1 none, 0 ReLU. momentum: the weight of
/// the new batch in the running statistics.
struct BatchNormParams {
  double eps = 1e-5, momentum = 0.1, slope = 1;
};

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void batch_norm_train(Stream&, const View& x, const View& gamma, const View& beta, const View& mean,
                      const View& rstd, const View& running_mean, const View& running_var,
                      const View& y, const BatchNormParams&);
void batch_norm_infer(Stream&, const View& x, const View& gamma, const View& beta,
                      const View& running_mean, const View& running_var, const View& y,
                      const BatchNormParams&);
void batch_norm_grad(Stream&, const View& dy, const View& x, const View& gamma, const View& beta,
                     const View& mean, const View& rstd, const View& dx, const View& dgamma,
                     const View& dbeta, const BatchNormParams&);
}  // namespace cpu
namespace gpu {
void batch_norm_train(Stream&, const View& x, const View& gamma, const View& beta, const View& mean,
                      const View& rstd, const View& running_mean, const View& running_var,
                      const View& y, const BatchNormParams&);
void batch_norm_infer(Stream&, const View& x, const View& gamma, const View& beta,
                      const View& running_mean, const View& running_var, const View& y,
                      const BatchNormParams&);
void batch_norm_grad(Stream&, const View& dy, const View& x, const View& gamma, const View& beta,
                     const View& mean, const View& rstd, const View& dx, const View& dgamma,
                     const View& dbeta, const BatchNormParams&);
}  // namespace gpu

namespace detail {
inline void check_like_x(const char* op, const char* name, const View& x, const View& v) {
  require(v.shape == x.shape && v.dtype == x.dtype && v.contiguous(), op, ": ", name,
          " must be contiguous ", name_of(x.dtype), " ", x.shape, " as x, not ", name_of(v.dtype),
          " ", v.shape);
}
inline void check_per_channel(const char* op, const char* name, const View& x, const View& v) {
  require(v.rank() == 1 && v.dim(0) == x.dim(1) && v.dtype == x.dtype && v.contiguous(), op, ": ",
          name, " must be contiguous ", name_of(x.dtype), " [", x.dim(1),
          "], one per channel, not ", name_of(v.dtype), " ", v.shape);
}
inline void check_batch_norm(const char* op, const View& x, const View& gamma, const View& beta,
                             const View& mean, const View& deviation, const View& y) {
  require(x.rank() == 3, op, ": x must be [batch, channels, length], not ", x.shape);
  require(x.contiguous(), op, ": x must be contiguous");
  check_like_x(op, "y or dx", x, y);
  check_per_channel(op, "gamma", x, gamma);
  check_per_channel(op, "beta", x, beta);
  check_per_channel(op, "the mean", x, mean);
  check_per_channel(op, "the variance or rstd", x, deviation);
}
}  // namespace detail

/// y = leaky((x - mean_c) * rstd_c * gamma_c + beta_c, slope) with each channel's mean and
/// rstd = 1 / sqrt(variance + eps) over batch and length, which are written for the gradient.
/// running = (1 - momentum) * running + momentum * batch, with the unbiased variance, as PyTorch.
/// x, y: [B, C, L] contiguous; all else [C]; f32 | f64 (cpu). B * L >= 2 unless C = 0.
inline void batch_norm_train(Stream& s, const View& x, const View& gamma, const View& beta,
                             const View& mean, const View& rstd, const View& running_mean,
                             const View& running_var, const View& y,
                             const BatchNormParams& params = {}) {
  detail::check_batch_norm("batch_norm_train", x, gamma, beta, mean, rstd, y);
  detail::check_per_channel("batch_norm_train", "running_mean", x, running_mean);
  detail::check_per_channel("batch_norm_train", "running_var", x, running_var);
  require(x.dim(1) == 0 || x.dim(0) * x.dim(2) >= 2,
          "batch_norm_train: a variance needs at least 2 values per channel, x is ", x.shape);
  (s.device() == Device::cpu ? cpu::batch_norm_train : gpu::batch_norm_train)(
      s, x, gamma, beta, mean, rstd, running_mean, running_var, y, params);
}

/// y = leaky((x - running_mean_c) / sqrt(running_var_c + eps) * gamma_c + beta_c, slope).
/// Shapes and dtypes as batch_norm_train; any batch.
inline void batch_norm_infer(Stream& s, const View& x, const View& gamma, const View& beta,
                             const View& running_mean, const View& running_var, const View& y,
                             const BatchNormParams& params = {}) {
  detail::check_batch_norm("batch_norm_infer", x, gamma, beta, running_mean, running_var, y);
  (s.device() == Device::cpu ? cpu::batch_norm_infer : gpu::batch_norm_infer)(
      s, x, gamma, beta, running_mean, running_var, y, params);
}

/// Gradients of batch_norm_train, through the activation too: whether an output was positive is
/// recomputed from x. mean, rstd: as batch_norm_train wrote them. dy, x, dx: [B, C, L]; all else
/// [C].
inline void batch_norm_grad(Stream& s, const View& dy, const View& x, const View& gamma,
                            const View& beta, const View& mean, const View& rstd, const View& dx,
                            const View& dgamma, const View& dbeta,
                            const BatchNormParams& params = {}) {
  detail::check_batch_norm("batch_norm_grad", x, gamma, beta, mean, rstd, dx);
  detail::check_like_x("batch_norm_grad", "dy", x, dy);
  detail::check_per_channel("batch_norm_grad", "dgamma", x, dgamma);
  detail::check_per_channel("batch_norm_grad", "dbeta", x, dbeta);
  (s.device() == Device::cpu ? cpu::batch_norm_grad : gpu::batch_norm_grad)(
      s, dy, x, gamma, beta, mean, rstd, dx, dgamma, dbeta, params);
}

}  // namespace etude
