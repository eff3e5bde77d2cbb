#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <complex>
#include <cstdint>
#include <vector>

namespace etude::reference {

/// A turn is a product with a complex number of modulus 1. x: [B, T, 3, heads, D].
template <class Scalar>
std::vector<Scalar> rotary(const std::vector<Scalar>& x, std::int64_t B, std::int64_t T,
                           std::int64_t heads, std::int64_t D, std::int64_t first, double base,
                           bool inverse) {
  std::vector<Scalar> y = x;
  for (std::int64_t n = 0; n < B * T * 3 * heads; ++n) {
    const std::int64_t t = n / (3 * heads) % T;
    if (n / heads % 3 == 2) continue;  // a value
    for (std::int64_t i = 0; i < D / 2; ++i) {
      const Scalar angle = static_cast<Scalar>(first + t) / std::pow(base, Scalar(2 * i) / D);
      const std::complex<Scalar> turned = std::complex<Scalar>(x[n * D + i], x[n * D + i + D / 2]) *
                                          std::polar(Scalar{1}, inverse ? -angle : angle);
      y[n * D + i] = turned.real();
      y[n * D + i + D / 2] = turned.imag();
    }
  }
  return y;
}

}  // namespace etude::reference
