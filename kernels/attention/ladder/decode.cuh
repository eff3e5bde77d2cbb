#pragma once
// A ladder of its own: one query per head over the keys and values kept so far. Every key and value
// is used once, so this is a matter of memory alone, and of having enough of it under way.
//
// one_warp: a warp per head walks over all keys with an online softmax, whose state is what
// FlashAttention's is: the largest score, the sum of exponentials, the weighted values.
// Bottleneck of it: a batch of one with 12 heads keeps 12 warps of the card busy.
//
// split_keys: many blocks per head, 256 keys each, of 8 warps with 32 keys each; states are merged
// in the order of the keys, first those of a block, then, by a second kernel, those of the blocks.
// Blocks beyond a sequence's length end at once. Predicted gain for long caches and few heads: from
// one warp's to most of the memory's rate, some 50 times; below 256 keys none: a launch more.

#include "kernels/attention/ladder/delta.cuh"

namespace etude::attention_ladder {

constexpr int kDecodeWarps = 8, kDecodeThreads = kDecodeWarps * 32, kDecodeKeys = 256;
constexpr int kOfLane = static_cast<int>(kMaxHeadDim) / 32;  // dimensions of a head, at most

template <class T>
struct DecodeProblem {
  std::int64_t heads, H;
  int capacity, D, splits;
  float scale;
  std::int64_t q_batch, q_head, y_batch, y_head, length_stride;
  const T* q;
  HeadRows<const T> k, v;
  T* y;
  const std::int32_t* lengths;
  float* partial;  // [heads, splits, D + 2]: weighted values, largest score, sum

  explicit DecodeProblem(const AttentionDecode& p)
      : heads(p.q.dim(0) * p.q.dim(1)),
        H(p.q.dim(1)),
        capacity(static_cast<int>(p.k.dim(2))),
        D(static_cast<int>(p.q.dim(2))),
        splits((capacity + kDecodeKeys - 1) / kDecodeKeys),
        scale(static_cast<float>(p.scale)),
        q_batch(p.q.strides[0]),
        q_head(p.q.strides[1]),
        y_batch(p.y.strides[0]),
        y_head(p.y.strides[1]),
        length_stride(p.lengths.strides[0]),
        q(p.q.as<T>()),
        k(p.k),
        v(p.v),
        y(p.y.as<T>()),
        lengths(p.lengths.as<std::int32_t>()),
        partial(nullptr) {}

  __device__ __forceinline__ int length(std::int64_t head) const {
    const std::int32_t n = lengths[head / H * length_stride];
    return n < 0 ? 0 : n < capacity ? n : capacity;
  }
  __device__ __forceinline__ const T* query(std::int64_t head) const {
    return q + head / H * q_batch + head % H * q_head;
  }
  __device__ __forceinline__ T* output(std::int64_t head) const {
    return y + head / H * y_batch + head % H * y_head;
  }
};

/// The softmax of some keys, not yet divided: a lane has the dimensions lane, lane + 32, ...
template <int OfLane>
struct DecodeState {
  float max = -math::kInfinity, sum = 0;
  float y[OfLane] = {};

  /// Puts what belongs to a largest score `other` on a common footing with this; returns the
  /// other's factor. Neither need have any key.
  __device__ __forceinline__ float meet(float other) {
    const float both = other > max || other != other ? other : max;
    const float own = max == both ? 1 : math::exp(max - both);
    const float factor = other == both ? 1 : math::exp(other - both);
    max = both;
    sum *= own;
#pragma unroll
    for (float& value : y) value *= own;
    return factor;
  }

  /// The keys begin .. end - 1; all lanes of the warp.
  template <class T>
  __device__ __forceinline__ void add(const DecodeProblem<T>& p, std::int64_t head, int begin,
                                      int end) {
    const int lane = static_cast<int>(lane_id());
    float q[OfLane];
#pragma unroll
    for (int i = 0; i < OfLane; ++i) {
      const int d = lane + 32 * i;
      q[i] = d < p.D ? static_cast<float>(p.query(head)[d]) * p.scale : 0;
    }
    for (int s = begin; s < end; ++s) {
      const T *k = p.k.of(head) + s * p.k.row, *v = p.v.of(head) + s * p.v.row;
      float score = 0;
#pragma unroll
      for (int i = 0; i < OfLane; ++i) {
        const int d = lane + 32 * i;
        if (d < p.D) score += q[i] * static_cast<float>(k[d]);
      }
      const float weight = meet(warp_sum(score));
      sum += weight;
#pragma unroll
      for (int i = 0; i < OfLane; ++i) {
        const int d = lane + 32 * i;
        if (d < p.D) y[i] += weight * static_cast<float>(v[d]);
      }
    }
  }

  /// As one row of D + 2 floats; and adds one.
  __device__ __forceinline__ void put(float* to, int D) const {
    const int lane = static_cast<int>(lane_id());
#pragma unroll
    for (int i = 0; i < OfLane; ++i) {
      if (lane + 32 * i < D) to[lane + 32 * i] = y[i];
    }
    if (lane == 0) to[D] = max, to[D + 1] = sum;
  }
  __device__ __forceinline__ void merge(const float* from, int D) {
    const float factor = meet(from[D]);
    sum += factor * from[D + 1];
#pragma unroll
    for (int i = 0; i < OfLane; ++i) {
      const int d = static_cast<int>(lane_id()) + 32 * i;
      if (d < D) y[i] += factor * from[d];
    }
  }
  template <class T>
  __device__ __forceinline__ void finish(T* to, int D) const {
#pragma unroll
    for (int i = 0; i < OfLane; ++i) {
      const int d = static_cast<int>(lane_id()) + 32 * i;
      if (d < D) to[d] = T(sum == 0 ? 0.0f : y[i] / sum);
    }
  }
};

/// y[h] = sum_{s < length} p[s] v[h,s], p = softmax(scale q[h] . k[h,s])
/// shapes  q, y: [heads, D], k, v: [heads, capacity, D] rows of any strides
/// dtype   f32 | bf16, f32 sums
/// launch  a block of one warp per head
/// edges   length 0: 0; D at most 32 * OfLane
/// cost    2 * length * D elements per head; bound by the latency of one warp
/// source  Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018
template <class T, int OfLane>
__global__ void __launch_bounds__(32) attention_decode_warp(DecodeProblem<T> p) {
  launch_bound(32);
  const std::int64_t head = blockIdx.x;
  DecodeState<OfLane> state;
  state.add(p, head, 0, p.length(head));
  state.finish(p.output(head), p.D);
}

/// partial[h,i] = the state of the keys 256 i .. 256 i + 255 of head h
/// shapes  as attention_decode_warp, partial: [heads, splits, D + 2]
/// launch  grid = heads * splits, block = 256, dynamic shared = 8 (D + 2) floats, 1 barrier
/// edges   a block beyond the length writes nothing
/// cost    2 * length * D elements per head; memory bound
/// source  "Flash-Decoding for long-context inference", Dao, Haziza, Massa, Sizov, 2023
template <class T, int OfLane>
__global__ void __launch_bounds__(kDecodeThreads) attention_decode_split(DecodeProblem<T> p) {
  launch_bound(kDecodeThreads);
  auto* states = dynamic_shared<float>();
  const std::int64_t head = blockIdx.x / p.splits;
  const int begin = static_cast<int>(blockIdx.x % p.splits) * kDecodeKeys;
  const int length = p.length(head), warp = static_cast<int>(warp_id());
  if (begin >= length) return;
  constexpr int kOwn = kDecodeKeys / kDecodeWarps;
  const int first = begin + warp * kOwn, end = first + kOwn < length ? first + kOwn : length;
  DecodeState<OfLane> state;
  state.add(p, head, first, end);
  if (warp > 0) state.put(states + warp * (p.D + 2), p.D);
  __syncthreads();  // all states are there
  if (warp > 0) return;
  for (int w = 1; w < kDecodeWarps; ++w) state.merge(states + w * (p.D + 2), p.D);
  state.put(p.partial + std::int64_t{blockIdx.x} * (p.D + 2), p.D);
}

/// y[h] = the merged states of head h
/// shapes  partial: [heads, splits, D + 2], y: [heads, D]             dtype   f32 | bf16
/// launch  a block of one warp per head
/// edges   length 0: 0
/// cost    one element for some 500 of the keys' and values'
template <class T, int OfLane>
__global__ void __launch_bounds__(32) attention_decode_merge(DecodeProblem<T> p) {
  launch_bound(32);
  const std::int64_t head = blockIdx.x;
  const int splits = (p.length(head) + kDecodeKeys - 1) / kDecodeKeys;
  DecodeState<OfLane> state;
  for (int i = 0; i < splits; ++i) {
    state.merge(p.partial + (head * p.splits + i) * (p.D + 2), p.D);
  }
  state.finish(p.output(head), p.D);
}

/// body.operator()<OfLane>() with the dimensions that a lane has.
template <class Body>
void with_head_dim(int D, const Body& body) {
  if (D <= 64) return body.template operator()<2>();
  if (D <= 128) return body.template operator()<4>();
  body.template operator()<kOfLane>();
}

template <class T>
void run_decode_warp(Stream& s, const AttentionDecode& arguments) {
  const DecodeProblem<T> p(arguments);
  with_head_dim(p.D, [&]<int OfLane>() {
    launch(s, {.grid = grid_of(p.heads), .block = dim3(32)}, attention_decode_warp<T, OfLane>, p);
  });
}

template <class T>
void run_decode_split(Stream& s, const AttentionDecode& arguments) {
  DecodeProblem<T> p(arguments);
  if (p.splits == 0) return run_decode_warp<T>(s, arguments);
  p.partial = static_cast<float*>(s.scratch(sizeof(float) * p.heads * p.splits * (p.D + 2)));
  with_head_dim(p.D, [&]<int OfLane>() {
    launch(s,
           {.grid = grid_of(p.heads * p.splits),
            .block = dim3(kDecodeThreads),
            .shared_bytes = sizeof(float) * kDecodeWarps * (p.D + 2)},
           attention_decode_split<T, OfLane>, p);
    launch(s, {.grid = grid_of(p.heads), .block = dim3(32)}, attention_decode_merge<T, OfLane>, p);
  });
}

}  // namespace etude::attention_ladder
