#include "kernels/random/random.h"

#include "kernels/core/map.cuh"
#include "kernels/elementwise/functors.h"
#include "kernels/random/box_muller.h"

namespace etude {
namespace {

constexpr int kThreads = 256;
using Four = gpu::Pack<float, 4>;

struct Uniform {
  float lo, range;
  __device__ Four operator()(const Philox4& random) const {
    Four y;
#pragma unroll
    for (int w = 0; w < 4; ++w) y.value[w] = math::fma(range, uniform01(random.word[w]), lo);
    return y;
  }
};

struct Normal {
  float mean, sd;
  __device__ Four operator()(const Philox4& random) const {
    const NormalPair a = box_muller(random.word[0], random.word[1]);
    const NormalPair b = box_muller(random.word[2], random.word[3]);
    return {{math::fma(sd, a.first, mean), math::fma(sd, a.second, mean),
             math::fma(sd, b.first, mean), math::fma(sd, b.second, mean)}};
  }
};

LaunchConfig thread_per_four(std::int64_t n) {
  const std::int64_t blocks =
      std::min<std::int64_t>((n + 4 * kThreads - 1) / (4 * kThreads), 1 << 14);
  return {.grid = grid_of(blocks), .block = dim3(kThreads)};
}

bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % sizeof(Four) == 0;
}

/// y[4b .. 4b + 4) = distribution(philox(key, b))
/// shapes  y: [n] contiguous                              dtype   f32
/// launch  grid-stride, one thread per Philox block, block = 256
/// edges   n need not be a multiple of 4, nor y 16-byte aligned (then scalar stores)
/// error   none: the CPU's bits, where it has fma
/// cost    4 n bytes; some 25 n integer operations, near the balance of memory and arithmetic
/// source  Salmon et al. 2011; Box & Muller 1958
template <class Distribution>
__global__ void __launch_bounds__(kThreads)
    fill_kernel(PhiloxKey key, Distribution distribution, float* y, std::int64_t n, bool aligned) {
  launch_bound(kThreads);
  const std::int64_t stride = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t b = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; 4 * b < n; b += stride) {
    const Four values = distribution(philox(key, static_cast<std::uint64_t>(b)));
    const std::int64_t left = n - 4 * b;
    if (aligned && left >= 4) {
      *reinterpret_cast<Four*>(y + 4 * b) = values;
    } else {
      for (int e = 0; e < 4 && e < left; ++e) y[4 * b + e] = values.value[e];
    }
  }
}

template <int N>
struct DropArguments {
  const float* x[N];
  float* y;
  std::int64_t n, group;
  std::uint32_t threshold;
  float scale;
};

/// The word of a draw, given its Philox block: selected, as an index would put the words in memory.
__device__ __forceinline__ std::uint32_t word_of(const Philox4& block, std::int64_t draw) {
  const std::uint32_t low = draw & 1 ? block.word[1] : block.word[0];
  const std::uint32_t high = draw & 1 ? block.word[3] : block.word[2];
  return draw & 2 ? high : low;
}

/// y[i] = word(draw i / group) >> 8 >= threshold ? op(x_0[i], ...) * scale : 0
/// shapes  all [n] contiguous                             dtype   f32
/// launch  grid-stride, Width elements per thread, block = 256
/// edges   Width 4 needs 16-byte aligned x and y; n need not be a multiple of it. A thread computes
/// a
///         Philox block anew only where its elements leave the last one
/// error   none: the CPU's bits
/// cost    4 (N + 1) n bytes; memory bound
template <int Width, class Op, int N>
__global__ void __launch_bounds__(kThreads) drop_kernel(PhiloxKey key, Op op, DropArguments<N> a) {
  launch_bound(kThreads);
  const std::int64_t stride = std::int64_t{gridDim.x} * kThreads * Width;
  std::int64_t i = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) * Width;
  for (; i < a.n; i += stride) {
    const int count = a.n - i < Width ? static_cast<int>(a.n - i) : Width;
    gpu::Pack<float, Width> x[N], y;
    for (int k = 0; k < N; ++k) x[k] = gpu::load_pack<Width>(a.x[k] + i, 1, count);
    std::int64_t draw = i / a.group, since = i - draw * a.group;
    Philox4 random = philox(key, static_cast<std::uint64_t>(draw) / 4);
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      const float value = gpu::apply_to(op, x, e, std::make_index_sequence<N>{}) * a.scale;
      y.value[e] = word_of(random, draw) >> 8 >= a.threshold ? value : 0.0f;
      if (++since == a.group) {
        since = 0;
        if ((++draw & 3) == 0 && e + 1 < Width) {
          random = philox(key, static_cast<std::uint64_t>(draw) / 4);
        }
      }
    }
    gpu::store_pack<Width>(a.y + i, 1, count, y);
  }
}

template <class Op, int N>
void drop(Stream& s, const PhiloxKey& key, const Op& op, const View (&inputs)[N], const View& y,
          double p, std::int64_t group) {
  DropArguments<N> a{{},
                     y.as<float>(),
                     y.numel(),
                     group,
                     detail::keep_threshold(p),
                     static_cast<float>(detail::keep_scale(p))};
  bool aligned = is_aligned(y.data);
  for (int k = 0; k < N; ++k) {
    a.x[k] = inputs[k].template as<float>();
    aligned = aligned && is_aligned(a.x[k]);
  }
  launch(s, thread_per_four(a.n), aligned ? drop_kernel<4, Op, N> : drop_kernel<1, Op, N>, key, op,
         a);
}

template <class Distribution>
void fill(Stream& s, const PhiloxKey& key, const Distribution& distribution, const View& y) {
  launch(s, thread_per_four(y.numel()), fill_kernel<Distribution>, key, distribution, y.as<float>(),
         y.numel(), is_aligned(y.data));
}

}  // namespace

void gpu::fill_uniform(Stream& s, const PhiloxKey& key, const View& y, double lo, double hi) {
  fill(s, key, Uniform{static_cast<float>(lo), static_cast<float>(hi - lo)}, y);
}

void gpu::fill_normal(Stream& s, const PhiloxKey& key, const View& y, double mean, double sd) {
  fill(s, key, Normal{static_cast<float>(mean), static_cast<float>(sd)}, y);
}

void gpu::dropout(Stream& s, const PhiloxKey& key, const View& x, const View& y, double p,
                  std::int64_t group, double slope) {
  drop(s, key, LeakyRelu(slope), {x}, y, p, group);
}

void gpu::dropout_grad(Stream& s, const PhiloxKey& key, const View& dy, const View& x,
                       const View& dx, double p, std::int64_t group, double slope) {
  drop(s, key, LeakyReluGrad(slope), {dy, x}, dx, p, group);
}

}  // namespace etude
