#pragma once
// How the rungs cut the rows of all heads into blocks.

#include "kernels/attention/problem.h"
#include "kernels/core/cuda.h"

namespace etude::attention_ladder {

inline std::int64_t blocks_for(std::int64_t n, std::int64_t per_block) {
  return (n + per_block - 1) / per_block;
}
inline dim3 grid_of(std::int64_t blocks) {
  require(blocks <= 0x7fffffff, "attention: too many blocks for one launch, ", blocks);
  return dim3(static_cast<unsigned>(blocks));
}

/// Which tile of `rows` rows of which head is this block's; the last tile first: in a causal
/// attention it has the most to do.
struct HeadTile {
  std::int64_t head;
  int first;

  __device__ __forceinline__ HeadTile(int rows_of_head, int rows) {
    const int tiles = (rows_of_head + rows - 1) / rows;
    head = blockIdx.x / tiles;
    first = (tiles - 1 - static_cast<int>(blockIdx.x % tiles)) * rows;
  }
};
inline dim3 head_tiles(std::int64_t heads, int rows_of_head, int rows) {
  return grid_of(heads * blocks_for(rows_of_head, rows));
}

}  // namespace etude::attention_ladder
