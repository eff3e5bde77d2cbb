#pragma once
// The start: one thread per element of c, both operands read from global memory.
// Bottleneck to come: two loads for one multiply-add. An SM issues one warp load and four warp
// multiply-adds a clock, so at most an eighth of the peak is reachable even when all loads hit L1.

#include "kernels/matmul/ladder/tile.cuh"

namespace etude::matmul_ladder {

constexpr int kNaiveThreads = 256;

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] strided, c: [batch, M, N] contiguous
/// dtype   T storage, compute_t<T> accumulation
/// launch  grid = batch * M * N / 256 rounded up, block = 256, no shared memory, no barrier
/// edges   any extent, K = 0 too; any strides, 0 too
/// error   K roundings, in ascending order of k
/// cost    2 * batch * M * N * K flops; each operand element is loaded M or N times
template <class T>
__global__ void __launch_bounds__(kNaiveThreads)
    matmul_naive(MatmulProblem p, const T* a, const T* b, T* c, Epilogue<T> epilogue) {
  launch_bound(kNaiveThreads);
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kNaiveThreads + threadIdx.x;
  if (at >= p.batch * p.m * p.n) return;
  // Neighbouring lanes own neighbouring columns: b's row is read in one piece, a's element once.
  const std::int64_t row = at / p.n;
  const T* x = a + row / p.m * p.a.batch + row % p.m * p.a.row;
  const T* y = b + row / p.m * p.b.batch + at % p.n * p.b.col;
  compute_t<T> sum = 0;
  for (std::int64_t k = 0; k < p.k; ++k) {
    sum += static_cast<compute_t<T>>(x[k * p.a.col]) * static_cast<compute_t<T>>(y[k * p.b.row]);
  }
  epilogue.store(c, at, at % p.n, sum);
}

template <class T>
void run_naive(Stream& s, const View& a, const View& b, const View& c,
               const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  const MatmulProblem line{.batch = 1, .m = 1, .n = c.numel(), .k = 0, .a = {}, .b = {}};
  launch(s, {.grid = tile_grid(line, 1, kNaiveThreads), .block = dim3(kNaiveThreads)},
         matmul_naive<T>, p, a.as<T>(), b.as<T>(), c.as<T>(), Epilogue<T>(options));
}

}  // namespace etude::matmul_ladder
