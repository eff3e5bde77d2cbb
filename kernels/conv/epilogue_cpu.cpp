#include "kernels/conv/epilogue_cpu.h"

#include <algorithm>

#include "kernels/core/parallel.h"
#include "kernels/norm/channel.h"

namespace etude::cpu {
namespace {

/// Calls body(row) for the runs of `L` elements of one channel.
template <class T, class Body>
void for_rows_of_channel(const View& y, std::int64_t channel, std::int64_t L, Body body) {
  for (std::int64_t b = 0; b < y.dim(0); ++b) body(y.as<T>() + (b * y.dim(1) + channel) * L);
}

template <class T, class Term>
double channel_sum(const View& y, std::int64_t channel, std::int64_t L, Term term) {
  double sum = 0;
  for_rows_of_channel<T>(y, channel, L, [&](const T* row) {
    double part = 0;
#pragma omp simd reduction(+ : part)
    for (std::int64_t i = 0; i < L; ++i) part += term(static_cast<double>(row[i]));
    sum += part;
  });
  return sum;
}

}  // namespace

void apply_epilogue(const View& y, const ConvEpilogue& e) {
  if (!e.bias.data && !e.mean.data && e.slope == 1) return;
  const std::int64_t L = y.dim(2) * y.dim(3), K = y.dim(1);
  dispatch<float, double>("conv_fused", y.dtype, [&]<class T>() {
    const auto bias_of = [&](std::int64_t k) -> T {
      if (!e.bias.data) return 0;
      return e.bias.dtype == DType::bf16 ? static_cast<T>(e.bias.as<bf16>()[k]) : e.bias.as<T>()[k];
    };
    if (e.mean.data) {
      const double count = static_cast<double>(y.dim(0) * L);
      parallel_for(K, y.numel(), [&](std::int64_t k) {
        const double mean = channel_sum<T>(y, k, L, [](double z) { return z; }) / count;
        const auto square = [&](double z) { return (z - mean) * (z - mean); };
        e.mean.as<T>()[k] = static_cast<T>(mean + bias_of(k));
        e.var.as<T>()[k] = static_cast<T>(channel_sum<T>(y, k, L, square) / count);
      });
    }
    const T slope = static_cast<T>(e.slope);
    parallel_for(y.dim(0) * K, y.numel(), [&](std::int64_t row) {
      const T bias = bias_of(row % K);
      T* at = y.as<T>() + row * L;
#pragma omp simd
      for (std::int64_t i = 0; i < L; ++i) {
        const T z = at[i] + bias;
        at[i] = leaky(z, z, slope);
      }
    });
  });
}

}  // namespace etude::cpu
