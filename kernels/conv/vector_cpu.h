#pragma once
// Vectors of the machine the build is for, and memory that a thread keeps from call to call.

#include <cstdint>
#include <memory>
#include <new>

namespace etude::cpu {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;    // floats of a vector
inline constexpr int kTileRows = 8;  // 8 x 3 sums, 3 operands: 27 of 32 registers
#elif defined(__AVX__)
inline constexpr int kLanes = 8;
inline constexpr int kTileRows = 4;  // 4 x 3 sums, 3 operands, 1 broadcast: all 16 registers
#else
inline constexpr int kLanes = 4;
inline constexpr int kTileRows = 4;
#endif
inline constexpr int kTileVectors = 3;

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef float UnalignedVector
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }
inline void store(float* to, Vector v) { *reinterpret_cast<UnalignedVector*>(to) = v; }

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Grows and never shrinks, uninitialised, 64-byte aligned: after the first step of a training run
/// nothing allocates.
class Scratch {
 public:
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

}  // namespace etude::cpu
