#pragma once
// Memory of the CPU's kernels between input and output.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <utility>

namespace etude {

/// Memory that its owner, a static thread_local of a kernel, keeps from call to call: it grows and
/// never shrinks, uninitialised, 64-byte aligned, so after the first step of a training run nothing
/// allocates.
class Scratch {
 public:
  /// Space for n objects of type T; what at_least gave before is void. Throws std::bad_alloc.
  template <class T>
  T* at_least(std::int64_t n) {
    const auto bytes = static_cast<std::size_t>(n) * sizeof(T);
    if (bytes > bytes_) {
      bytes_ = 0;
      memory_.reset();
      memory_.reset(::operator new(bytes, kAlignment));
      bytes_ = bytes;
    }
    return static_cast<T*>(memory_.get());
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(void* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<void, Free> memory_;
  std::size_t bytes_ = 0;
};

/// The least multiple of `step` that is not below n.
inline std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// Shares out one Scratch: each pointer gets its number of floats, from a cache line on.
inline void carve(Scratch& scratch, std::initializer_list<std::pair<float**, std::int64_t>> parts) {
  std::int64_t total = 0;
  for (const auto& [to, count] : parts) total += round_up(count, 16);
  float* next = scratch.at_least<float>(total);
  for (const auto& [to, count] : parts) *to = next, next += round_up(count, 16);
}

}  // namespace etude
