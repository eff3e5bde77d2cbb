#pragma once
// Bottleneck before: every row looks at every id, and a long list is one block's alone.
// Idea: positions sorted by their ids stand as lists, one per row, so each row of dy is looked for
// no more. The key is the id above the position: all keys differ, so any sort keeps positions
// ascending. Lists are cut every 64 places; all parts but the first of each are summed by blocks of
// their own, and the first one's block adds these sums up in order.
// Predicted gain: of V N ids nothing is left, but N (8-byte keys in 8 digits, 136 bytes per id)
// in the sort: 1.7 MB for N = 12800, less than a tenth of dy. A list of 12800 takes 64 + 200
// dependent rows instead of 12800.
// Bottleneck to come: Thrust's sort takes memory and gives it back in every call, which waits for
// the card and cannot be captured in a graph; its dozen launches outweigh their work.

#include "kernels/core/sort_keys.h"
#include "kernels/embedding/ladder/sum_lists.cuh"

namespace etude::embedding_ladder {

/// key[n] = ids[n] 2^32 + n; V in the place of an id outside [0, V)
/// shapes  ids, key: [N]                                  dtype   i32, u64
/// launch  a thread per id, block = 128
/// cost    12 N bytes
__global__ void __launch_bounds__(kThreads)
    sort_keys_kernel(const std::int32_t* ids, std::uint64_t* key, std::int64_t n,
                     std::int64_t rows) {
  launch_bound(kThreads);
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n) return;
  const std::int32_t id = ids[i];
  const bool inside = id >= 0 && id < rows;
  key[i] = static_cast<std::uint64_t>(inside ? id : rows) << 32 | static_cast<std::uint64_t>(i);
}

/// order[i] = the position in key[i]; start[v] = the first i with an id of at least v
/// shapes  key, order: [N], start: [V + 1]                dtype   u64, i32
/// launch  a thread per place and per row, block = 128
/// cost    12 N + 4 V bytes, and a binary search for each row
__global__ void __launch_bounds__(kThreads)
    lists_kernel(const std::uint64_t* key, std::int32_t* order, std::int32_t* start, std::int64_t n,
                 std::int64_t rows) {
  launch_bound(kThreads);
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i < n) order[i] = static_cast<std::int32_t>(key[i]);
  if (i > rows) return;
  std::int64_t low = 0, high = n;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (static_cast<std::int64_t>(key[middle] >> 32) >= i) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  start[i] = static_cast<std::int32_t>(low);
}

inline LaunchConfig thread_per(std::int64_t n) {
  return {.grid = grid_of(ceil_div(n, kThreads)), .block = dim3(kThreads)};
}

template <class T>
void run_sorted(Stream& s, const View& ids, const View& dy, const View& dw) {
  const std::int64_t n = ids.dim(0), rows = dw.dim(0);
  const Memory memory(s, n, rows, dw.dim(1), n * 8);
  auto* key = static_cast<std::uint64_t*>(memory.own);
  launch(s, thread_per(n), sort_keys_kernel, ids.as<std::int32_t>(), key, n, rows);
  if (n > 1) sort_keys(s, key, n);
  launch(s, thread_per(n > rows ? n : rows + 1), lists_kernel, key, memory.order, memory.start, n,
         rows);
  sum_lists<T>(s, memory, ids, dy, dw);
}

}  // namespace etude::embedding_ladder
