#pragma once
// Memory of the CPU's kernels between input and output.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

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

}  // namespace etude
