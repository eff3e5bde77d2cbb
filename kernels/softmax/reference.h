#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace etude::reference {

/// x: [rows, cols] -> log softmax of each row.
template <class Scalar>
std::vector<Scalar> log_softmax(const std::vector<Scalar>& x, std::int64_t rows,
                                std::int64_t cols) {
  std::vector<Scalar> y(x.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    const Scalar* row = x.data() + r * cols;
    const Scalar max = cols ? *std::max_element(row, row + cols) : Scalar{0};
    Scalar sum = 0;
    for (std::int64_t c = 0; c < cols; ++c) sum += std::exp(row[c] - max);
    for (std::int64_t c = 0; c < cols; ++c) y[r * cols + c] = row[c] - max - std::log(sum);
  }
  return y;
}

}  // namespace etude::reference
