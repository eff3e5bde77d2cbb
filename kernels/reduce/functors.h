#pragma once
// What a reduction does to its terms, for both backends. A functor maps an element to a term and
// merges two partial results, in any accumulator type A. Merged is the functor that takes partial
// results for elements: a second stage must not square again.

#include <cmath>
#include <cstdint>

#include "kernels/core/host_device.h"

namespace etude {

struct SumOf {
  using Merged = SumOf;
  static constexpr double kIdentity = 0;
  template <class A>
  HOST_DEVICE static A term(A x) {
    return x;
  }
  template <class A>
  HOST_DEVICE static A merge(A a, A b) {
    return a + b;
  }
};

struct SumOfSquares : SumOf {
  template <class A>
  HOST_DEVICE static A term(A x) {
    return x * x;
  }
};

/// The larger one; a NaN wins, which fmax would not let it.
struct MaxOf {
  using Merged = MaxOf;
  static constexpr double kIdentity = -INFINITY;
  template <class A>
  HOST_DEVICE static A term(A x) {
    return x;
  }
  template <class A>
  HOST_DEVICE static A merge(A a, A b) {
    return (b > a) | (b != b) ? b : a;
  }
};

struct MinOf {
  using Merged = MinOf;
  static constexpr double kIdentity = INFINITY;
  template <class A>
  HOST_DEVICE static A term(A x) {
    return x;
  }
  template <class A>
  HOST_DEVICE static A merge(A a, A b) {
    return (b < a) | (b != b) ? b : a;
  }
};

/// An element of a row and where it stands: the state of an argmax. index < 0: no element yet.
template <class T>
struct Candidate {
  T value = 0;
  std::int32_t index = -1;

  /// The larger value, a NaN being larger than all; among equals the first.
  HOST_DEVICE Candidate merge(const Candidate& other) const {
    if (other.index < 0) return *this;
    if (index < 0) return other;
    const bool nan = value != value, other_nan = other.value != other.value;
    if (nan != other_nan) return nan ? *this : other;
    if (!nan && value != other.value) return value > other.value ? *this : other;
    return index < other.index ? *this : other;
  }
};

}  // namespace etude
