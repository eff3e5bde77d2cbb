#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <cstdint>
#include <limits>
#include <vector>

namespace etude::reference {

/// ids: [N], w: [V, E] -> [N, E].
template <class Scalar>
std::vector<Scalar> embedding(const std::vector<double>& ids, const std::vector<Scalar>& w,
                              std::int64_t rows, std::int64_t cols) {
  std::vector<Scalar> y;
  for (double id : ids) {
    for (std::int64_t c = 0; c < cols; ++c) {
      const bool inside = id >= 0 && id < static_cast<double>(rows);
      y.push_back(inside ? w[static_cast<std::int64_t>(id) * cols + c]
                         : std::numeric_limits<Scalar>::quiet_NaN());
    }
  }
  return y;
}

/// ids: [N], dy: [N, E] -> dw: [V, E].
template <class Scalar>
std::vector<Scalar> embedding_grad(const std::vector<double>& ids, const std::vector<Scalar>& dy,
                                   std::int64_t rows, std::int64_t cols) {
  std::vector<Scalar> dw(static_cast<std::size_t>(rows * cols));
  for (std::size_t n = 0; n < ids.size(); ++n) {
    if (ids[n] < 0 || ids[n] >= static_cast<double>(rows)) continue;
    for (std::int64_t c = 0; c < cols; ++c) {
      dw[static_cast<std::int64_t>(ids[n]) * cols + c] +=
          dy[static_cast<std::int64_t>(n) * cols + c];
    }
  }
  return dw;
}

}  // namespace etude::reference
