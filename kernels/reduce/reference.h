#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/reduce/reduce.h"

namespace etude::reference {

/// x: row-major values of x_shape -> scale * reduction over the dimensions in which y_shape is 1.
template <class Scalar>
std::vector<Scalar> reduce(Reduction reduction, const std::vector<Scalar>& x, const Dims& x_shape,
                           const Dims& y_shape, Scalar scale) {
  const bool max = reduction == Reduction::max, min = reduction == Reduction::min;
  std::vector<Scalar> y(numel(y_shape), max ? -INFINITY : min ? INFINITY : 0);
  const Dims y_strides = contiguous_strides(y_shape);
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), to = 0;
    for (int d = x_shape.rank - 1; d >= 0; --d) {
      if (y_shape[d] != 1) to += rest % x_shape[d] * y_strides[d];
      rest /= x_shape[d];
    }
    switch (reduction) {
      case Reduction::sum:
        y[to] += x[i];
        break;
      case Reduction::sum_squares:
        y[to] += x[i] * x[i];
        break;
      case Reduction::max:
        if (x[i] > y[to] || std::isnan(x[i])) y[to] = x[i];
        break;
      case Reduction::min:
        if (x[i] < y[to] || std::isnan(x[i])) y[to] = x[i];
        break;
    }
  }
  for (Scalar& value : y) value *= scale;
  return y;
}

/// x: [rows, cols] -> the position of each row's first maximum, a NaN being larger than all.
template <class Scalar>
std::vector<double> argmax(const std::vector<Scalar>& x, std::int64_t rows, std::int64_t cols) {
  std::vector<double> y(rows, 0);
  for (std::int64_t r = 0; r < rows; ++r) {
    const Scalar* row = x.data() + r * cols;
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < cols && !std::isnan(row[best]); ++c) {
      if (row[c] > row[best] || std::isnan(row[c])) best = c;
    }
    y[r] = static_cast<double>(best);
  }
  return y;
}

}  // namespace etude::reference
