#include "kernels/core/parallel.h"
#include "kernels/random/random.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/elementwise/functors.h"
#include "kernels/random/box_muller.h"
#include "kernels/random/philox_batch.h"

namespace etude {
namespace {

using cpu::kBatchWords;

/// Calls body(first, n, words) for draws first .. first + n of the key, n <= kBatchWords.
/// `elements`: how many elements the draws decide on; below 32768 one thread does it all.
template <class Body>
void for_draws(const PhiloxKey& key, std::int64_t draws, std::int64_t elements, const Body& body) {
  parallel_for((draws + kBatchWords - 1) / kBatchWords, elements, [&](std::int64_t batch) {
    const std::int64_t first = batch * kBatchWords;
    std::uint32_t words[kBatchWords];
    cpu::philox_batch(key, static_cast<std::uint64_t>(first) / 4, words);
    body(first, std::min<std::int64_t>(kBatchWords, draws - first), words);
  });
}

template <class T>
void fill_normal_as(const PhiloxKey& key, const View& y, T mean, T sd) {
  T* out = y.as<T>();
  const std::int64_t numel = y.numel();
  for_draws(key, numel, numel, [=](std::int64_t first, std::int64_t n, const std::uint32_t* words) {
    T values[kBatchWords];
#pragma omp simd
    for (int j = 0; j < kBatchWords / 2; ++j) {
      const NormalPair pair = box_muller(words[2 * j], words[2 * j + 1]);
      values[2 * j] = math::fma(sd, static_cast<T>(pair.first), mean);
      values[2 * j + 1] = math::fma(sd, static_cast<T>(pair.second), mean);
    }
    std::copy_n(values, n, out + first);
  });
}

/// y[i] = keep(i / group) ? op(in[0][i], ...) * scale : 0
template <class T, class Op, std::size_t N, std::size_t... K>
void drop(const PhiloxKey& key, const Op& op, const std::array<const View, N>& inputs,
          const View& y, double p, std::int64_t group, std::index_sequence<K...>) {
  const std::array<const T*, N> in{inputs[K].template as<T>()...};
  T* out = y.as<T>();
  const auto threshold = static_cast<std::int32_t>(detail::keep_threshold(p));
  const T scale = static_cast<T>(detail::keep_scale(p));
  const std::int64_t numel = y.numel(), draws = (numel + group - 1) / group;
  for_draws(key, draws, numel, [&](std::int64_t first, std::int64_t n, const std::uint32_t* words) {
    if (group == 1) {
#pragma omp simd
      for (std::int64_t j = 0; j < n; ++j) {
        const bool keep = static_cast<std::int32_t>(words[j] >> 8) >= threshold;
        const T value = op(in[K][first + j]...) * scale;
        out[first + j] = math::select(keep, value, T{0});
      }
      return;
    }
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t begin = (first + j) * group, end = std::min(begin + group, numel);
      if (static_cast<std::int32_t>(words[j] >> 8) < threshold) {
        std::fill(out + begin, out + end, T{0});
        continue;
      }
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) out[i] = op(in[K][i]...) * scale;
    }
  });
}

}  // namespace

void cpu::fill_uniform(Stream&, const PhiloxKey& key, const View& y, double lo, double hi) {
  dispatch<float, double>("fill_uniform", y.dtype, [&]<class T>() {
    T* out = y.as<T>();
    const T base = static_cast<T>(lo), range = static_cast<T>(hi - lo);
    for_draws(key, y.numel(), y.numel(),
              [=](std::int64_t first, std::int64_t n, const std::uint32_t* words) {
#pragma omp simd
                for (std::int64_t j = 0; j < n; ++j) {
                  // As uniform01, by way of the signed conversion that vector units have.
                  const float u = static_cast<float>(static_cast<std::int32_t>(words[j] >> 8));
                  out[first + j] = math::fma(range, static_cast<T>(u * 0x1p-24f), base);
                }
              });
  });
}

void cpu::fill_normal(Stream&, const PhiloxKey& key, const View& y, double mean, double sd) {
  dispatch<float, double>("fill_normal", y.dtype, [&]<class T>() {
    fill_normal_as<T>(key, y, static_cast<T>(mean), static_cast<T>(sd));
  });
}

void cpu::dropout(Stream&, const PhiloxKey& key, const View& x, const View& y, double p,
                  std::int64_t group, double slope) {
  dispatch<float, double>("dropout", y.dtype, [&]<class T>() {
    drop<T, LeakyRelu, 1>(key, LeakyRelu(slope), {x}, y, p, group, std::make_index_sequence<1>{});
  });
}

void cpu::dropout_grad(Stream&, const PhiloxKey& key, const View& dy, const View& x, const View& dx,
                       double p, std::int64_t group, double slope) {
  dispatch<float, double>("dropout_grad", dx.dtype, [&]<class T>() {
    drop<T, LeakyReluGrad, 2>(key, LeakyReluGrad(slope), {dy, x}, dx, p, group,
                              std::make_index_sequence<2>{});
  });
}

}  // namespace etude
