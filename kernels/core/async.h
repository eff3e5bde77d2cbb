#pragma once
// Asynchronous copies from global to shared memory (cp.async, sm_80 and later). A thread issues
// copies, closes a group, and later waits until all but the newest groups have arrived; then it
// sees its own copies, and the other threads see them after the next barrier. Source: PTX ISA,
// section "Data Movement and Conversion Instructions: cp.async". The host runtime fills the
// destination with 0xFF at issue and copies at the wait.

#include <cstdint>

#include "kernels/core/cuda.h"

namespace etude {

/// Starts a copy of `Bytes` (4, 8 or 16; both ends aligned to it) bytes; when not `valid` the
/// destination gets zeros and `from`, which must still be a pointer, is not read.
template <int Bytes>
__device__ __forceinline__ void copy_async(void* to_shared, const void* from_global,
                                           bool valid = true, Site site = Site::current()) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16, "cp.async copies 4, 8 or 16 bytes");
#ifdef __CUDACC__
  static_cast<void>(site);
  const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(to_shared));
  const int read_bytes = valid ? Bytes : 0;
  if constexpr (Bytes == 16)  // past the L1 cache: the data lives in shared memory from now on
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from_global),
                 "r"(read_bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from_global),
                 "n"(Bytes), "r"(read_bytes)
                 : "memory");
#else
  simt::copy_async(to_shared, valid ? from_global : nullptr, Bytes, site);
#endif
}

/// Closes the group of the copies issued since the last call; a group may be empty.
__device__ __forceinline__ void commit_async_group() {
#ifdef __CUDACC__
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::commit_async_group();
#endif
}

/// Waits until at most the `Pending` newest groups of this thread are still under way.
template <int Pending>
__device__ __forceinline__ void wait_async_group(Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#else
  simt::wait_async_group(Pending, site);
#endif
}

}  // namespace etude
