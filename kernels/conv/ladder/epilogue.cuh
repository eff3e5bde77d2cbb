#pragma once
// What a convolution can do with its sums while they are still in registers: add a bias, gather the
// statistics of each channel, apply the leaky rectifier.

#include "kernels/conv/conv.h"
#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/norm/channel.h"

namespace etude::conv_ladder {

/// Count, mean and sum of squared differences from the mean of some values.
struct Moments {
  float count, mean, squares;
};

/// The moments of the union. Unlike sums of values and of squares, which cancel where the mean is
/// large against the deviation, all terms of `squares` are positive.
/// Source: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances", 1979.
struct MergeMoments {
  __device__ Moments operator()(const Moments& a, const Moments& b) const {
    if (b.count == 0) return a;
    if (a.count == 0) return b;  // else 0 * inf, where b lies beyond the range of squares
    const float count = a.count + b.count, share = b.count / count, difference = b.mean - a.mean;
    return {count, a.mean + difference * share,
            a.squares + b.squares + difference * difference * a.count * share};
  }
};

/// z = sum + bias_k, y = leaky(z); with `moments` [K, parts], where each tile leaves those of its
/// z.
template <class T>
struct ChannelEpilogue {
  const T* bias = nullptr;
  float slope = 1;
  Moments* moments = nullptr;
  int parts = 0;

  __device__ float bias_of(int channel) const {
    return bias ? static_cast<float>(bias[channel]) : 0.0f;
  }
  __device__ T activated(float z) const {
    return static_cast<T>(slope == 1 ? z : leaky(z, z, slope));
  }
};

/// Its bias and rectifier; the statistics are Statistics.
template <class T>
ChannelEpilogue<T> epilogue_of(const ConvEpilogue& e) {
  return {e.bias.data ? e.bias.as<T>() : nullptr, static_cast<float>(e.slope)};
}

/// mean and var of each channel, or neither.
struct Statistics {
  float *mean = nullptr, *var = nullptr;
};
inline Statistics statistics_of(const ConvEpilogue& e) {
  if (!e.mean.data) return {};
  return {e.mean.as<float>(), e.var.as<float>()};
}

/// mean_k, var_k = the merged moments of channel k
/// shapes  moments: [K, parts], mean, var: [K] contiguous         dtype   f32
/// launch  grid = K, block = 128, shared = 48 bytes, 2 barriers
/// edges   parts need not divide 128; empty parts (count 0) do not matter
/// error   of merging: a few roundings for each doubling of the parts
/// cost    12 * K * parts bytes: nothing beside the convolution
/// source  Chan, Golub & LeVeque 1979; in a fixed order, so two runs are bit-equal
template <int Threads>
__global__ void __launch_bounds__(Threads)
    merge_moments_kernel(const Moments* moments, int parts, float* mean, float* var) {
  launch_bound(Threads);
  Moments own{0, 0, 0};
  for (int i = static_cast<int>(threadIdx.x); i < parts; i += Threads) {
    own = MergeMoments{}(own, moments[static_cast<std::int64_t>(blockIdx.x) * parts + i]);
  }
  // Rounding makes the merge commutative but for the last bit: one thread's result is the result.
  const Moments all = block_reduce<Threads>(own, MergeMoments{});
  if (threadIdx.x != 0) return;
  mean[blockIdx.x] = all.mean;
  var[blockIdx.x] = all.squares / all.count;
}

}  // namespace etude::conv_ladder
