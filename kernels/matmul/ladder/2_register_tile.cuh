#pragma once
// Bottleneck before: two shared loads for one multiply-add keep the load unit, not the arithmetic,
// busy: at most an eighth of the peak.
// Idea: a thread computes 8 x 8 elements of a 128 x 128 tile. The 8 + 8 operand elements of one
// step along K go to registers and serve 64 multiply-adds: a quarter of a load for each, which is
// what an SM can feed (one warp load, four warp multiply-adds a clock). Predicted gain: 5-8x over
// the shared tile on large matrices. Less on small ones, where 128 x 128 tiles are too few to fill
// the card.

#include "kernels/matmul/ladder/tile.cuh"

namespace etude::matmul_ladder {

constexpr int kRegisterTile = 128;  // rows and columns of c per block
constexpr int kRegisterDepth = 8;   // of one step along K
constexpr int kPerThread = 8;       // rows and columns of c per thread
constexpr int kThreadsAlong = kRegisterTile / kPerThread;
constexpr int kRegisterThreads = kThreadsAlong * kThreadsAlong;

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] strided, c: [batch, M, N] contiguous
/// dtype   T storage, compute_t<T> accumulation
/// launch  grid = 128 x 128 tiles of c, block = 256, shared = two tiles (8.4 KB), 2 barriers a step
/// edges   tiles over the edge are filled with zeros; K = 0: the epilogue of 0
/// error   K roundings, in ascending order of k: as the naive rung
/// cost    2 * batch * M * N * K flops; an operand element is loaded M / 128 or N / 128 times
/// source  Volkov & Demmel, "Benchmarking GPUs to tune dense linear algebra", SC 2008
template <class T>
__global__ void __launch_bounds__(kRegisterThreads)
    matmul_register_tile(MatmulProblem p, const T* a, const T* b, T* c, Epilogue<T> epilogue) {
  launch_bound(kRegisterThreads);
  struct Smem {
    OperandTile<T, kRegisterTile, kRegisterDepth> a, b;
  };
  auto& tile = shared<Smem>();
  const TilePlace at = tile_place(p, kRegisterTile, kRegisterTile);
  a += at.batch * p.a.batch + at.m * p.a.row;
  b += at.batch * p.b.batch + at.n * p.b.col;
  // A thread's elements lie kThreadsAlong apart, so the lanes of a warp read neighbouring elements
  // of a tile (or the same one) and write neighbouring elements of c.
  const unsigned row = threadIdx.x / kThreadsAlong, col = threadIdx.x % kThreadsAlong;
  compute_t<T> sum[kPerThread][kPerThread] = {};
  for (std::int64_t k = 0; k < p.k; k += kRegisterDepth) {
    tile.a.load(a + k * p.a.col, p.a.row, p.a.col, p.m - at.m, p.k - k);
    tile.b.load(b + k * p.b.row, p.b.col, p.b.row, p.n - at.n, p.k - k);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kRegisterDepth; ++d) {
      compute_t<T> x[kPerThread], y[kPerThread];
#pragma unroll
      for (int i = 0; i < kPerThread; ++i) {
        x[i] = tile.a.value[d][row + i * kThreadsAlong];
        y[i] = tile.b.value[d][col + i * kThreadsAlong];
      }
#pragma unroll
      for (int i = 0; i < kPerThread; ++i) {
#pragma unroll
        for (int j = 0; j < kPerThread; ++j) sum[i][j] += x[i] * y[j];
      }
    }
    __syncthreads();  // all have read: the next step may overwrite
  }
#pragma unroll
  for (int i = 0; i < kPerThread; ++i) {
    const std::int64_t m = at.m + row + i * kThreadsAlong;
#pragma unroll
    for (int j = 0; j < kPerThread; ++j) {
      const std::int64_t n = at.n + col + j * kThreadsAlong;
      if (m < p.m && n < p.n) epilogue.store(c, (at.batch * p.m + m) * p.n + n, n, sum[i][j]);
    }
  }
}

template <class T>
void run_register_tile(Stream& s, const View& a, const View& b, const View& c,
                       const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  launch(s, {.grid = tile_grid(p, kRegisterTile, kRegisterTile), .block = dim3(kRegisterThreads)},
         matmul_register_tile<T>, p, a.as<T>(), b.as<T>(), c.as<T>(), Epilogue<T>(options));
}

}  // namespace etude::matmul_ladder
