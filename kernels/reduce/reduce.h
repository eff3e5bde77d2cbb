#pragma once
// Sums, maxima and minima over any dimensions, and the position of each row's maximum.

#include <cstdint>
#include <limits>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

enum class Reduction : std::uint8_t { sum, max, min, sum_squares };

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void reduce(Stream&, Reduction, const View& x, const View& y, double scale);
void argmax(Stream&, const View& x, const View& y);
}  // namespace cpu
namespace gpu {
void reduce(Stream&, Reduction, const View& x, const View& y, double scale);
void argmax(Stream&, const View& x, const View& y);
}  // namespace gpu

/// y = scale * reduction of x over every dimension in which y's extent is 1 and x's is not.
/// x: any strides, f32 | f64 (cpu); y: contiguous, x's rank and dtype. A NaN wins a max and a min.
/// Of no terms: sum 0, max -inf, min inf. The order of the additions depends on the shape alone.
inline void reduce(Stream& s, Reduction reduction, const View& x, const View& y, double scale = 1) {
  bool fits = x.rank() == y.rank();
  for (int d = 0; fits && d < x.rank(); ++d) fits = y.dim(d) == x.dim(d) || y.dim(d) == 1;
  require(fits, "reduce: each extent of y must be x's or 1, not ", y.shape, " for x ", x.shape);
  require(y.contiguous(), "reduce: y must be contiguous");
  require(x.dtype == y.dtype, "reduce: x is ", name_of(x.dtype), ", y is ", name_of(y.dtype));
  (s.device() == Device::cpu ? cpu::reduce : gpu::reduce)(s, reduction, x, y, scale);
}

/// y[r] = the first c with the largest x[r,c]; a NaN is larger than all. x: [rows, cols]
/// contiguous, f32 | f64 (cpu), cols >= 1; y: [rows] i32.
inline void argmax(Stream& s, const View& x, const View& y) {
  require(x.rank() == 2 && y.rank() == 1 && y.dim(0) == x.dim(0),
          "argmax: x must be [rows, cols] and y [rows], not ", x.shape, " and ", y.shape);
  require(x.dim(1) >= 1 && x.dim(1) <= std::numeric_limits<std::int32_t>::max(),
          "argmax: rows must have 1 to 2^31 - 1 elements, not ", x.dim(1));
  require(y.dtype == DType::i32, "argmax: y must be i32, not ", name_of(y.dtype));
  require(x.contiguous() && y.contiguous(), "argmax: x and y must be contiguous");
  (s.device() == Device::cpu ? cpu::argmax : gpu::argmax)(s, x, y);
}

}  // namespace etude
