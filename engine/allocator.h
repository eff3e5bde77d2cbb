#pragma once
// Memory of tensors. Freed blocks are kept and reused: after the first training step no step asks
// the system for memory, which on the CPU saves a page fault per 4 KiB and on a card a device-wide
// synchronisation per cudaMalloc.

#include <cstddef>
#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace etude {

struct AllocatorStats {
  std::size_t bytes_in_use = 0;
  std::size_t bytes_cached = 0;
  std::size_t peak_bytes = 0;            // highest bytes_in_use so far
  std::uint64_t system_allocations = 0;  // how often the cache could not serve
};

/// A caching allocator, one per device, safe to call from any thread. Blocks are cached by rounded
/// size and reused in stream order: a block freed while a kernel still runs is handed only to work
/// queued later on the same stream.
class Allocator {
 public:
  static Allocator& of(Device device);

  /// At least `bytes` bytes, aligned to 64; null for 0 bytes. When the device is full, the cache is
  /// given back and the request tried once more before Error.
  void* allocate(std::size_t bytes);
  void deallocate(void* pointer, std::size_t bytes) noexcept;
  /// Gives all cached blocks back to the system.
  void release_cache() noexcept;
  AllocatorStats stats() const;

 private:
  explicit Allocator(Device device);
  struct Impl;
  Impl* impl_;  // never destroyed: tensors in static storage may outlive any order of destruction
};

}  // namespace etude
