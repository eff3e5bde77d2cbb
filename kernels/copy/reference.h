#pragma once
// The maths in plain loops: what a cast does to a value, and where the elements of a view lie.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/core/view.h"

namespace etude::reference {

/// The value that an element of dtype `from` has after a cast to `to`.
inline double cast(double value, DType from, DType to) {
  const double low = to == DType::u8 ? 0 : -0x1p31, high = to == DType::u8 ? 255 : 0x1p31 - 1;
  switch (to) {
    case DType::f64:
      return value;
    case DType::f32:
      return static_cast<float>(value);
    case DType::bf16:
      return bf16(static_cast<float>(value));
    default:
      break;
  }
  if (!is_float(from)) return to == DType::u8 ? value - 256 * std::floor(value / 256) : value;
  return std::isnan(value) ? 0 : std::clamp(std::trunc(value), low, high);
}

/// The offset of each element, in row-major order of the indices.
inline std::vector<std::int64_t> offsets(const Dims& shape, const Dims& strides) {
  std::vector<std::int64_t> result(numel(shape));
  for (std::int64_t i = 0; i < numel(shape); ++i) {
    std::int64_t rest = i;
    for (int d = shape.rank - 1; d >= 0; --d) {
      result[i] += rest % shape[d] * strides[d];
      rest /= shape[d];
    }
  }
  return result;
}

}  // namespace etude::reference
