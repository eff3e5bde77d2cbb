#include "eval/fft.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace etude {
namespace {

using Complex = std::complex<double>;

/// Without the standard's care for infinities, which is a function call per product.
Complex multiply(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

Fft::Fft(int length) {
  require(length >= 1, "Fourier transform: of length ", length);
  for (int k = 0; k < length; ++k) {
    roots_.push_back(std::polar(1.0, -2 * std::numbers::pi * k / length));
  }
  for (int p = 2; length > 1; ++p) {
    for (; length % p == 0; length /= p) factors_.push_back(p);
  }
}

void Fft::operator()(std::span<const Complex> in, std::span<Complex> out) const {
  require(in.size() == roots_.size() && out.size() == roots_.size(), "Fourier transform: of ",
          in.size(), " values to ", out.size(), ", not ", roots_.size());
  transform(in.data(), out.data(), static_cast<int>(roots_.size()), 1, factors_.data());
}

/// of in[0], in[stride], ...: the transforms of each p-th value, joined.
void Fft::transform(const Complex* in, Complex* out, int length, int stride,
                    const int* factor) const {
  if (length == 1) {
    *out = *in;
    return;
  }
  const int p = *factor, part = length / p;
  for (int r = 0; r < p; ++r) {
    transform(in + r * stride, out + r * part, part, stride * p, factor + 1);
  }
  std::vector<Complex> terms(p);
  for (int k = 0; k < part; ++k) {
    // Each index stays below N: r k < length, and length times stride is N.
    for (int r = 0; r < p; ++r) {
      terms[r] = multiply(out[r * part + k], roots_[r * k * stride]);
    }
    for (int q = 0; q < p; ++q) {
      Complex sum = terms[0];
      for (int r = 1, turn = 0; r < p; ++r) {
        turn = turn + q < p ? turn + q : turn + q - p;
        sum += multiply(terms[r], roots_[turn * part * stride]);
      }
      out[q * part + k] = sum;
    }
  }
}

}  // namespace etude
