#pragma once
// Bottleneck before: every element of a comes from L2 or DRAM N times, of b M times.
// Idea: a block computes a 16 x 16 tile of c and walks along K in steps of 16: it loads one tile of
// each operand into shared memory, where 16 threads use each element.
// Predicted gain: 16 times less traffic beyond the SM, and transposed operands read as well as
// others. About 2x on large matrices; no more, because each multiply-add still takes two (shared)
// loads.

#include "kernels/matmul/ladder/tile.cuh"

namespace etude::matmul_ladder {

constexpr int kSharedTile = 16;
constexpr int kSharedThreads = kSharedTile * kSharedTile;

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] strided, c: [batch, M, N] contiguous
/// dtype   T storage, compute_t<T> accumulation
/// launch  grid = 16 x 16 tiles of c, block = 256, shared = two tiles (2.3 KB), 2 barriers per step
/// edges   tiles over the edge are filled with zeros; K = 0: the epilogue of 0
/// error   K roundings, in ascending order of k: as the naive rung
/// cost    2 * batch * M * N * K flops; each operand element is loaded M / 16 or N / 16 times
/// source  CUDA C++ Programming Guide, "Shared memory" (matrix multiplication)
template <class T>
__global__ void __launch_bounds__(kSharedThreads)
    matmul_shared_tile(MatmulProblem p, const T* a, const T* b, T* c, Epilogue<T> epilogue) {
  launch_bound(kSharedThreads);
  struct Smem {
    OperandTile<T, kSharedTile, kSharedTile> a, b;
  };
  auto& tile = shared<Smem>();
  const TilePlace at = tile_place(p, kSharedTile, kSharedTile);
  a += at.batch * p.a.batch + at.m * p.a.row;
  b += at.batch * p.b.batch + at.n * p.b.col;
  const unsigned row = threadIdx.x / kSharedTile, col = threadIdx.x % kSharedTile;
  compute_t<T> sum = 0;
  for (std::int64_t k = 0; k < p.k; k += kSharedTile) {
    tile.a.load(a + k * p.a.col, p.a.row, p.a.col, p.m - at.m, p.k - k);
    tile.b.load(b + k * p.b.row, p.b.col, p.b.row, p.n - at.n, p.k - k);
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kSharedTile; ++d) sum += tile.a.value[d][row] * tile.b.value[d][col];
    __syncthreads();  // all have read: the next step may overwrite
  }
  const std::int64_t m = at.m + row, n = at.n + col;
  if (m < p.m && n < p.n) epilogue.store(c, (at.batch * p.m + m) * p.n + n, n, sum);
}

template <class T>
void run_shared_tile(Stream& s, const View& a, const View& b, const View& c,
                     const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  launch(s, {.grid = tile_grid(p, kSharedTile, kSharedTile), .block = dim3(kSharedThreads)},
         matmul_shared_tile<T>, p, a.as<T>(), b.as<T>(), c.as<T>(), Epilogue<T>(options));
}

}  // namespace etude::matmul_ladder
