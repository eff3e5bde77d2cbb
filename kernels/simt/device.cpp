// What kernels call, kernels/simt/device.h: barriers, collectives, shared memory, copies, faults.

#include "kernels/simt/device.h"

#include <cstdint>
#include <cstring>
#include <sstream>

#include "kernels/core/error.h"
#include "kernels/simt/grid.h"
#include "kernels/simt/sanitizer.h"

namespace etude::simt {
namespace {

constexpr std::size_t kStaticBytes = 48 * 1024;
constexpr std::size_t kRedZone = 128;
constexpr std::size_t kAlignment = 128;

void wait(const char* operation, Site site) {
  current->waits = operation;
  current->site = site;
  Fiber::suspend();
  if (current->block->grid.cancelling) throw Cancelled{};
}

unsigned lane_bit() { return 1u << current->lane; }

void* tag_of(const Thread& thread) {
  Block& block = *thread.block;
  return &block.tags[2 + static_cast<std::size_t>(&thread - block.threads.data())];
}

/// Fills memory that no thread of the kernel is said to have written.
void fill_unseen(void* p, std::size_t bytes) {
  const IgnoreAccesses ignore;
  std::memset(p, 0xff, bytes);
}

/// All lanes of `mask` have arrived, this one last: runs `finish` over them and lets them go on. A
/// null finish is __syncwarp, which orders memory.
void complete(Warp& warp, unsigned mask, Finish finish) {
  void* records[32] = {};
  for (unsigned left = mask; left; left &= left - 1) {
    const Thread& other = warp.threads[std::countr_zero(left)];
    if (other.mask != mask || other.site.line() != current->site.line() ||
        other.site.file_name() != current->site.file_name())
      fault("warp divergence", current->site, current->block->waiting().c_str());
    records[std::countr_zero(left)] = other.record;
  }
  if (finish) {
    const IgnoreAccesses ignore;
    finish(records, mask);
  } else if (thread_sanitizer()) {
    for (unsigned left = mask; left; left &= left - 1)
      acquire(tag_of(warp.threads[std::countr_zero(left)]));
    for (unsigned left = mask; left; left &= left - 1)
      release(tag_of(warp.threads[std::countr_zero(left)]));
  }
  warp.at_warp &= ~mask;
  warp.ready |= mask & ~lane_bit();
  warp.wanted = 0;
  for (unsigned left = warp.at_warp; left; left &= left - 1)
    warp.wanted |= warp.threads[std::countr_zero(left)].mask;
}

void arrive_at_warp(const char* operation, unsigned mask, void* record, Finish finish, Site site) {
  Thread& me = *current;
  Warp& warp = *me.warp;
  if (!(mask & lane_bit())) fault("wrong mask", site, "the mask does not name the calling lane");
  if (mask & ~(warp.present & ~warp.done))
    fault("exited lane in a mask", site, "the mask names a lane that has exited or does not exist");
  me.waits = operation;
  me.site = site;
  me.mask = mask;
  me.record = record;
  warp.at_warp |= lane_bit();
  if ((warp.at_warp & mask) == mask) {
    complete(warp, mask, finish);
  } else {
    warp.wanted |= mask;
    wait(operation, site);
  }
}

}  // namespace

std::string place(Site site) {
  return std::string(site.file_name()) + ":" + std::to_string(site.line());
}

void fault_in(const Block& block, const Thread* thread, const char* kind, const std::string& where,
              const std::string& detail) {
  std::ostringstream text;
  const auto write = [&text](const char* name, uint3 i) {
    text << ", " << name << " (" << i.x << ", " << i.y << ", " << i.z << ")";
  };
  text << "simt: " << kind << " at " << where;
  write("block", block.index);
  if (thread) write("thread", thread->index);
  text << ": " << detail << "; launched at " << place(block.grid.launch->where);
  throw Error(text.str());
}

void fault(const char* kind, Site site, const char* detail) {
  fault_in(*current->block, current, kind, place(site), detail);
}

void sync_threads(Site site) {
  if (!enabled("__syncthreads", site)) return;
  Block& block = *current->block;
  current->warp->at_block |= lane_bit();
  // Two tags in turn: a thread that runs ahead to the next barrier must not be taken for one that
  // came to this one.
  void* tag = thread_sanitizer() ? &block.tags[block.barriers % 2] : nullptr;
  release(tag);
  wait("__syncthreads", site);
  acquire(tag);
}

void sync_grid(Site site) {
  if (!enabled("grid_sync", site)) return;
  Grid& grid = current->block->grid;
  if (!grid.launch->cooperative) fault("grid barrier", site, "the launch is not cooperative");
  current->warp->at_grid |= lane_bit();
  void* tag = &grid.barrier_tags[grid.barriers % 2];
  release(tag);
  wait("grid_sync", site);
  acquire(tag);
}

void sync_warp(unsigned mask, Site site) {
  if (!enabled("__syncwarp", site)) return;
  void* tag = thread_sanitizer() ? tag_of(*current) : nullptr;
  release(tag);
  arrive_at_warp("__syncwarp", mask, nullptr, nullptr, site);
  acquire(tag);
}

void warp_collective(unsigned mask, void* record, Finish finish, Site site) {
  arrive_at_warp("a warp collective", mask, record, finish, site);
}

void thread_fence() {
  acquire(&current->block->grid.fence_tag);
  release(&current->block->grid.fence_tag);
}

Arena::~Arena() {
  if (!base_) return;
  unpoison(base_, capacity_);
  munmap(base_, capacity_);
}

void Arena::reset(std::size_t dynamic_bytes) {
  const std::size_t wanted = 4 * kStaticBytes + ((dynamic_bytes + 0xffff) & ~std::size_t{0xffff});
  if (wanted > capacity_ || thread_sanitizer()) {
    // Under the thread sanitizer every block has fresh memory, at the old address where it fits:
    // mapping it makes the sanitizer forget the threads of the block before.
    const bool reuse = wanted <= capacity_;
    if (base_ && !reuse) {
      unpoison(base_, capacity_);
      munmap(base_, capacity_);
      base_ = nullptr;
    }
    const std::size_t bytes = reuse ? capacity_ : wanted;
    void* memory = mmap(base_, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (reuse ? MAP_FIXED : 0), -1, 0);
    require(memory != MAP_FAILED, "simt: no memory for ", bytes, " bytes of shared memory");
    base_ = static_cast<std::byte*>(memory);
    capacity_ = bytes;
  }
  poison(base_, capacity_);
  variables_.clear();
  static_bytes_ = 0;
  used_ = kRedZone;
  dynamic_ = append(dynamic_bytes);
}

std::byte* Arena::append(std::size_t bytes) {
  std::byte* memory = base_ + used_;
  used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment + kRedZone;
  require(used_ <= capacity_, "simt: too many shared variables in one block");
  unpoison(memory, bytes);
  fill_unseen(memory, bytes);
  return memory;
}

void* Arena::variable(const void* tag, std::size_t bytes) {
  for (const Variable& variable : variables_)
    if (variable.tag == tag) return variable.memory;
  static_bytes_ += bytes;
  require(static_bytes_ <= kStaticBytes, "simt: a block's static shared memory is ", static_bytes_,
          " bytes, at most ", kStaticBytes);
  variables_.push_back({tag, append(bytes)});
  return variables_.back().memory;
}

bool Arena::contains(const void* p, std::size_t bytes) const {
  const auto* first = static_cast<const std::byte*>(p);
  return first >= base_ && first + bytes <= base_ + used_;
}

void* shared_memory(const void* tag, std::size_t bytes) {
  return current->block->shared.variable(tag, bytes);
}

void* dynamic_shared_memory() { return current->block->shared.dynamic(); }

unsigned lane() { return current->lane; }

void check_shared(const char* operation, const void* p, int bytes, Site site) {
  const auto size = static_cast<std::size_t>(bytes);
  if (!current->block->shared.contains(p, size))
    fault(operation, site, "an address is not in shared memory");
  if (reinterpret_cast<std::uintptr_t>(p) % size)
    fault(operation, site, "an address is not aligned to the size of the access");
}

void copy_async(void* to, const void* from, int bytes, Site site) {
  const auto size = static_cast<std::size_t>(bytes);
  check_shared("asynchronous copy", to, bytes, site);
  if (reinterpret_cast<std::uintptr_t>(from) % size)
    fault("asynchronous copy", site, "an address is not aligned to the size of the access");
  // The library's memset and memcpy, which the sanitizers see as accesses of this thread.
  std::memset(to, 0xff, size);
  const IgnoreAccesses ignore;  // a list's own memmove would be seen too
  current->copies.push_back({to, from, bytes, site});
}

void commit_async_group() {
  const IgnoreAccesses ignore;
  current->groups.push_back(current->copies.size());
}

void wait_async_group(int pending, Site site) {
  if (!enabled("wait_async_group", site)) return;
  auto& groups = current->groups;
  auto& copies = current->copies;
  if (groups.size() <= static_cast<std::size_t>(pending)) return;
  const std::size_t arrived_groups = groups.size() - static_cast<std::size_t>(pending);
  const std::size_t arrived = groups[arrived_groups - 1];
  for (std::size_t i = 0; i < arrived; ++i) {
    const auto size = static_cast<std::size_t>(copies[i].bytes);
    if (copies[i].from)
      std::memcpy(copies[i].to, copies[i].from, size);
    else
      std::memset(copies[i].to, 0, size);
  }
  const IgnoreAccesses ignore;
  groups.erase(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(arrived_groups));
  for (std::size_t& end : groups) end -= arrived;
  copies.erase(copies.begin(), copies.begin() + static_cast<std::ptrdiff_t>(arrived));
}

void check_launch_bound(unsigned max_threads, Site site) {
  const unsigned n = static_cast<unsigned>(current->block->threads.size());
  if (n > max_threads) [[unlikely]]
    fault("block over its launch bounds", site,
          (std::to_string(n) + " threads, at most " + std::to_string(max_threads)).c_str());
}

}  // namespace etude::simt
