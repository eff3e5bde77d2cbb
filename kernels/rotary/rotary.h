#pragma once
// Rotary positions: queries and keys turned by angles that grow with their place, so that their
// products depend on how far apart they are.
// Source: Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021, eq. 34;
// dimension i is paired with i + D / 2, as in GPT-NeoX and LLaMA.

#include <cmath>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

struct RotaryParams {
  std::int64_t first = 0;  // place of row t = 0
  double base = 10000;     // dimension i turns by base^(-2 i / D) per place
  bool inverse = false;    // turns back: the gradient
};

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void rotary(Stream&, const View& x, const View& y, const RotaryParams&);
}  // namespace cpu
namespace gpu {
void rotary(Stream&, const View& x, const View& y, const RotaryParams&);
}  // namespace gpu

namespace detail {
/// Of pair i at a place, in radians.
inline double rotary_angle(const RotaryParams& p, std::int64_t row, std::int64_t i,
                           std::int64_t head) {
  const double angle = static_cast<double>(p.first + row) *
                       std::pow(p.base, -2 * static_cast<double>(i) / static_cast<double>(head));
  return p.inverse ? -angle : angle;
}
}  // namespace detail

/// y = x with queries and keys turned, values as they are. x, y: [B, T, 3, heads, D], query, key
/// and value of each row, contiguous and apart from each other or the same, D even; f32 | bf16 |
/// f64 (cpu). For i < D / 2 and the angle a of the row:
///   y[i] = x[i] cos a - x[i + D/2] sin a,   y[i + D/2] = x[i + D/2] cos a + x[i] sin a
/// Angles are computed in f64. Throws Error for other shapes, strides and dtypes.
inline void rotary(Stream& s, const View& x, const View& y, const RotaryParams& params = {}) {
  require(x.rank() == 5 && x.dim(2) == 3 && x.dim(4) % 2 == 0,
          "rotary: x must be [B, T, 3, heads, D] with an even D, not ", x.shape);
  require(y.shape == x.shape && y.dtype == x.dtype, "rotary: y must be ", name_of(x.dtype), " ",
          x.shape, " as x, not ", name_of(y.dtype), " ", y.shape);
  require(x.contiguous() && y.contiguous(), "rotary: x and y must be contiguous");
  require(params.first >= 0 && params.base > 0 && std::isfinite(params.base),
          "rotary: the first place must be 0 or more and the base positive, not ", params.first,
          " and ", params.base);
  (s.device() == Device::cpu ? cpu::rotary : gpu::rotary)(s, x, y, params);
}

}  // namespace etude
