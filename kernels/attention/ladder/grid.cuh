#pragma once
// How the rungs cut the rows of all heads into blocks.

#include "kernels/attention/problem.h"
#include "kernels/core/cuda.h"

namespace etude::attention_ladder {

/// Which tile of `rows` rows of which head is this block's; the last tile first: in a causal
/// attention it has the most to do.
struct HeadTile {
  std::int64_t head;
  int first;

  __device__ __forceinline__ HeadTile(int rows_of_head, int rows) {
    const int tiles = ceil_div(rows_of_head, rows);
    head = blockIdx.x / tiles;
    first = (tiles - 1 - static_cast<int>(blockIdx.x % tiles)) * rows;
  }
};
inline dim3 head_tiles(std::int64_t heads, int rows_of_head, int rows) {
  return grid_of(heads * ceil_div(rows_of_head, rows));
}

}  // namespace etude::attention_ladder
