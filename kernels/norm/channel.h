#pragma once
// The arithmetic of one channel, for both backends, so that forward and backward agree on the sign
// of every output.

#include <cmath>

#include "kernels/core/host_device.h"

namespace etude {

/// z = (x - mean) * scale + beta with scale = gamma * rstd. The difference comes first: folding it
/// into beta would cancel where |mean| is large against the deviation.
template <class T>
HOST_DEVICE inline T normalised(T x, T mean, T scale, T beta) {
  return (x - mean) * scale + beta;
}

/// v where z > 0, else slope * v: the leaky rectifier with v = z, its gradient with v = dy. Written
/// without arithmetic that depends on the condition, so that loops over it vectorise.
template <class T>
HOST_DEVICE inline T leaky(T z, T v, T slope) {
  const bool positive = z > 0;
  const T above = positive ? v : T{0}, below = positive ? T{0} : v;
  return above + slope * below;
}

/// (1 - momentum) * running + momentum * batch.
template <class T>
HOST_DEVICE inline T running_average(T running, T batch, T momentum) {
  return running + momentum * (batch - running);
}

}  // namespace etude
