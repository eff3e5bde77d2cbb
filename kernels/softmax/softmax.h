#pragma once
// Softmax over rows and the cross entropy that is computed from logits without ever forming it.

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void softmax(Stream&, const View& x, const View& y);
void log_softmax(Stream&, const View& x, const View& y);
void cross_entropy(Stream&, const View& x, const View& target, const View& loss);
void cross_entropy_grad(Stream&, const View& x, const View& target, const View& dloss,
                        const View& dx);
}  // namespace cpu
namespace gpu {
void softmax(Stream&, const View& x, const View& y);
void log_softmax(Stream&, const View& x, const View& y);
void cross_entropy(Stream&, const View& x, const View& target, const View& loss);
void cross_entropy_grad(Stream&, const View& x, const View& target, const View& dloss,
                        const View& dx);
}  // namespace gpu

namespace detail {
inline void check_rows(const char* op, const View& x, const View& y) {
  require(x.rank() == 2 && x.shape == y.shape, op, ": x and y must be [rows, cols], not ", x.shape,
          " and ", y.shape);
  require(x.contiguous() && y.contiguous(), op, ": x and y must be contiguous");
  require(x.dtype == y.dtype, op, ": x is ", name_of(x.dtype), ", y is ", name_of(y.dtype));
}
inline void check_targets(const char* op, const View& x, const View& target, const View& loss) {
  require(x.rank() == 2 && target.rank() == 1 && target.dim(0) == x.dim(0), op,
          ": logits are [rows, classes] and targets [rows], not ", x.shape, " and ", target.shape);
  require(target.dtype == DType::i32, op, ": targets must be i32, not ", name_of(target.dtype));
  require(loss.shape == target.shape && loss.dtype == x.dtype, op,
          ": one loss per row, of the logits' dtype");
  require(x.contiguous() && target.contiguous() && loss.contiguous(), op,
          ": logits, targets and losses must be contiguous");
}
}  // namespace detail

/// y[r,c] = exp(x[r,c]) / sum_k exp(x[r,k]). x, y: [rows, cols] contiguous, f32 | f64 (cpu).
/// A row of -inf alone has no softmax: NaN.
inline void softmax(Stream& s, const View& x, const View& y) {
  detail::check_rows("softmax", x, y);
  (s.device() == Device::cpu ? cpu::softmax : gpu::softmax)(s, x, y);
}

/// y[r,c] = x[r,c] - log sum_k exp(x[r,k]). Shapes and dtypes as softmax.
inline void log_softmax(Stream& s, const View& x, const View& y) {
  detail::check_rows("log_softmax", x, y);
  (s.device() == Device::cpu ? cpu::log_softmax : gpu::log_softmax)(s, x, y);
}

/// loss[r] = log sum_k exp(x[r,k]) - x[r, target[r]] in nats. x: [rows, classes], target: [rows]
/// i32, loss: [rows]. A target of -1 means none: the row's loss is 0. Any other outside [0,
/// classes) gives NaN: the value is on the device, where nothing can throw.
inline void cross_entropy(Stream& s, const View& x, const View& target, const View& loss) {
  detail::check_targets("cross_entropy", x, target, loss);
  (s.device() == Device::cpu ? cpu::cross_entropy : gpu::cross_entropy)(s, x, target, loss);
}

/// dx[r,c] = dloss[r] * (softmax(x)[r,c] - [c == target[r]]), the gradient of cross_entropy: 0
/// without a target, NaN where the loss is that of a foreign one.
inline void cross_entropy_grad(Stream& s, const View& x, const View& target, const View& dloss,
                               const View& dx) {
  detail::check_targets("cross_entropy", x, target, dloss);
  detail::check_rows("cross_entropy_grad", x, dx);
  (s.device() == Device::cpu ? cpu::cross_entropy_grad : gpu::cross_entropy_grad)(s, x, target,
                                                                                  dloss, dx);
}

}  // namespace etude
