#include "engine/allocator.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace etude {

struct Allocator::Impl {
  explicit Impl(Device d) : device(d) {}
  Device device;
  std::mutex mutex;
  std::unordered_map<std::size_t, std::vector<void*>> free_blocks;  // by rounded size
  AllocatorStats stats;
};

namespace {

/// Sizes share a bucket within 12.5 %, so that a last, smaller batch reuses the blocks of full ones
/// while at most an eighth of a block is wasted.
std::size_t rounded(std::size_t bytes) {
  std::size_t unit = 256;
  while (bytes > unit * 16) unit *= 2;
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Allocator::Allocator(Device device) : impl_(new Impl(device)) {}

Allocator& Allocator::of(Device device) {
  static Allocator allocators[] = {Allocator(Device::cpu), Allocator(Device::gpu)};
  return allocators[static_cast<int>(device)];
}

void* Allocator::allocate(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t size = rounded(bytes);
  {
    const std::lock_guard lock(impl_->mutex);
    AllocatorStats& stats = impl_->stats;
    stats.bytes_in_use += size;
    stats.peak_bytes = std::max(stats.peak_bytes, stats.bytes_in_use);
    std::vector<void*>& blocks = impl_->free_blocks[size];
    if (!blocks.empty()) {
      void* block = blocks.back();
      blocks.pop_back();
      stats.bytes_cached -= size;
      return block;
    }
    ++stats.system_allocations;
  }
  try {
    return etude::allocate(impl_->device, size);
  } catch (const Error&) {
    release_cache();
  }
  try {
    return etude::allocate(impl_->device, size);
  } catch (const Error&) {
    const std::lock_guard lock(impl_->mutex);
    impl_->stats.bytes_in_use -= size;
    throw;
  }
}

void Allocator::deallocate(void* pointer, std::size_t bytes) noexcept {
  if (!pointer) return;
  const std::size_t size = rounded(bytes);
  const std::lock_guard lock(impl_->mutex);
  impl_->stats.bytes_in_use -= size;
#if defined(__SANITIZE_ADDRESS__)
  // A cached block would hide a use after free from the sanitizer.
  etude::deallocate(impl_->device, pointer);
#else
  impl_->stats.bytes_cached += size;
  impl_->free_blocks[size].push_back(pointer);
#endif
}

void Allocator::release_cache() noexcept {
  const std::lock_guard lock(impl_->mutex);
  for (auto& [size, blocks] : impl_->free_blocks) {
    for (void* block : blocks) etude::deallocate(impl_->device, block);
    blocks.clear();
  }
  impl_->stats.bytes_cached = 0;
}

AllocatorStats Allocator::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

}  // namespace etude
