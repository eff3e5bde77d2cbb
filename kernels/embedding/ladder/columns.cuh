#pragma once
// How all kernels of the family share out columns: a block has a row, a thread Width columns.

#include <cstdint>
#include <initializer_list>

#include "kernels/core/cuda.h"
#include "kernels/core/map.cuh"
#include "kernels/core/view.h"

namespace etude::embedding_ladder {

constexpr int kThreads = 128;

/// The thread's first column.
template <int Width>
__device__ __forceinline__ std::int64_t column() {
  return (std::int64_t{blockIdx.y} * kThreads + threadIdx.x) * Width;
}

/// Blocks of 128 threads: x runs over rows, y over columns.
template <int Width>
LaunchConfig block_per_row(std::int64_t rows, std::int64_t cols) {
  const std::int64_t tiles = (cols + kThreads * Width - 1) / (kThreads * Width);
  return {.grid = grid_of(rows, tiles), .block = dim3(kThreads)};
}

/// f.template operator()<4>() where rows of T begin at multiples of 4 elements in all operands,
/// else f.template operator()<1>(). The bits of a result do not depend on it.
template <class T, class F>
void for_width(std::initializer_list<View> operands, const F& f) {
  bool aligned = true;
  for (const View& x : operands) {
    const auto address = reinterpret_cast<std::uintptr_t>(x.data);
    aligned = aligned && x.dim(1) % 4 == 0 && address % (4 * sizeof(T)) == 0;
  }
  if (aligned) {
    f.template operator()<4>();
  } else {
    f.template operator()<1>();
  }
}

}  // namespace etude::embedding_ladder
