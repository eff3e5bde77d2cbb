#pragma once
// The start: the text-book order, a kernel for each step. Copy, penalise, maximum, sort keys, sort
// (Thrust's radix sort), scan of the sorted masses, where the filters cut, scan of the kept masses
// in the order of tokens, draw. Sorted, both filters are easy: they keep a beginning.
// Bottleneck to come: every step reads what the step before has written: some 190 bytes per logit,
// 136 of them in the sort (8-byte keys, read and written for each of 8 digits, and read once more),
// whose order only serves to read one threshold per row.

#include "kernels/core/sort_keys.h"
#include "kernels/sampling/ladder/block_search.cuh"

namespace etude::sampling_ladder {

constexpr int kStepThreads = 256;  // of the steps without rows' sums

/// What the steps hand on, in scratch memory.
struct Steps {
  sampling::Rows rows;
  sampling::Settings settings;
  Mass* sums;          // [rows, V]: inclusive sums of masses
  std::uint64_t* key;  // [rows, V]: row, then the logits in descending order
  float* x;            // [rows, V]: logits with the penalty
  float* max;          // [rows]: NaN or -inf in a refused row
  float* floor;        // [rows]: the least logit kept

  __device__ __forceinline__ bool refused(std::int64_t row) const {
    return !(max[row] > -math::kInfinity);
  }
  __device__ __forceinline__ float sorted(std::int64_t i) const {
    return sampling::from_ordered(~static_cast<std::uint32_t>(key[i]));
  }
  __device__ __forceinline__ float weight(std::int64_t row, float value) const {
    return sampling::log_weight(value, max[row], settings.inverse_temperature);
  }
};

/// x[r,c] = logits[r,c]
/// shapes  logits: [rows, V] any row stride, x: contiguous     dtype   f32
/// launch  a thread per element, block = 256
/// cost    8 rows V bytes; memory bound
__global__ void __launch_bounds__(kStepThreads) copy_rows_kernel(Steps a) {
  launch_bound(kStepThreads);
  const std::int64_t at = std::int64_t{blockIdx.x} * kStepThreads + threadIdx.x;
  if (at >= a.rows.count * a.rows.vocabulary) return;
  const std::int64_t r = at / a.rows.vocabulary;
  a.x[at] = a.rows.logits[r * a.rows.stride + at % a.rows.vocabulary];
}

/// x[r, history[r,i]] = penalised(logits[r, history[r,i]])
/// shapes  history: [rows, H]                            dtype   i32, f32
/// launch  a thread per element of the history, block = 256
/// edges   a token that occurs twice is written twice, with equal bits: both start from the logits
/// cost    scattered: up to 64 bytes per element of the history
__global__ void __launch_bounds__(kStepThreads) penalise_kernel(Steps a) {
  launch_bound(kStepThreads);
  const std::int64_t at = std::int64_t{blockIdx.x} * kStepThreads + threadIdx.x;
  if (at >= a.rows.count * a.rows.history_stride) return;
  const std::int64_t r = at / a.rows.history_stride, place = at % a.rows.history_stride;
  if (place >= a.rows.history_size(r)) return;
  const std::int32_t token = a.rows.history_token(r, place);
  if (token < 0) return;
  const float y = sampling::penalised(a.rows.logits[r * a.rows.stride + token], a.settings.penalty);
  // Atomic, as another thread may write the same.
  atomicExch(reinterpret_cast<unsigned*>(a.x + r * a.rows.vocabulary + token), math::bits_of(y));
}

/// max[r] = max_c x[r,c], floor[r] = max[r] if the draw is greedy, else -inf
/// shapes  x: [rows, V], max, floor: [rows]              dtype   f32
/// launch  grid = rows, block = 512, shared = block_reduce's
/// edges   NaN, or -inf alone -> the row is answered here
/// cost    4 rows V bytes; memory bound
__global__ void __launch_bounds__(kRowThreads) row_max_kernel(Steps a) {
  launch_bound(kRowThreads);
  const std::int64_t r = blockIdx.x, n = a.rows.vocabulary;
  float max = -math::kInfinity;
  for (std::int64_t c = threadIdx.x; c < n; c += kRowThreads) max = Max{}(max, a.x[r * n + c]);
  max = block_max<kRowThreads>(max);
  a.rows.refuse(r, max, threadIdx.x == 0);
  if (threadIdx.x != 0) return;
  a.max[r] = max;
  a.floor[r] = a.settings.greedy ? max : -math::kInfinity;
}

/// key[r,c] = r 2^32 + what is the less the larger x[r,c]
/// shapes  x, key: [rows, V]                             dtype   f32, u64
/// launch  a thread per element, block = 256
/// cost    12 rows V bytes; memory bound
__global__ void __launch_bounds__(kStepThreads) sort_keys_kernel(Steps a) {
  launch_bound(kStepThreads);
  const std::int64_t at = std::int64_t{blockIdx.x} * kStepThreads + threadIdx.x;
  if (at >= a.rows.count * a.rows.vocabulary) return;
  const auto row = static_cast<std::uint64_t>(at / a.rows.vocabulary);
  a.key[at] = row << 32 | std::uint32_t{~sampling::ordered(a.x[at])};
}

/// sums[r,i] = sum_{j <= i} mass[r,j], in sorted order, or by token and of those kept
/// shapes  x, key, sums: [rows, V]                       dtype   f32, u64
/// launch  grid = rows, block = 512, shared = sizeof(Smem), 2 barriers per 512 elements
/// edges   V need not divide 512
/// error   none: sums of integers
/// cost    12 or 16 rows V bytes; one block per row, so memory bound for many rows only
/// source  Harris, Sengupta, Owens, "Parallel prefix sum (scan) with CUDA", GPU Gems 3, 2007
template <bool Sorted>
__global__ void __launch_bounds__(kRowThreads) scan_kernel(Steps a) {
  launch_bound(kRowThreads);
  struct Smem {
    Mass warp[kRowWarps];
  };
  auto& s = shared<Smem>();
  const std::int64_t r = blockIdx.x, n = a.rows.vocabulary;
  if (a.refused(r)) return;
  const unsigned warp = warp_id();
  Mass carry = 0;  // of the tiles before
  for (std::int64_t base = 0; base < n; base += kRowThreads) {
    const std::int64_t i = base + threadIdx.x;
    Mass mass = 0;
    if (i < n) {
      const float value = Sorted ? a.sorted(r * n + i) : a.x[r * n + i];
      if (Sorted || value >= a.floor[r]) mass = sampling::mass_of(a.weight(r, value));
    }
    const Mass sums = warp_scan(mass);
    if (lane_id() == kWarpSize - 1) s.warp[warp] = sums;
    __syncthreads();
    Mass before = carry;
    for (unsigned w = 0; w < kRowWarps; ++w) {
      if (w < warp) before += s.warp[w];
      carry += s.warp[w];
    }
    if (i < n) a.sums[r * n + i] = before + sums;
    __syncthreads();  // all have read: the next tile may write
  }
}

/// floor[r]: of the top_k-th logit, or of the first one up to which the masses of the top_k (and
/// ties) sum to at least top_p of theirs
/// shapes  key, sums: [rows, V], floor: [rows]           dtype   u64, f32
/// launch  a thread per row, block = 256
/// cost    two binary searches per row
__global__ void __launch_bounds__(kStepThreads) floor_kernel(Steps a) {
  launch_bound(kStepThreads);
  const std::int64_t r = std::int64_t{blockIdx.x} * kStepThreads + threadIdx.x;
  if (r >= a.rows.count || a.refused(r)) return;
  const std::int64_t n = a.rows.vocabulary;
  float floor = -math::kInfinity;
  std::int64_t kept = n;
  if (a.settings.top_k) {
    std::int64_t low = a.settings.top_k;
    floor = a.sorted(r * n + low - 1);
    while (low < kept) {  // the first less than the floor
      const std::int64_t middle = (low + kept) / 2;
      if (a.sorted(r * n + middle) < floor) {
        kept = middle;
      } else {
        low = middle + 1;
      }
    }
  }
  if (a.settings.top_p) {
    const Mass enough = sampling::share_up(a.sums[r * n + kept - 1], a.settings.top_p);
    std::int64_t low = 0, high = kept - 1;
    while (low < high) {  // the first up to which the sum is enough
      const std::int64_t middle = (low + high) / 2;
      if (a.sums[r * n + middle] >= enough) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    floor = a.sorted(r * n + low);
  }
  a.floor[r] = floor;
}

/// id[r] = the first c with sums[r,c] > u_r sums[r,V-1]
/// shapes  x, sums: [rows, V], id, log_prob, flag: [rows]     dtype   u64, f32, i32
/// launch  a thread per row, block = 256
/// cost    a binary search per row
__global__ void __launch_bounds__(kStepThreads) draw_kernel(Steps a, PhiloxKey key) {
  launch_bound(kStepThreads);
  const std::int64_t r = std::int64_t{blockIdx.x} * kStepThreads + threadIdx.x;
  if (r >= a.rows.count || a.refused(r)) return;
  const Mass* sums = a.sums + r * a.rows.vocabulary;
  const Mass total = sums[a.rows.vocabulary - 1];
  const Mass target = a.settings.greedy ? 0 : sampling::share(total, sampling::row_draw(key, r));
  std::int64_t low = 0, high = a.rows.vocabulary - 1;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    if (sums[middle] > target) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  const float weight = a.weight(r, a.x[r * a.rows.vocabulary + low]);
  a.rows.store(r, static_cast<std::int32_t>(low),
               a.settings.greedy ? 0.0f : sampling::log_share(weight, total));
}

inline LaunchConfig thread_per(std::int64_t n) {
  return {.grid = grid_of(ceil_div(n, kStepThreads)), .block = dim3(kStepThreads)};
}

inline void run_separate(Stream& s, const PhiloxKey& key, const View& logits, const View& id,
                         const View& log_prob, const View& flag, const SamplingParams& p) {
  const sampling::Rows rows(logits, id, log_prob, flag, p);
  const std::int64_t elements = rows.count * rows.vocabulary;
  const auto bytes = static_cast<std::size_t>(elements * 20 + rows.count * 8);
  Steps a{rows,
          sampling::Settings(p, rows.vocabulary),
          static_cast<Mass*>(s.scratch(bytes)),
          nullptr,
          nullptr,
          nullptr,
          nullptr};
  a.key = reinterpret_cast<std::uint64_t*>(a.sums + elements);
  a.x = reinterpret_cast<float*>(a.key + elements);
  a.max = a.x + elements;
  a.floor = a.max + rows.count;
  const LaunchConfig block_per_row{.grid = grid_of(rows.count), .block = dim3(kRowThreads)};
  launch(s, thread_per(elements), copy_rows_kernel, a);
  launch(s, thread_per(rows.history ? rows.count * rows.history_stride : 0), penalise_kernel, a);
  launch(s, block_per_row, row_max_kernel, a);
  if (a.settings.top_k || a.settings.top_p) {
    launch(s, thread_per(elements), sort_keys_kernel, a);
    sort_keys(s, a.key, elements);
    launch(s, block_per_row, scan_kernel<true>, a);
    launch(s, thread_per(rows.count), floor_kernel, a);
  }
  launch(s, block_per_row, scan_kernel<false>, a);
  launch(s, thread_per(rows.count), draw_kernel, a, key);
}

}  // namespace etude::sampling_ladder
