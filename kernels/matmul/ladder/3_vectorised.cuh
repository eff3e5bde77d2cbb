#pragma once
// Bottleneck before: scalar loads take more issue slots than they need (16 shared loads for 64
// multiply-adds), and between two barriers all of a block's warps wait for global memory.
// Idea: move 16 bytes at a time, and load tile k + 1 while tile k is multiplied. Two pairs of tiles
// take turns, so one barrier a step is enough. An operand whose unit stride lies along a tile's
// rows goes from global to shared memory by cp.async, past the registers; one that lies the other
// way is held in four registers over the step and stored transposed after it.
// Predicted gain: 1.3-1.6x over the register tile. Shared loads fall from 16 to 4 for 64
// multiply-adds, and global latency is hidden unless a step is shorter than it; to about 80-90% of
// the f32 peak on large matrices.

#include <concepts>

#include "kernels/core/async.h"
#include "kernels/matmul/ladder/tile.cuh"

namespace etude::matmul_ladder {

constexpr int kVectorTile = 128;  // rows and columns of c per block
constexpr int kVectorDepth = 8;   // of one step along K: 4 elements of a tile for each thread
constexpr int kVectorThreads = 256;

/// [depth][outer]; the padding keeps rows 16-byte aligned, and stores down the depth (16 columns
/// and rows 0 and 4 for a warp) in 32 different banks.
struct VectorTile {
  float value[kVectorDepth][kVectorTile + 4];
};

/// What one thread loads of an operand: in each tile four elements that are neighbours in memory.
class VectorLoader {
 public:
  __device__ __forceinline__ VectorLoader(const float* x, std::int64_t outer_stride,
                                          std::int64_t depth_stride, std::int64_t outer_left,
                                          std::int64_t depth_left, bool aligned)
      : along_depth_(depth_stride == 1), aligned_(aligned), depth_left_(depth_left) {
    const int i = static_cast<int>(threadIdx.x);
    outer_ = along_depth_ ? i / 2 : i % 32 * 4;  // neighbouring threads read neighbouring elements
    depth_ = along_depth_ ? i % 2 * 4 : i / 32;
    outer_left_ = at_most(kVectorTile, outer_left);
    from_ = x + outer_ * outer_stride + depth_ * depth_stride;
    step_ = kVectorDepth * depth_stride;
  }

  /// Starts loading the next tile.
  __device__ __forceinline__ void start(VectorTile& tile) {
    const std::int64_t depth_left = depth_left_ - depth_;
    int inside = at_most(4, along_depth_ ? depth_left : outer_left_ - outer_);
    if (along_depth_ ? outer_ >= outer_left_ : depth_left <= 0) inside = 0;
    if (!along_depth_) {
      float* to = &tile.value[depth_][outer_];
      if (aligned_ && (inside >= 4 || inside <= 0)) {
        copy_async<16>(to, from_, inside > 0);
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) copy_async<4>(to + e, from_ + e, e < inside);
      }
    } else if (aligned_ && inside >= 4) {
      held_ = *reinterpret_cast<const float4*>(from_);
    } else {
      held_ = make_float4(inside > 0 ? from_[0] : 0, inside > 1 ? from_[1] : 0,
                          inside > 2 ? from_[2] : 0, inside > 3 ? from_[3] : 0);
    }
    from_ += step_;
    depth_left_ -= kVectorDepth;
  }

  /// Stores what start() left in registers; when there is other work to do first, memory has time.
  __device__ __forceinline__ void finish(VectorTile& tile) const {
    if (!along_depth_) return;
    tile.value[depth_][outer_] = held_.x;
    tile.value[depth_ + 1][outer_] = held_.y;
    tile.value[depth_ + 2][outer_] = held_.z;
    tile.value[depth_ + 3][outer_] = held_.w;
  }

 private:
  bool along_depth_, aligned_;
  int outer_, depth_, outer_left_;
  std::int64_t depth_left_, step_;
  const float* from_;
  float4 held_{};
};

/// Eight elements of a tile's row, four and four of them neighbours `apart` elements apart.
__device__ __forceinline__ void read_eight(float (&x)[8], const float* row, int apart) {
  const float4 low = *reinterpret_cast<const float4*>(row);
  const float4 high = *reinterpret_cast<const float4*>(row + apart);
  x[0] = low.x, x[1] = low.y, x[2] = low.z, x[3] = low.w;
  x[4] = high.x, x[5] = high.y, x[6] = high.z, x[7] = high.w;
}

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] strided, c: [batch, M, N] contiguous
/// dtype   f32
/// launch  grid = 128 x 128 tiles of c, block = 256, shared = four tiles (17 KB), 1 barrier a step
/// edges   tiles over the edge are filled with zeros; unaligned runs and those over an edge load
///         element by element; K = 0: the epilogue of 0
/// error   K roundings, in ascending order of k: as the naive rung
/// cost    2 * batch * M * N * K flops; an operand element is loaded M / 128 or N / 128 times
/// source  CUTLASS documentation, "Efficient GEMM in CUDA" (hierarchy, pipelining)
template <std::same_as<float> T>
__global__ void __launch_bounds__(kVectorThreads)
    matmul_vectorised(MatmulProblem p, const T* a, const T* b, T* c, Epilogue<T> epilogue,
                      bool a_aligned, bool b_aligned) {
  launch_bound(kVectorThreads);
  struct Smem {
    VectorTile a[2], b[2];
  };
  auto& tile = shared<Smem>();
  const TilePlace at = tile_place(p, kVectorTile, kVectorTile);
  VectorLoader load_a(a + at.batch * p.a.batch + at.m * p.a.row, p.a.row, p.a.col, p.m - at.m, p.k,
                      a_aligned);
  VectorLoader load_b(b + at.batch * p.b.batch + at.n * p.b.col, p.b.col, p.b.row, p.n - at.n, p.k,
                      b_aligned);
  // A warp computes 32 x 64 elements, 4 x 8 lanes wide: what it reads of a row of b is 128 bytes in
  // a run, of a 64, and the lanes that want the same element are served by one read.
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int row = warp / 2 * 32 + lane / 8 * 4, col = warp % 2 * 64 + lane % 8 * 4;
  float sum[8][8] = {};
  if (p.k > 0) {
    load_a.start(tile.a[0]), load_b.start(tile.b[0]);
    load_a.finish(tile.a[0]), load_b.finish(tile.b[0]);
    commit_async_group();
  }
  int now = 0;
  for (std::int64_t k = 0; k < p.k; k += kVectorDepth, now ^= 1) {
    wait_async_group<0>();
    __syncthreads();  // this step's tiles are there, and all have read the last step's
    const bool more = k + kVectorDepth < p.k;
    if (more) {
      load_a.start(tile.a[now ^ 1]), load_b.start(tile.b[now ^ 1]);
      commit_async_group();
    }
#pragma unroll
    for (int d = 0; d < kVectorDepth; ++d) {
      float x[8], y[8];
      read_eight(x, &tile.a[now].value[d][row], 16);
      read_eight(y, &tile.b[now].value[d][col], 32);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
#pragma unroll
        for (int j = 0; j < 8; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    if (more) load_a.finish(tile.a[now ^ 1]), load_b.finish(tile.b[now ^ 1]);
  }
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const std::int64_t n = at.n + col + j % 4 + j / 4 * 32;
    if (n >= p.n) break;
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
      const std::int64_t m = at.m + row + i * 4;
      T x[4] = {sum[i][j], sum[i + 1][j], sum[i + 2][j], sum[i + 3][j]};
      epilogue.store_rows(c, (at.batch * p.m + m) * p.n + n, p.n, n, x, at_most(4, p.m - m));
    }
  }
}

template <std::same_as<float> T>
void run_vectorised(Stream& s, const View& a, const View& b, const View& c,
                    const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  launch(s, {.grid = tile_grid(p, kVectorTile, kVectorTile), .block = dim3(kVectorThreads)},
         matmul_vectorised<T>, p, a.as<T>(), b.as<T>(), c.as<T>(), Epilogue<T>(options),
         in_16_byte_runs(p.a, a), in_16_byte_runs(p.b, b));
}

}  // namespace etude::matmul_ladder
