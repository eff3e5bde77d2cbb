#pragma once
// Bottleneck before: a tap in shared memory still serves one position per thread, small images
// leave threads idle, and the shape of the window decides what fits. Idea: a convolution is the
// product of the weights with the matrix of columns (im2col). Compute it as one: a tile of the
// result per block, 4 x 4 sums per thread, the operands' tiles in shared memory. The matrix of
// columns is never stored: its elements are looked up in x while a tile loads. The weight gradient
// is a product too, of few elements with long sums: its depth is split over blocks, whose sums a
// second kernel adds in a fixed order. Predicted: each loaded element serves 64 multiplications
// instead of 1, each element read from shared memory 4: 10 to 20 times the direct rung, until
// shared memory is the limit. The split turns the one tile of a weight gradient of 64 x 16 into 256
// blocks' work.

#include "kernels/conv/ladder/product.cuh"

namespace etude::conv_ladder {

struct RegisterTile {
  static constexpr int kThreads = 256;
  static constexpr int kRows = 64, kColumns = 64;  // of the result per block
  static constexpr int kDepth = 16;                // of both operands per step
  static constexpr int kOwnRows = 4, kOwnColumns = 4;
  static constexpr int kLanes = kColumns / kOwnColumns;  // that share a row
  static constexpr int kAcross = 1;                      // such groups per row

  __device__ static int across() { return 0; }
  __device__ static int row(int i) { return static_cast<int>(threadIdx.x) / kLanes * kOwnRows + i; }
  __device__ static int column(int j) {
    return static_cast<int>(threadIdx.x) % kLanes * kOwnColumns + j;
  }
};

__device__ __forceinline__ float load_or_zero(const float* p, bool valid) {
  return p && valid ? *p : 0.0f;
}

/// result[row, column] = sum_d a[row, d] * b[d, column], per group and phase; then the epilogue
/// shapes  of the product's operands; any rows, columns, depth       dtype   f32
/// launch  grid = (64 x 64 tiles, parts of the depth, phases), block = 256, shared = 8.5 KiB,
///         2 barriers per 16 of the depth
/// edges   a tile beyond the result loads zeros and is not stored; depth 0 gives 0
/// error   `depth` additions in one chain per part, as the direct rung
/// cost    2 * groups * rows * columns * depth flops, (rows + columns) * depth * tiles loads;
///         compute bound from about 64 rows and columns on
/// source  Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014, section 3
template <class P>
__global__ void __launch_bounds__(RegisterTile::kThreads)
    register_tile_kernel(P all, int column_tiles, Split split) {
  launch_bound(RegisterTile::kThreads);
  using Tile = RegisterTile;
  constexpr int kDepth = Tile::kDepth;
  struct Smem {
    // One float4 of padding: stores of neighbouring depths fall into different banks.
    alignas(16) float a[kDepth][Tile::kRows + 4], b[kDepth][Tile::kColumns + 4];
  };
  auto& smem = shared<Smem>();
  const auto& product = all.phase(static_cast<int>(blockIdx.z));
  static_assert(Product<std::remove_cvref_t<decltype(product)>>);
  const auto at = ProductPlace<Tile>::of_block(all, column_tiles);
  const DepthRange range(at.first_column() < product.columns ? product.depth : 0, kDepth,
                         split.parts);
  // A thread loads from 4 rows of a, each at one depth per step; of b from one column at 4 depths,
  // or from 4 columns at one depth: whatever makes its warp read neighbours in memory.
  constexpr int kOwn = 4, kApart = 16;
  constexpr bool kColumnsFast = P::kColumnsFast;
  constexpr int kOwnColumns = kColumnsFast ? 1 : kOwn, kOwnDepths = kColumnsFast ? kOwn : 1;
  constexpr int kDepthsApart = kDepth / kOwnDepths;
  const int thread = static_cast<int>(threadIdx.x);
  const int d_a = thread % kDepth, first_a = thread / kDepth;
  const int d_b = kColumnsFast ? thread / Tile::kColumns : d_a;
  const int first_b = kColumnsFast ? thread % Tile::kColumns : first_a;
  Place row[kOwn], column[kOwnColumns];
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    const int r = at.first_row + first_a + i * kApart;
    row[i] = r < product.rows ? product.a_row(at.group, r) : outside();
  }
#pragma unroll
  for (int i = 0; i < kOwnColumns; ++i) {
    const int c = at.first_column() + first_b + i * kApart;
    column[i] = c < product.columns ? product.b_column(at.group, c) : outside();
  }
  const Radix radix = product.depth_radix;
  Digits at_a = radix.digits(range.begin + d_a), at_b = radix.digits(range.begin + d_b);
  const Digits next_a = radix.digits(kDepth), next_b = radix.digits(kDepthsApart);
  float sum[Tile::kOwnRows][Tile::kOwnColumns] = {};
  for (int begin = range.begin; begin < range.end; begin += kDepth) {
    const Place depth_a = product.a_depth(at_a);
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      smem.a[d_a][first_a + i * kApart] =
          load_or_zero(product.a.at(row[i] + depth_a), begin + d_a < range.end);
    }
    at_a = radix.sum(at_a, next_a);
#pragma unroll
    for (int j = 0; j < kOwnDepths; ++j) {
      const int d = d_b + j * kDepthsApart;
      const Place depth_b = product.b_depth(at_b);
#pragma unroll
      for (int i = 0; i < kOwnColumns; ++i) {
        smem.b[d][first_b + i * kApart] =
            load_or_zero(product.b.at(column[i] + depth_b), begin + d < range.end);
      }
      at_b = radix.sum(at_b, next_b);
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      const float4 a4 = *reinterpret_cast<const float4*>(&smem.a[d][Tile::row(0)]);
      const float4 b4 = *reinterpret_cast<const float4*>(&smem.b[d][Tile::column(0)]);
      const float a[kOwn] = {a4.x, a4.y, a4.z, a4.w}, b[kOwn] = {b4.x, b4.y, b4.z, b4.w};
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();  // all have read: the next step may write
  }
  finish_or_keep<Tile>(product, at, column_tiles, split, sum);
}

template <class P>
void run_register_product(Stream& s, const P& product, int groups, Statistics statistics = {}) {
  run_product<RegisterTile>(s, product, groups, statistics, 0, register_tile_kernel<P>);
}

}  // namespace etude::conv_ladder
