#pragma once
// One step of Adam, and gradient clipping by the global norm, over one flat buffer of parameters.

#include <cstdint>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// lr: learning rate. weight_decay: decoupled from the gradient (AdamW); 0 is plain Adam.
struct AdamParams {
  double lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void adam(Stream&, const View& w, const View& dw, const View& m, const View& v, const AdamParams&,
          std::int64_t step);
void gradient_norm(Stream&, const View& dw, const View& norm);
void clip_gradient(Stream&, const View& dw, const View& norm, double max_norm);
}  // namespace cpu
namespace gpu {
void adam(Stream&, const View& w, const View& dw, const View& m, const View& v, const AdamParams&,
          std::int64_t step);
void gradient_norm(Stream&, const View& dw, const View& norm);
void clip_gradient(Stream&, const View& dw, const View& norm, double max_norm);
}  // namespace gpu

namespace detail {
inline void check_flat(const char* op, const char* name, const View& v, const View& like) {
  require(v.rank() == 1 && v.shape == like.shape && v.dtype == like.dtype && v.contiguous(), op,
          ": ", name, " must be contiguous ", name_of(like.dtype), " [", like.numel(), "], not ",
          name_of(v.dtype), " ", v.shape);
}
inline void check_norm(const char* op, const View& dw, const View& norm) {
  check_flat(op, "dw", dw, dw);
  require(norm.numel() == 1 && norm.dtype == dw.dtype, op, ": the norm must be ", name_of(dw.dtype),
          " [1], not ", name_of(norm.dtype), " ", norm.shape);
}
}  // namespace detail

/// m = beta1 m + (1 - beta1) dw, v = beta2 v + (1 - beta2) dw^2,
/// w = (1 - lr weight_decay) w - lr (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps),
/// all in place, as PyTorch computes it. w, dw, m, v: [n] contiguous, f32 | f64 (cpu); step counts
/// from 1; m and v are zero before the first.
/// Source: Kingma & Ba, "Adam", 2015, Alg. 1; Loshchilov & Hutter, "Decoupled weight decay", 2019.
inline void adam(Stream& s, const View& w, const View& dw, const View& m, const View& v,
                 const AdamParams& params, std::int64_t step) {
  detail::check_flat("adam", "w", w, w);
  detail::check_flat("adam", "dw", dw, w);
  detail::check_flat("adam", "m", m, w);
  detail::check_flat("adam", "v", v, w);
  require(step >= 1, "adam: steps count from 1, not ", step);
  (s.device() == Device::cpu ? cpu::adam : gpu::adam)(s, w, dw, m, v, params, step);
}

/// norm[0] = sqrt(sum_i dw[i]^2), added in an order that depends on n alone. dw: [n], norm: [1].
inline void gradient_norm(Stream& s, const View& dw, const View& norm) {
  detail::check_norm("gradient_norm", dw, norm);
  (s.device() == Device::cpu ? cpu::gradient_norm : gpu::gradient_norm)(s, dw, norm);
}

/// dw *= min(1, max_norm / (norm[0] + 1e-6)), the factor being computed on the device. A NaN norm
/// makes dw NaN, so that a diverged step shows. dw: [n], norm: [1].
inline void clip_gradient(Stream& s, const View& dw, const View& norm, double max_norm) {
  detail::check_norm("clip_gradient", dw, norm);
  require(max_norm > 0, "clip_gradient: max_norm must be positive, not ", max_norm);
  (s.device() == Device::cpu ? cpu::clip_gradient : gpu::clip_gradient)(s, dw, norm, max_norm);
}

}  // namespace etude
