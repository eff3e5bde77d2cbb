#pragma once
// What a kernel source uses of CUDA, for builds where the host compiler compiles it: keywords,
// index variables, barriers, warp collectives, asynchronous copies. No CUDA header is needed.
// Reached through kernels/core/cuda.h only.

#include <bit>
#include <cstddef>
#include <source_location>
#include <type_traits>

#include "kernels/simt/math.h"
#include "kernels/simt/vector_types.h"

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)

// Index variables of the running CUDA thread: set at every fiber switch, so a read is one load.
inline thread_local constinit uint3 threadIdx{};
inline thread_local constinit uint3 blockIdx{};
inline thread_local constinit dim3 blockDim{};
inline thread_local constinit dim3 gridDim{};

namespace etude {

/// Where a barrier or a collective is called: found by default arguments, shown in fault messages.
using Site = std::source_location;

namespace simt {

/// Arrives at a barrier of the block; `site` names it.
void sync_threads(Site site);
/// Arrives at a barrier of the lanes named in `mask`.
void sync_warp(unsigned mask, Site site);
/// Arrives at a barrier of the whole (cooperative) grid.
void sync_grid(Site site);

/// Orders this thread's earlier accesses before those that follow a later fence of another thread.
void thread_fence();

/// What a collective runs once for all lanes: records[lane] for every lane named in mask.
using Finish = void (*)(void* const* records, unsigned mask);
/// Arrives at a collective of the lanes named in `mask` (a shuffle, a vote, an mma): the last lane
/// to arrive calls `finish` over the records of all of them, then all go on. Orders no memory
/// accesses.
void warp_collective(unsigned mask, void* record, Finish finish, Site site);

/// The same, typed: `finish(records, mask)` with `Record* const* records`, captureless.
template <class Record, class F>
void warp_collective(unsigned mask, Record& record, F, Site site) {
  static_assert(std::is_empty_v<F>, "finish captures nothing: all it needs is in the records");
  const Finish finish = [](void* const* records, unsigned lanes) {
    Record* typed[32] = {};
    for (unsigned left = lanes; left; left &= left - 1)
      typed[std::countr_zero(left)] = static_cast<Record*>(records[std::countr_zero(left)]);
    F{}(static_cast<Record* const*>(typed), lanes);
  };
  warp_collective(mask, &record, finish, site);
}

/// The block's shared memory for the variable that `tag` names: `bytes` bytes of 0xFF at first use.
void* shared_memory(const void* tag, std::size_t bytes);
/// The block's dynamic shared memory, LaunchConfig::shared_bytes of it.
void* dynamic_shared_memory();

/// Raises Error unless the `bytes` bytes at `p`, aligned to as many, are shared memory of the
/// block.
void check_shared(const char* operation, const void* p, int bytes, Site site);
/// The running thread's rank in its warp.
unsigned lane();

/// The halves of an asynchronous copy, see kernels/core/async.h. A null `from` fills with zeros.
void copy_async(void* to, const void* from, int bytes, Site site);
void commit_async_group();
void wait_async_group(int pending, Site site);

void check_launch_bound(unsigned max_threads, Site site);
/// Raises Error naming `kind`, the site, the block and the thread.
[[noreturn]] void fault(const char* kind, Site site, const char* detail);

}  // namespace simt
}  // namespace etude

inline void __syncthreads(etude::Site site = etude::Site::current()) {
  etude::simt::sync_threads(site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, etude::Site site = etude::Site::current()) {
  etude::simt::sync_warp(mask, site);
}
inline void __threadfence() { etude::simt::thread_fence(); }
