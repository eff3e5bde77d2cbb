#pragma once
// Element types and their storage. bf16 is a storage type only: load, widen to float, compute,
// round to nearest even on store.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>

#include "kernels/core/error.h"
#include "kernels/core/host_device.h"

namespace etude {

enum class DType : std::uint8_t { f32, f64, bf16, i32, u8 };

/// bfloat16: the upper half of an IEEE float. Trivially copyable, same layout as __nv_bfloat16.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  /// Rounds to nearest, ties to even; NaN stays NaN.
  HOST_DEVICE explicit bf16(float value) {
    const auto word = bits_of(value);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? static_cast<std::uint16_t>((word >> 16) | 0x40u)
               : static_cast<std::uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  HOST_DEVICE explicit bf16(double value) : bf16(static_cast<float>(value)) {}
  HOST_DEVICE operator float() const {
#ifdef __CUDA_ARCH__
    return __uint_as_float(static_cast<unsigned>(bits) << 16);
#else
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
#endif
  }

 private:
  HOST_DEVICE static std::uint32_t bits_of(float value) {
#ifdef __CUDA_ARCH__
    return __float_as_uint(value);
#else
    return std::bit_cast<std::uint32_t>(value);
#endif
  }
};

inline std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
    case DType::i32:
      return 4;
    case DType::u8:
      return 1;
  }
  fail("size_of: unknown dtype ", static_cast<int>(dtype));
}

inline const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
    case DType::u8:
      return "u8";
  }
  return "?";
}

inline bool is_float(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16;
}

template <class T>
constexpr DType dtype_of = [] {
  if constexpr (std::same_as<T, float>)
    return DType::f32;
  else if constexpr (std::same_as<T, double>)
    return DType::f64;
  else if constexpr (std::same_as<T, bf16>)
    return DType::bf16;
  else if constexpr (std::same_as<T, std::int32_t>)
    return DType::i32;
  else {
    static_assert(std::same_as<T, std::uint8_t>, "not an element type");
    return DType::u8;
  }
}();

/// The type arithmetic on T is done in: float for bf16, else T itself.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<bf16> {
  using type = float;
};
template <class T>
using compute_t = typename ComputeType<T>::type;

/// Calls f.template operator()<T>() with the first T of Types whose dtype is `dtype`.
/// `op` names the operation in the error for a dtype that is not among Types.
///     dispatch<float, double>("matmul", a.dtype, [&]<class T>() { ... });
template <class... Types, class F>
void dispatch(const char* op, DType dtype, F&& f) {
  const bool found =
      ((dtype == dtype_of<Types> ? (f.template operator()<Types>(), true) : false) || ...);
  require(found, op, ": dtype ", name_of(dtype), " is not supported here");
}

}  // namespace etude
