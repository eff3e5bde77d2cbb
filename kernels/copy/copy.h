#pragma once
// Copies between views of any strides and dtypes, and constant views.

#include "kernels/core/strided.h"
#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

namespace cpu {
void copy(Stream&, const View& x, const View& y);
void fill(Stream&, const View& y, double value);
}  // namespace cpu
namespace gpu {
void copy(Stream&, const View& x, const View& y);
void fill(Stream&, const View& y, double value);
}  // namespace gpu

/// y[i] = cast(x[i]). Same shape, any rank, any strides (x's may be 0: broadcast; y's may not), any
/// two dtypes on both devices; the cast is kernels/copy/convert.h's. x and y share no memory.
inline void copy(Stream& s, const View& x, const View& y) {
  require(x.shape == y.shape, "copy: x and y must have one shape, not ", x.shape, " and ", y.shape);
  require(!repeats_elements(y), "copy: y repeats elements: shape ", y.shape, ", strides ",
          y.strides);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::copy : gpu::copy)(s, x, y);
}

/// y[i] = cast(value), rules as for copy.
inline void fill(Stream& s, const View& y, double value) {
  require(!repeats_elements(y), "fill: y repeats elements: shape ", y.shape, ", strides ",
          y.strides);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::fill : gpu::fill)(s, y, value);
}

}  // namespace etude
