#pragma once
// What the rungs share: which tile of c a block computes, tiles of the operands in shared memory,
// the update of c.

#include "kernels/core/cuda.h"
#include "kernels/matmul/problem.h"

namespace etude::matmul_ladder {

HOST_DEVICE inline std::int64_t tiles_along(std::int64_t extent, int tile) {
  return (extent + tile - 1) / tile;
}

/// One block per tile of c, all in the grid's x: its other two axes end at 65535.
inline dim3 tile_grid(const MatmulProblem& p, int tile_m, int tile_n) {
  const std::int64_t tiles = p.batch * tiles_along(p.m, tile_m) * tiles_along(p.n, tile_n);
  require(tiles < (std::int64_t{1} << 31), "matmul: c of ", p.batch, " x [", p.m, ", ", p.n,
          "] takes ", tiles, " blocks, a grid has at most 2^31 - 1");
  return dim3(static_cast<unsigned>(tiles));
}

/// The block's tile: its product's place in the batch, its first row and column in c.
struct TilePlace {
  std::int64_t batch, m, n;
};

__device__ __forceinline__ TilePlace tile_place(const MatmulProblem& p, int tile_m, int tile_n) {
  const auto across = static_cast<unsigned>(tiles_along(p.n, tile_n));
  const auto down = static_cast<unsigned>(tiles_along(p.m, tile_m));
  const unsigned row = blockIdx.x / across;
  return {row / down, static_cast<std::int64_t>(row % down) * tile_m,
          static_cast<std::int64_t>(blockIdx.x % across) * tile_n};
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

/// c = alpha * sum + beta * c; c is not read when beta is 0.
template <class T>
__device__ __forceinline__ void update(T& c, compute_t<T> sum, compute_t<T> alpha,
                                       compute_t<T> beta) {
  const compute_t<T> product = alpha * sum;
  c = static_cast<T>(beta == 0 ? product : product + beta * static_cast<compute_t<T>>(c));
}

}  // namespace etude::matmul_ladder
