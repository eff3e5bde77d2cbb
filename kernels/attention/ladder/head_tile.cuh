#pragma once
// Rows of a head in shared memory as tensor cores want them, and what a warp does with them.

#include "kernels/attention/ladder/delta.cuh"
#include "kernels/core/async.h"
#include "kernels/core/mma.h"

namespace etude::attention_ladder {

constexpr int kMmaThreads = 128, kMmaRows = 64;  // 4 warps with 16 of a block's rows each

/// kRows rows of kDim bf16 as 16-byte chunks. A row's chunks are permuted by xor with bits of its
/// number, so that the 8 chunks of 8 rows that a quarter of ldmatrix reads lie in different banks:
/// 16 or 8 chunks to a row repeat every row, 4 or 12 every second.
template <int kRows, int kDim>
struct HeadTile16 {
  static constexpr int kChunks = kDim / 8;
  uint4 chunk[kRows * kChunks];

  __device__ __forceinline__ static int place(int row, int i) {
    return row * kChunks + (kDim % 64 == 0 ? i ^ row % 8 : i ^ row / 2 % 4);
  }

  /// Starts loading the rows from `first` on of a head; those at and beyond `end`, and dimensions
  /// beyond D, become zeros. Chunks that are unaligned or partly beyond D are loaded at once.
  __device__ __forceinline__ void load(const bf16* from, std::int64_t stride, int first, int end,
                                       int D, bool aligned) {
#pragma unroll 2
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += kMmaThreads) {
      const int row = i / kChunks, d = i % kChunks * 8;
      uint4& to = chunk[place(row, i % kChunks)];
      const int inside = first + row < end && d < D ? (D - d < 8 ? D - d : 8) : 0;
      const bf16* x = from + (first + row) * stride + d;
      if (aligned && (inside == 0 || inside == 8)) {
        copy_async<16>(&to, inside ? x : from, inside > 0);
        continue;
      }
      std::uint32_t words[4] = {};
#pragma unroll
      for (int e = 0; e < 8; ++e) {
        if (e < inside) words[e / 2] |= std::uint32_t{x[e].bits} << e % 2 * 16;
      }
      to = make_uint4(words[0], words[1], words[2], words[3]);
    }
  }

  /// The operand a: the rows row .. row + 15, the 16 dimensions of `slab`.
  __device__ __forceinline__ void rows(std::uint32_t (&words)[4], int row, int slab) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, w = lane / 8;
    load_matrices(words, &chunk[place(row + w % 2 * 8 + lane % 8, slab * 2 + w / 2)]);
  }
  /// Twice the operand b, two words each, whose columns are the rows row .. row + 15, its depth the
  /// dimensions of `slab`.
  __device__ __forceinline__ void columns(std::uint32_t (&words)[4], int row, int slab) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, w = lane / 8;
    load_matrices(words, &chunk[place(row + w / 2 * 8 + lane % 8, slab * 2 + w % 2)]);
  }
  /// Twice the operand b, two words each, whose depth are the rows row .. row + 15, its columns the
  /// dimensions of `slab`.
  __device__ __forceinline__ void depth(std::uint32_t (&words)[4], int row, int slab) const {
    const int lane = static_cast<int>(threadIdx.x) % 32, w = lane / 8;
    load_matrices<true>(words, &chunk[place(row + w % 2 * 8 + lane % 8, slab * 2 + w / 2)]);
  }
};

/// Two products with a's fragment: of the columns 16 j .. 16 j + 15.
__device__ __forceinline__ void multiply_pair(float (&sum)[2][4], const std::uint32_t (&a)[4],
                                              const std::uint32_t (&b)[4]) {
  mma_bf16(sum[0], a, {b[0], b[1]});
  mma_bf16(sum[1], a, {b[2], b[3]});
}

/// x[j] = the 16 rows of `own` from `row` on times the rows 16 j .. 16 j + 15 of `other`, along the
/// dimensions; x[j][n] are the sums of 16 x 8.
template <int kCols, int kDim, class Own>
__device__ __forceinline__ void multiply_rows(const Own& own, int row,
                                              const HeadTile16<kCols, kDim>& other,
                                              float (&x)[kCols / 16][2][4]) {
#pragma unroll
  for (auto& pair : x) {
#pragma unroll
    for (int i = 0; i < 8; ++i) pair[i / 4][i % 4] = 0;
  }
#pragma unroll
  for (int slab = 0; slab < kDim / 16; ++slab) {
    std::uint32_t a[4], b[4];
    own.rows(a, row, slab);
#pragma unroll
    for (int j = 0; j < kCols / 16; ++j) {
      other.columns(b, 16 * j, slab);
      multiply_pair(x[j], a, b);
    }
  }
}

/// sum[d] += x (16 rows, kCols columns, rounded to bf16) times the rows of `other`: what was a sum
/// in x lies as an operand's element must.
template <int kCols, int kDim>
__device__ __forceinline__ void add_product(const float (&x)[kCols / 16][2][4],
                                            const HeadTile16<kCols, kDim>& other,
                                            float (&sum)[kDim / 16][2][4]) {
#pragma unroll
  for (int j = 0; j < kCols / 16; ++j) {
    std::uint32_t a[4], b[4];
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      a[w] = pack_bf16(bf16(x[j][w / 2][w % 2 * 2]), bf16(x[j][w / 2][w % 2 * 2 + 1]));
    }
#pragma unroll
    for (int d = 0; d < kDim / 16; ++d) {
      other.depth(b, 16 * j, d);
      multiply_pair(sum[d], a, b);
    }
  }
}

/// Row `half` (0: lane / 4, 1: 8 further) of a warp's sums, times a factor, to the user's row.
template <int kDim>
__device__ __forceinline__ void store_row(const float (&sum)[kDim / 16][2][4], int half,
                                          float factor, int D, bool aligned, bf16* to) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int n = 0; n < kDim / 8; ++n) {
    const int d = 8 * n + lane % 4 * 2;
    const bf16 low(factor * sum[n / 2][n % 2][2 * half]);
    const bf16 high(factor * sum[n / 2][n % 2][2 * half + 1]);
    if (aligned && d + 1 < D) {
      *reinterpret_cast<std::uint32_t*>(to + d) = pack_bf16(low, high);
    } else {
      if (d < D) to[d] = low;
      if (d + 1 < D) to[d + 1] = high;
    }
  }
}

}  // namespace etude::attention_ladder
