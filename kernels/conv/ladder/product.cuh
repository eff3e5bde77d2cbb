#pragma once
// What the product kernels share: which tile a block computes, the depth split over blocks, and the
// way from sums in registers to the result.

#include <algorithm>

#include "kernels/conv/ladder/operands.cuh"
#include "kernels/core/warp.h"

namespace etude::conv_ladder {

/// How the depth of each tile is divided over blocks, and where their sums go: with one part
/// straight to the result, else [part][tile][sum][thread] to `partial`.
struct Split {
  int parts;
  float* partial;
};

/// Where a block works. grid = (row tiles * column tiles * groups, parts, phases); neighbouring
/// blocks have the same columns, so that they look up the same patches at the same time.
template <class Tile>
struct ProductPlace {
  int group, first_row, column_tile;

  template <class P>
  __device__ static ProductPlace of_block(const P& all, int column_tiles) {
    const int row_tiles = (all.rows + Tile::kRows - 1) / Tile::kRows;
    const int i = static_cast<int>(blockIdx.x), column = i / row_tiles;
    return {column / column_tiles, i % row_tiles * Tile::kRows, column % column_tiles};
  }
  __device__ int first_column() const { return column_tile * Tile::kColumns; }
};

/// The depths [begin, end) of part blockIdx.y: whole steps, the last may be short or empty.
struct DepthRange {
  int begin, end;

  __device__ DepthRange(int depth, int step, int parts) {
    const int steps = ceil_div(depth, step), own = ceil_div(steps, parts);
    begin = min(depth, static_cast<int>(blockIdx.y) * own * step);
    end = min(depth, begin + own * step);
  }
};

/// Where a thread writes its sums, one row at a time: the result of the epilogue, and the moments
/// of the tile's rows. A group of Tile::kLanes neighbouring lanes has all columns of a row that one
/// entry of the moments covers.
template <class Tile, class P>
class Finish {
 public:
  __device__ Finish(const P& product, const ProductPlace<Tile>& at, int column_tiles)
      : product_(product), at_(at) {
    float own = 0;
#pragma unroll
    for (int j = 0; j < Tile::kOwnColumns; ++j) {
      const int column = at.first_column() + Tile::column(j);
      to_[j] = column < product.columns ? product.result_column(column) : -1;
      own += to_[j] >= 0 ? 1.0f : 0.0f;
    }
    if (!product.epilogue.moments) return;
    count_ = warp_sum<Tile::kLanes>(own);
    part_ = (static_cast<int>(blockIdx.z) * column_tiles + at.column_tile) * Tile::kAcross +
            Tile::across();
  }

  /// All lanes of a warp call it together: i is the thread's own row, `sum` its columns.
  __device__ __forceinline__ void row(int i, const float (&sum)[Tile::kOwnColumns]) const {
    const auto& epilogue = product_.epilogue;
    const int row = at_.first_row + Tile::row(i), channel = at_.group * product_.rows + row;
    const bool inside = row < product_.rows;
    const float bias = inside ? epilogue.bias_of(channel) : 0.0f;
    auto* const result = product_.result + (inside ? product_.result_row(at_.group, row) : 0);
    float total = 0;
#pragma unroll
    for (int j = 0; j < Tile::kOwnColumns; ++j) {
      if (to_[j] < 0) continue;
      const float z = sum[j] + bias;
      total += z;
      if (inside) result[to_[j]] = epilogue.activated(z);
    }
    if (!epilogue.moments) return;
    const float mean = warp_sum<Tile::kLanes>(total) / fmaxf(count_, 1.0f);
    float squares = 0;
#pragma unroll
    for (int j = 0; j < Tile::kOwnColumns; ++j) {
      const float difference = sum[j] + bias - mean;
      squares += to_[j] >= 0 ? difference * difference : 0.0f;
    }
    squares = warp_sum<Tile::kLanes>(squares);
    if (inside && lane_id() % Tile::kLanes == 0) {
      const std::int64_t of_channel = static_cast<std::int64_t>(channel) * epilogue.parts;
      epilogue.moments[of_channel + part_] = {count_, mean, squares};
    }
  }

 private:
  const P& product_;
  const ProductPlace<Tile>& at_;
  int to_[Tile::kOwnColumns];
  float count_ = 0;
  int part_ = 0;
};

/// Where this block's sums lie in Split::partial, for part `part`.
template <class Tile>
__device__ __forceinline__ float* part_of(const Split& split, int part) {
  const std::int64_t tile = static_cast<std::int64_t>(blockIdx.z) * gridDim.x + blockIdx.x;
  const std::int64_t tiles = static_cast<std::int64_t>(gridDim.z) * gridDim.x;
  return split.partial + (part * tiles + tile) * (Tile::kRows * Tile::kColumns) + threadIdx.x;
}

/// The end of a product kernel: Finish, or with several parts the write of one.
template <class Tile, class P>
__device__ __forceinline__ void finish_or_keep(
    const P& product, const ProductPlace<Tile>& at, int column_tiles, const Split& split,
    const float (&sum)[Tile::kOwnRows][Tile::kOwnColumns]) {
  if (split.parts == 1) {
    const Finish<Tile, P> finish(product, at, column_tiles);
#pragma unroll
    for (int i = 0; i < Tile::kOwnRows; ++i) finish.row(i, sum[i]);
    return;
  }
  float* to = part_of<Tile>(split, static_cast<int>(blockIdx.y));
#pragma unroll
  for (int i = 0; i < Tile::kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kOwnColumns; ++j) {
      to[(i * Tile::kOwnColumns + j) * Tile::kThreads] = sum[i][j];
    }
  }
}

/// result = epilogue(the sum over the parts of the depth)
/// shapes  Split::partial: [parts, tiles, sums of a thread, threads]       dtype   f32 sums
/// launch  grid and block of the product, but one part; no shared memory
/// edges   as the product
/// error   `parts` additions in ascending order, so two runs are bit-equal
/// cost    4 * parts * tiles * tile bytes, read once, coalesced; memory (mostly L2) bound
/// source  the "split-K" of matrix libraries
template <class Tile, class P>
__global__ void __launch_bounds__(Tile::kThreads)
    sum_parts_kernel(P all, int column_tiles, Split split) {
  launch_bound(Tile::kThreads);
  const auto& product = all.phase(static_cast<int>(blockIdx.z));
  const auto at = ProductPlace<Tile>::of_block(all, column_tiles);
  const Finish<Tile, std::remove_cvref_t<decltype(product)>> finish(product, at, column_tiles);
#pragma unroll 1
  for (int i = 0; i < Tile::kOwnRows; ++i) {
    float sum[Tile::kOwnColumns] = {};
    for (int part = 0; part < split.parts; ++part) {
      const float* from = part_of<Tile>(split, part) + i * Tile::kOwnColumns * Tile::kThreads;
#pragma unroll
      for (int j = 0; j < Tile::kOwnColumns; ++j) sum[j] += from[j * Tile::kThreads];
    }
    finish.row(i, sum);
  }
}

/// At least so many blocks, which fill a large card about twice. A constant, so that every card
/// adds in one order.
constexpr std::int64_t kFillingBlocks = 256;
/// A part of the depth has at least so many steps.
constexpr std::int64_t kStepsPerPart = 4;

/// Launches kernel(product, column_tiles, split), then what its split and its statistics need.
/// `depth` and `columns`: the largest of any phase.
template <class Tile, class P>
void run_product(Stream& s, P product, int groups, Statistics statistics, std::size_t shared_bytes,
                 void (*kernel)(P, int, Split)) {
  const std::int64_t column_tiles = ceil_div(product.columns, Tile::kColumns);
  const std::int64_t tiles = ceil_div(product.rows, Tile::kRows) * column_tiles * groups;
  const std::int64_t all_tiles = tiles * product.phases();
  require(all_tiles < (std::int64_t{1} << 31), "conv: the result takes ", all_tiles,
          " tiles, a grid has at most 2^31 - 1");
  if (all_tiles == 0) return;
  const std::int64_t steps = ceil_div(product.depth, Tile::kDepth);
  const std::int64_t parts = std::clamp<std::int64_t>(
      ceil_div(kFillingBlocks, all_tiles), 1, std::max<std::int64_t>(1, steps / kStepsPerPart));
  // One call of scratch() serves both: the next one would take this one's memory.
  const std::int64_t channels = std::int64_t{product.rows} * groups;
  const std::int64_t moments = column_tiles * Tile::kAcross * product.phases();
  const std::size_t moments_bytes =
      statistics.mean ? (channels * moments * sizeof(Moments) + 255) / 256 * 256 : 0;
  const std::size_t partial_bytes =
      parts > 1 ? parts * all_tiles * Tile::kRows * Tile::kColumns * sizeof(float) : 0;
  auto* memory = moments_bytes + partial_bytes > 0
                     ? static_cast<std::byte*>(s.scratch(moments_bytes + partial_bytes))
                     : nullptr;
  if (statistics.mean) {
    product.epilogue.moments = reinterpret_cast<Moments*>(memory);
    product.epilogue.parts = static_cast<int>(moments);
  }
  const Split split{static_cast<int>(parts), reinterpret_cast<float*>(memory + moments_bytes)};
  LaunchConfig config{.grid = grid_of(tiles, parts, product.phases()),
                      .block = dim3(Tile::kThreads),
                      .shared_bytes = shared_bytes};
  launch(s, config, kernel, product, column_tiles, split);
  if (parts > 1) {
    config.grid.y = 1;
    config.shared_bytes = 0;
    launch(s, config, sum_parts_kernel<Tile, P>, product, column_tiles, split);
  }
  if (statistics.mean) {
    constexpr int kMergeThreads = 128;
    launch(s, {.grid = grid_of(channels), .block = dim3(kMergeThreads)},
           merge_moments_kernel<kMergeThreads>, product.epilogue.moments, product.epilogue.parts,
           statistics.mean, statistics.var);
  }
}

}  // namespace etude::conv_ladder
