#pragma once
// What a copy does to one element: the same function on both devices.

#include <concepts>
#include <cstdint>
#include <limits>

#include "kernels/core/dtype.h"

namespace etude {

/// A float becomes an integer by dropping its fraction; what is out of range becomes the nearest
/// limit and NaN 0, where C++ leaves both undefined. i32 becomes u8 modulo 256. To bf16 all go by
/// way of float.
template <class Y>
struct Convert {
  template <class X>
  HOST_DEVICE Y operator()(X x) const {
    if constexpr (std::same_as<X, Y>) {
      return x;
    } else if constexpr (std::same_as<X, bf16>) {
      return Convert<Y>{}(static_cast<float>(x));
    } else if constexpr (std::same_as<Y, bf16>) {
      return bf16(static_cast<float>(x));
    } else if constexpr (std::integral<Y> && std::floating_point<X>) {
      // In float the largest i32 would round up, out of range: compare with its successor, 2^31.
      constexpr Y kMax = std::numeric_limits<Y>::max(), kMin = std::numeric_limits<Y>::min();
      constexpr X kBelow = static_cast<X>(kMin), kAbove = static_cast<X>(kMax / 2 + 1) * 2;
      const Y inside =
          static_cast<Y>(static_cast<std::int32_t>(x > kBelow && x < kAbove ? x : X{0}));
      return x >= kAbove ? kMax : x <= kBelow ? kMin : inside;
    } else {
      return static_cast<Y>(x);
    }
  }
};

/// An operation without inputs.
template <class Y>
struct Constant {
  Y value;
  HOST_DEVICE Y operator()() const { return value; }
};

/// Calls f.template operator()<T>() for the T of any of the five dtypes.
template <class F>
void dispatch_any(const char* op, DType dtype, F&& f) {
  dispatch<float, double, bf16, std::int32_t, std::uint8_t>(op, dtype, f);
}

}  // namespace etude
