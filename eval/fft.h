#pragma once
// The discrete Fourier transform, of any length; fast where all prime factors are small.

#include <complex>
#include <span>
#include <vector>

namespace etude {

class Fft {
 public:
  /// Error: length < 1.
  explicit Fft(int length);

  /// out[k] = sum_n in[n] exp(-2 pi i k n / N). `out` does not overlap `in`; both have N elements,
  /// else it is an Error. N times the sum of N's prime factors complex multiplications.
  /// Source: Cooley & Tukey 1965, mixed radix, decimation in time.
  void operator()(std::span<const std::complex<double>> in,
                  std::span<std::complex<double>> out) const;

 private:
  void transform(const std::complex<double>* in, std::complex<double>* out, int length, int stride,
                 const int* factor) const;

  std::vector<std::complex<double>> roots_;  // exp(-2 pi i k / N)
  std::vector<int> factors_;                 // of N, all prime
};

}  // namespace etude
