#pragma once
// Bottleneck before: a sort of 64-bit keys, its memory and its launches, for keys that are small
// integers.
// Idea: count, then place (counting sort; Cormen et al., "Introduction to Algorithms",
// section 8.2). A position's place is start[id] + how many equal ids stand before it. The ids are
// cut into at most 64 chunks with counters of their own; the sums of a counter over the chunks
// before say where a chunk continues each list, and within its chunk a warp goes through the ids in
// order, 32 at a time. Integers: the atomic additions give the same counts in any order.
//
//     ids            2 0 2 | 0 2 2          chunk      0        1       start
//     counts of 0, 1, 2                     1 0 2    1 0 2              0 2 2 6
//     of the chunks before                  0 0 0    1 0 2
//     position 4 is the first 2 of chunk 1: place 2 + 2 + 0
//
// Predicted gain: five launches, none of which waits, and no memory but the stream's, so a graph
// can capture it. The counters are written once and read and written once, at most 64 V integers:
// 64 / E of dw's bytes, three times over; for 8192 ids 32 chunks, of dw at E = 768 an eighth.
// Bottleneck to come: seven launches of a few microseconds each; dw, which is written whole, though
// of 50257 rows a batch touches a few thousand.

#include "kernels/core/block.h"
#include "kernels/embedding/ladder/1_sorted.cuh"

namespace etude::embedding_ladder {

constexpr int kCountThreads = 256;  // of the kernels over rows

struct Chunks {
  std::int64_t size, count;

  /// At least 8 warps' widths each, at most 64 in all.
  explicit Chunks(std::int64_t n) {
    const std::int64_t width = kWarpSize, least = 8 * width, most = 64;
    size = ceil_div(ceil_div(n, most), width) * width;
    size = size < least ? least : size;
    count = ceil_div(n, size);
  }
};

/// counts[n / size, ids[n]] += 1
/// shapes  ids: [N], counts: [chunks, V], 0 before         dtype   i32
/// launch  a thread per id, block = 128
/// edges   id outside [0, V) -> not counted
/// cost    4 N bytes and N atomic additions
__global__ void __launch_bounds__(kThreads)
    count_kernel(const std::int32_t* ids, std::int32_t* counts, std::int64_t n, std::int64_t rows,
                 std::int64_t size) {
  launch_bound(kThreads);
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  if (i >= n) return;
  const std::int32_t id = ids[i];
  if (id >= 0 && id < rows) atomicAdd(&counts[i / size * rows + id], 1);
}

/// total[v] = sum_k counts[k,v], total[V] = 0; counts[k,v] = the sum of those before k;
/// block_total[b] = the sum of the block's totals
/// shapes  counts: [chunks, V], total: [V + 1], block_total: [blocks]     dtype   i32
/// launch  grid = (V + 1) / 256 rounded up, block = 256, a thread per row, shared = block_sum's
/// cost    8 chunks V bytes; memory bound
__global__ void __launch_bounds__(kCountThreads)
    totals_kernel(std::int32_t* counts, std::int32_t* total, std::int32_t* block_total,
                  std::int64_t rows, std::int64_t chunks) {
  launch_bound(kCountThreads);
  const std::int64_t v = std::int64_t{blockIdx.x} * kCountThreads + threadIdx.x;
  std::int32_t sum = 0;
  if (v < rows) {
    constexpr int kAtOnce = 8;  // loads that no store stands before
    for (std::int64_t k = 0; k < chunks; k += kAtOnce) {
      std::int32_t here[kAtOnce];
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) here[j] = k + j < chunks ? counts[(k + j) * rows + v] : 0;
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) {
        if (k + j < chunks) counts[(k + j) * rows + v] = sum;
        sum += here[j];
      }
    }
  }
  if (v <= rows) total[v] = sum;
  sum = block_sum<kCountThreads>(sum);
  if (threadIdx.x == 0) block_total[blockIdx.x] = sum;
}

/// start[v] = sum_{u < v} total[u], in place
/// shapes  start: [V + 1], block_total: [blocks]          dtype   i32
/// launch  grid = (V + 1) / 256 rounded up, block = 256, shared = sizeof(Smem) and block_sum's
/// cost    8 V bytes, and every block adds up the blocks' totals before its own, in all
///         (V / 256)^2 / 2 of them: 19 thousand integers at V = 50257
/// source  Harris, Sengupta, Owens, "Parallel prefix sum (scan) with CUDA", GPU Gems 3, 2007
__global__ void __launch_bounds__(kCountThreads)
    starts_kernel(std::int32_t* start, const std::int32_t* block_total, std::int64_t rows) {
  launch_bound(kCountThreads);
  constexpr unsigned kWarps = kCountThreads / kWarpSize;
  struct Smem {
    std::int32_t warp[kWarps];
  };
  auto& s = shared<Smem>();
  std::int32_t before = 0;
  for (unsigned b = threadIdx.x; b < blockIdx.x; b += kCountThreads) before += block_total[b];
  before = block_sum<kCountThreads>(before);
  const std::int64_t v = std::int64_t{blockIdx.x} * kCountThreads + threadIdx.x;
  const std::int32_t own = v <= rows ? start[v] : 0;
  const std::int32_t sums = warp_scan(own);
  if (lane_id() == kWarpSize - 1) s.warp[warp_id()] = sums;
  __syncthreads();
  for (unsigned w = 0; w < warp_id(); ++w) before += s.warp[w];
  if (v <= rows) start[v] = before + sums - own;
}

/// order[start[id] + how many n' < n have ids[n'] = id] = n, id = ids[n]
/// shapes  ids: [N], start: [V + 1], counts: [chunks, V], of the chunks before; order: [start[V]]
/// dtype   i32
/// launch  grid = chunks, block = 32: a warp goes through its chunk, `size` ids, by 32
/// edges   id outside [0, V) -> no place
/// cost    size / 32 steps of some 32 shuffles and two reads that wait for each other
__global__ void __launch_bounds__(kWarpSize)
    place_kernel(const std::int32_t* ids, const std::int32_t* start, std::int32_t* counts,
                 std::int32_t* order, std::int64_t n, std::int64_t rows, std::int64_t size) {
  launch_bound(kWarpSize);
  const unsigned lane = lane_id();
  std::int32_t* placed = counts + blockIdx.x * rows;  // of each id, in the chunks and steps before
  const std::int64_t begin = blockIdx.x * size, end = begin + size < n ? begin + size : n;
  for (std::int64_t base = begin; base < end; base += kWarpSize) {
    const std::int64_t i = base + lane;
    std::int32_t id = i < end ? ids[i] : -1;
    if (id >= rows) id = -1;
    unsigned peers = 0;  // lanes with the same id
#pragma unroll
    for (unsigned k = 0; k < kWarpSize; ++k) peers |= unsigned{shuffle(id, k) == id} << k;
    const unsigned leader = static_cast<unsigned>(__ffs(static_cast<int>(peers)) - 1);
    std::int32_t place = 0;
    if (id >= 0 && lane == leader) {
      place = start[id] + placed[id];
      placed[id] += __popc(peers);
    }
    place = shuffle(place, leader);
    const unsigned before = peers & ((1u << lane) - 1);
    if (id >= 0) order[place + __popc(before)] = static_cast<std::int32_t>(i);
    __syncwarp();  // an id's leader in the next step may be another lane
  }
}

template <class T>
void run_counted(Stream& s, const View& ids, const View& dy, const View& dw) {
  const std::int64_t n = ids.dim(0), rows = dw.dim(0);
  const Chunks chunks(n);
  const std::int64_t blocks = (rows + kCountThreads) / kCountThreads;  // of rows + 1
  const Memory memory(s, n, rows, dw.dim(1), 4 * (chunks.count * rows + blocks));
  auto* counts = static_cast<std::int32_t*>(memory.own);
  auto* block_total = counts + chunks.count * rows;
  const auto* id = ids.as<std::int32_t>();
  const LaunchConfig thread_per_row{.grid = grid_of(blocks), .block = dim3(kCountThreads)};
  fill_bytes(s, counts, Device::gpu, 0, static_cast<std::size_t>(4 * chunks.count * rows));
  launch(s, thread_per(n), count_kernel, id, counts, n, rows, chunks.size);
  launch(s, thread_per_row, totals_kernel, counts, memory.start, block_total, rows, chunks.count);
  launch(s, thread_per_row, starts_kernel, memory.start, block_total, rows);
  launch(s, {.grid = grid_of(chunks.count), .block = dim3(kWarpSize)}, place_kernel, id,
         memory.start, counts, memory.order, n, rows, chunks.size);
  sum_lists<T>(s, memory, ids, dy, dw);
}

}  // namespace etude::embedding_ladder
