#pragma once
// What the rungs share: which tile of c a block computes, tiles of the operands in shared memory.
// What they store, they store through Epilogue.

#include "kernels/core/cuda.h"
#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/problem.h"

namespace etude::matmul_ladder {

/// The number of elements, at most `most`, where `left` remain.
HOST_DEVICE inline int at_most(int most, std::int64_t left) {
  return left < most ? static_cast<int>(left) : most;
}

/// One block per tile of c, all in the grid's x: its other two axes end at 65535.
inline dim3 tile_grid(const MatmulProblem& p, int tile_m, int tile_n) {
  const std::int64_t tiles = p.batch * ceil_div(p.m, tile_m) * ceil_div(p.n, tile_n);
  return grid_of(tiles);
}

/// The block's tile: its product's place in the batch, its first row and column in c.
struct TilePlace {
  std::int64_t batch, m, n;
};

__device__ __forceinline__ TilePlace tile_place(const MatmulProblem& p, int tile_m, int tile_n) {
  const auto across = static_cast<unsigned>(ceil_div(p.n, tile_n));
  const auto down = static_cast<unsigned>(ceil_div(p.m, tile_m));
  const unsigned row = blockIdx.x / across;
  return {row / down, static_cast<std::int64_t>(row % down) * tile_m,
          static_cast<std::int64_t>(blockIdx.x % across) * tile_n};
}

/// Whether every run of x along its unit stride starts at a multiple of 16 bytes, so that it can be
/// moved by 16.
inline bool in_16_byte_runs(const MatrixStrides& strides, const View& x) {
  const auto aligned = [&](std::int64_t n) {
    return n * static_cast<std::int64_t>(size_of(x.dtype)) % 16 == 0;
  };
  return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && aligned(strides.batch) &&
         aligned(strides.col == 1 ? strides.row : strides.col);
}

/// A tile of one operand as [depth][outer]: outer is a row of a or a column of b, depth runs along
/// K. The padding gives the 32 lanes of a warp 32 banks also when they store down the depth.
template <class T, int Outer, int Depth>
struct OperandTile {
  compute_t<T> value[Depth][Outer + kWarpSize / Depth];

  /// Loads from x, the tile's first element; zeros from `outer_left` and `depth_left` on.
  /// Consecutive threads walk along the operand's unit stride, so the reads coalesce for either
  /// layout.
  __device__ __forceinline__ void load(const T* x, std::int64_t outer_stride,
                                       std::int64_t depth_stride, std::int64_t outer_left,
                                       std::int64_t depth_left) {
    const bool along_depth = depth_stride == 1;
    for (unsigned i = threadIdx.x; i < Outer * Depth; i += blockDim.x) {
      const unsigned outer = along_depth ? i / Depth : i % Outer;
      const unsigned depth = along_depth ? i % Depth : i / Outer;
      const bool inside = outer < outer_left && depth < depth_left;
      value[depth][outer] =
          inside ? static_cast<compute_t<T>>(x[outer * outer_stride + depth * depth_stride])
                 : compute_t<T>{0};
    }
  }
};

}  // namespace etude::matmul_ladder
