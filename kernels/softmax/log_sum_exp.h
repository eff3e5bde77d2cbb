#pragma once
// The state of an online softmax as one value that can be merged in any grouping.
// Source: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018, Alg. 3.

#include <cmath>

#include "kernels/core/host_device.h"

namespace etude {

/// Stands for the terms seen so far: their maximum and sum exp(x - max).
template <class T>
struct LogSumExp {
  T max = -INFINITY;
  T sum = 0;

  HOST_DEVICE static LogSumExp of(T x) { return {x, x == -INFINITY ? T{0} : T{1}}; }

  /// The empty state (max = -inf) is neutral: of two such, exp(-inf - -inf) would be NaN.
  HOST_DEVICE LogSumExp merge(const LogSumExp& other) const {
    if (max == -INFINITY) return other;
    // A NaN on either side must survive, which fmax would not let it.
    const T larger = max > other.max || max != max ? max : other.max;
    return {larger, sum * exp(max - larger) + other.sum * exp(other.max - larger)};
  }

  HOST_DEVICE T value() const { return max + log(sum); }
};

}  // namespace etude
