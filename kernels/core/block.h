#pragma once
// What the threads of a block do together. Every thread of the block must call these.

#include "kernels/core/cuda.h"
#include "kernels/core/warp.h"

namespace etude {

/// op over the values of all `Threads` threads of the block, in every thread. Lanes by a butterfly,
/// then warps in ascending order: a fixed order, so two runs are bit-equal. op must be commutative.
/// Two barriers; may be called again at once, with the same type too.
template <unsigned Threads, Shuffled T, class Op>
__device__ __forceinline__ T block_reduce(T v, Op op, Site site = Site::current()) {
  static_assert(Threads % kWarpSize == 0 && Threads <= 1024, "whole warps");
  v = warp_reduce(v, op, kFullMask, site);
  if constexpr (Threads > kWarpSize) {
    struct Smem {
      T partial[Threads / kWarpSize];
    };
    auto& s = shared<Smem>();
    if (lane_id() == 0) s.partial[warp_id()] = v;
    __syncthreads();
    v = s.partial[0];
#pragma unroll
    for (unsigned warp = 1; warp < Threads / kWarpSize; ++warp) v = op(v, s.partial[warp]);
    __syncthreads();  // all have read: the next call may write
  }
  return v;
}

/// Sum over the block, in every thread. See block_reduce.
template <unsigned Threads, Shuffled T>
__device__ __forceinline__ T block_sum(T v, Site site = Site::current()) {
  return block_reduce<Threads>(v, Sum{}, site);
}

/// Maximum over the block, in every thread; NaN if one is NaN. See block_reduce.
template <unsigned Threads, Shuffled T>
__device__ __forceinline__ T block_max(T v, Site site = Site::current()) {
  return block_reduce<Threads>(v, Max{}, site);
}

}  // namespace etude
