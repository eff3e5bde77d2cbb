#pragma once
// Kernels that the host runtime's tests run: correct ones, and their twins with a bug planted. Each
// bug is one missing or misplaced line.

#include "kernels/core/async.h"
#include "kernels/core/block.h"

namespace etude::faults {

constexpr int kThreads = 256;

/// y[i] = x[kThreads - 1 - i], through shared memory. Without its barrier: a race within the block.
template <bool Barrier>
__global__ void __launch_bounds__(kThreads) reverse(const float* x, float* y) {
  launch_bound(kThreads);
  struct Smem {
    float value[kThreads];
  };
  auto& s = shared<Smem>();
  const unsigned i = threadIdx.x;
  s.value[i] = x[i];
  if constexpr (Barrier) __syncthreads();
  y[i] = s.value[kThreads - 1 - i];
}

/// y[r] = sum of row r, for all rows by one block. Without the second barrier a fast warp writes
/// the next row's partial sums before a slow one has read this row's: write after read.
template <bool ReuseBarrier>
__global__ void __launch_bounds__(kThreads)
    row_sums(const float* x, float* y, int rows, int columns) {
  launch_bound(kThreads);
  struct Smem {
    float partial[kThreads / kWarpSize];
  };
  auto& s = shared<Smem>();
  for (int r = 0; r < rows; ++r) {
    float v = 0;
    for (int c = static_cast<int>(threadIdx.x); c < columns; c += kThreads) v += x[r * columns + c];
    v = warp_sum(v);
    if (lane_id() == 0) s.partial[warp_id()] = v;
    __syncthreads();
    v = lane_id() < kThreads / kWarpSize ? s.partial[lane_id()] : 0;
    v = warp_sum(v);
    if (threadIdx.x == 0) y[r] = v;
    if constexpr (ReuseBarrier) __syncthreads();
  }
}

/// Counts the blocks in y[0]: right with atomics only.
template <bool Atomic>
__global__ void count_blocks(int* y) {
  if (threadIdx.x != 0) return;
  if constexpr (Atomic)
    atomicAdd(y, 1);
  else
    *y += 1;
}

/// y[0] = number of blocks, by the last block to finish: needs both fences.
template <bool Fence>
__global__ void last_block_sums(int* partial, unsigned* finished, int* y) {
  if (threadIdx.x != 0) return;
  partial[blockIdx.x] = 1;
  if constexpr (Fence) __threadfence();
  if (atomicAdd(finished, 1u) + 1 < gridDim.x) return;
  __threadfence();
  int sum = 0;
  for (unsigned b = 0; b < gridDim.x; ++b) sum += partial[b];
  *y = sum;
}

/// y[b] = x of the next block, exchanged through global memory.
template <bool Barrier>
__global__ void __launch_bounds__(kThreads) exchange(float* x, float* y) {
  launch_bound(kThreads);
  if (threadIdx.x == 0) x[blockIdx.x] = static_cast<float>(blockIdx.x);
  if constexpr (Barrier) grid_sync();
  if (threadIdx.x == 0) y[blockIdx.x] = x[(blockIdx.x + 1) % gridDim.x];
}

/// Lane i of each warp gets the value of lane 31 - i through shared memory.
template <bool Barrier>
__global__ void reverse_in_warp(const float* x, float* y) {
  struct Smem {
    float value[kThreads];
  };
  auto& s = shared<Smem>();
  s.value[threadIdx.x] = x[threadIdx.x];
  if constexpr (Barrier) __syncwarp();
  y[threadIdx.x] = s.value[warp_id() * 32 + 31 - lane_id()];
}

/// y = x through two stages of asynchronous copies. `Wait`: whether each stage is waited for before
/// it is read; all are before the exit.
template <bool Wait>
__global__ void __launch_bounds__(kThreads) pipeline(const float* x, float* y, int tiles) {
  launch_bound(kThreads);
  struct Smem {
    float stage[2][kThreads];
  };
  auto& s = shared<Smem>();
  const unsigned i = threadIdx.x;
  copy_async<4>(&s.stage[0][i], &x[i]);
  commit_async_group();
  for (int t = 0; t < tiles; ++t) {
    const bool more = t + 1 < tiles;
    copy_async<4>(&s.stage[(t + 1) % 2][i], &x[more ? (t + 1) * kThreads + i : 0], more);
    commit_async_group();
    if constexpr (Wait) wait_async_group<1>();
    __syncthreads();
    y[t * kThreads + i] = s.stage[t % 2][kThreads - 1 - i];
    __syncthreads();
  }
  wait_async_group<0>();
}

}  // namespace etude::faults
