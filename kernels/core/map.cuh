#pragma once
// y[i] = op(x_0[i], x_1[i], ...) over views of any strides on the GPU; kernels/core/map.h is its
// twin on the CPU.

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "kernels/core/cuda.h"
#include "kernels/core/strided.h"

namespace etude::gpu {

/// n / value by a multiplication and a shift, for n < 2^31 and 1 <= value < 2^31.
/// Source: Granlund & Montgomery, "Division by invariant integers using multiplication", PLDI 1994,
/// fig. 4.1: with 2^(s-1) < d <= 2^s, n / d = (n + high(n m)) >> s for m = 2^32 (2^s - d) / d + 1.
struct Divisor {
  std::uint32_t value = 1, multiplier = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(std::uint32_t d) : value(d), shift(std::bit_width(d - 1)) {
    const std::uint64_t excess = (std::uint64_t{1} << shift) - d;
    multiplier = static_cast<std::uint32_t>((excess << 32) / d + 1);
  }
  __device__ std::uint32_t quotient(std::uint32_t n) const {
    return (n + __umulhi(n, multiplier)) >> shift;
  }
};

/// Turns a running number into the offsets of N operands; dimension 0 is the innermost. A kernel
/// gets it by value.
template <int N>
struct StridedIndex {
  int rank;
  Divisor extent[kMaxRank];
  std::int64_t stride[N][kMaxRank];

  explicit StridedIndex(const Strided<N>& s) : rank(s.rank) {
    for (int d = 0; d < s.rank; ++d) {
      extent[d] = Divisor(static_cast<std::uint32_t>(s.extent[d]));
      for (int k = 0; k < N; ++k) stride[k][d] = s.stride[k][d];
    }
  }

  /// Adds to offset the place of index n; returns n's index along dimension 0.
  __device__ std::uint32_t locate(std::uint32_t n, std::int64_t (&offset)[N]) const {
    std::uint32_t first = 0;
#pragma unroll
    for (int d = 0; d < kMaxRank; ++d) {
      if (d >= rank) break;
      // What is left for the outermost dimension is its index: no division.
      const std::uint32_t quotient = d + 1 < rank ? extent[d].quotient(n) : 0;
      const std::uint32_t i = n - quotient * extent[d].value;
      for (int k = 0; k < N; ++k) offset[k] += i * stride[k][d];
      if (d == 0) first = i;
      n = quotient;
    }
    return first;
  }
};

/// What one load or store instruction moves.
template <class T, int Width>
struct alignas(sizeof(T) * Width) Pack {
  T value[Width];
};

constexpr int kMapThreads = 256;

/// x[0], x[step], ... of which n are there; one instruction where the pack is whole.
template <int Width, class X>
__device__ __forceinline__ Pack<X, Width> load_pack(const X* x, std::int64_t step, int n) {
  if (Width > 1 && step == 1 && n == Width) return *reinterpret_cast<const Pack<X, Width>*>(x);
  Pack<X, Width> pack{};
#pragma unroll
  for (int e = 0; e < Width; ++e) {  // constant indices keep the pack in registers
    if (e < n) pack.value[e] = x[e * step];
  }
  return pack;
}

template <int Width, class Y>
__device__ __forceinline__ void store_pack(Y* y, std::int64_t step, int n,
                                           const Pack<Y, Width>& pack) {
  if (Width > 1 && step == 1 && n == Width) {
    *reinterpret_cast<Pack<Y, Width>*>(y) = pack;
  } else {
#pragma unroll
    for (int e = 0; e < Width; ++e) {
      if (e < n) y[e * step] = pack.value[e];
    }
  }
}

template <class Y, class X, int N>
struct MapArguments {
  Y* y;
  const X* x[N > 0 ? N : 1];
  StridedIndex<N + 1> index;  // of packs
  std::uint32_t packs;
  std::int64_t width;        // elements of a row
  std::int64_t step[N + 1];  // from element to element of a row
};

template <class Op, class P, std::size_t... K>
__device__ __forceinline__ auto apply_to(const Op& op, [[maybe_unused]] const P* x,
                                         [[maybe_unused]] int e, std::index_sequence<K...>) {
  return op(x[K].value[e]...);
}

/// y[i] = op(x_0[i], ..., x_{N-1}[i])
/// shapes  y and all x: one shape, any strides            dtype   X -> Y, by what op computes
/// launch  grid-stride over packs of Width elements of a row, block = 256
/// edges   a row may end with part of a pack; Width > 1 needs aligned rows (can_pack)
/// error   op's
/// cost    numel * (sizeof(Y) + N * sizeof(X)) bytes; memory bound
template <int Width, class Y, class X, int N, class Op>
__global__ void __launch_bounds__(kMapThreads) map_kernel(Op op, MapArguments<Y, X, N> a) {
  launch_bound(kMapThreads);
  const std::uint32_t stride = gridDim.x * kMapThreads;
  for (std::uint32_t p = blockIdx.x * kMapThreads + threadIdx.x; p < a.packs; p += stride) {
    std::int64_t offset[N + 1] = {};
    const std::uint32_t column = a.index.locate(p, offset);
    const std::int64_t left = a.width - std::int64_t{column} * Width;
    const int n = left < Width ? static_cast<int>(left) : Width;
    Pack<X, Width> x[N > 0 ? N : 1];
    for (int k = 0; k < N; ++k) x[k] = load_pack<Width>(a.x[k] + offset[k + 1], a.step[k + 1], n);
    Pack<Y, Width> y;
#pragma unroll
    for (int e = 0; e < Width; ++e) y.value[e] = apply_to(op, x, e, std::make_index_sequence<N>{});
    store_pack<Width>(a.y + offset[0], a.step[0], n, y);
  }
}

/// Whether packs of Width elements can be moved whole: rows run by 1 (or an input stands still) and
/// all of them begin at a multiple of the pack's size.
template <int Width, class Y, class X, int N>
bool can_pack(const Strided<N + 1>& s, const Y* y, const std::array<const X*, N>& x) {
  const auto aligned = [&](const auto* pointer, const auto& stride) {
    const bool base = reinterpret_cast<std::uintptr_t>(pointer) % (sizeof(*pointer) * Width) == 0;
    return base && stride[0] == 1 &&
           std::all_of(stride.begin() + 1, stride.begin() + s.rank,
                       [](std::int64_t v) { return v % Width == 0; });
  };
  for (int k = 0; k < N; ++k) {
    if (s.stride[k + 1][0] != 0 && !aligned(x[k], s.stride[k + 1])) return false;
  }
  return aligned(y, s.stride[0]);
}

template <int Width, class Y, class X, int N, class Op>
void launch_map(Stream& stream, const Op& op, Strided<N + 1> s, Y* y,
                const std::array<const X*, N>& x) {
  const std::int64_t width = s.extent[0];
  std::array<std::int64_t, N + 1> step;
  for (int k = 0; k <= N; ++k) {
    step[k] = s.stride[k][0];
    s.stride[k][0] *= Width;
  }
  s.extent[0] = (width + Width - 1) / Width;
  MapArguments<Y, X, N> a{y,     {}, StridedIndex<N + 1>(s), static_cast<std::uint32_t>(s.numel()),
                          width, {}};
  std::copy(x.begin(), x.end(), a.x);
  std::copy(step.begin(), step.end(), a.step);
  constexpr std::uint32_t kMaxBlocks = 1 << 14;
  const std::uint32_t blocks = std::min((a.packs + kMapThreads - 1) / kMapThreads, kMaxBlocks);
  launch(stream, {.grid = dim3(blocks), .block = dim3(kMapThreads)}, map_kernel<Width, Y, X, N, Op>,
         op, a);
}

/// y[i] = op(inputs[0][i], ...); N inputs of type X and y's shape, y of type Y. Checks are the
/// caller's. More than 2^31 - 1 elements take several launches.
template <class Y, class X, int N, class Op>
void map(Stream& stream, const Op& op, std::span<const View> inputs, const View& y) {
  constexpr int kWidth = 4;
  const Strided<N + 1> whole = collapse<N + 1>(y, inputs);
  for_each_slab(whole, std::numeric_limits<std::int32_t>::max(),
                [&](const auto& s, const auto& at) {
                  Y* to = y.as<Y>() + at[0];
                  std::array<const X*, N> from;
                  for (int k = 0; k < N; ++k) from[k] = inputs[k].as<X>() + at[k + 1];
                  if (can_pack<kWidth, Y, X, N>(s, to, from)) {
                    launch_map<kWidth, Y, X, N>(stream, op, s, to, from);
                  } else {
                    launch_map<1, Y, X, N>(stream, op, s, to, from);
                  }
                });
}

}  // namespace etude::gpu
