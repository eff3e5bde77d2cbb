#pragma once
// The start: a block for each row of the table looks at every id and adds what is its own.
// Bottleneck to come: V N ids are read, 4 bytes each: 12 MB at V = 240, N = 12800, from the L2; but
// 412 MB at V = 50257, N = 2048, where nearly all rows have no id at all. And one block adds a long
// list alone, a row after the other.

#include "kernels/core/cuda.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/ladder/columns.cuh"
#include "kernels/embedding/lists.h"

namespace etude::embedding_ladder {

/// dw[v,c] = sum over n with ids[n] = v of dy[n,c]
/// shapes  ids: [N], dy: [N, E], dw: [V, E] contiguous    dtype   i32, T, compute_t<T> sums
/// launch  grid = (V, E / 128 rounded up), block = 128, a thread per column
/// edges   row without id -> 0; id outside [0, V) -> no part of any sum
/// error   64 + L / 64 roundings for L occurrences of an id
/// cost    4 V N ceil(E / 128) bytes of ids, (N + V) E sizeof(T) of rows
template <class T>
__global__ void __launch_bounds__(kThreads)
    scan_kernel(const std::int32_t* ids, const T* dy, T* dw, std::int64_t n, std::int64_t cols) {
  launch_bound(kThreads);
  const std::int64_t v = blockIdx.x, c = column<1>();
  if (c >= cols) return;
  compute_t<T> total = 0, part = 0;
  std::int32_t in_part = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (ids[i] != v) continue;
    if (in_part == id_lists::kPart) {
      total += part;
      part = 0;
      in_part = 0;
    }
    part += static_cast<compute_t<T>>(dy[i * cols + c]);
    ++in_part;
  }
  dw[v * cols + c] = static_cast<T>(total + part);
}

template <class T>
void run_scan(Stream& s, const View& ids, const View& dy, const View& dw) {
  launch(s, block_per_row<1>(dw.dim(0), dw.dim(1)), scan_kernel<T>, ids.as<std::int32_t>(),
         dy.as<T>(), dw.as<T>(), ids.dim(0), dw.dim(1));
}

}  // namespace etude::embedding_ladder
