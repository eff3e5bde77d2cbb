#pragma once
// What the 32 lanes of a warp do together. Every collective takes the mask of the lanes that take
// part, all 32 by default; exactly these lanes must call it. On the host runtime a mask that names
// an exited lane, or a shuffle that reads a lane outside the mask, raises Error.

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/core/cuda.h"

namespace etude {

/// Rank of the thread in its block, x fastest.
__device__ __forceinline__ unsigned thread_rank() {
  return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}
__device__ __forceinline__ unsigned lane_id() { return thread_rank() % kWarpSize; }
__device__ __forceinline__ unsigned warp_id() { return thread_rank() / kWarpSize; }

/// A value that a shuffle can carry: whole 32-bit words without pointers to follow.
template <class T>
concept Shuffled = std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0;

/// The `v` of lane `lane` (0..31).
template <Shuffled T>
__device__ __forceinline__ T shuffle(const T& v, unsigned lane, unsigned mask = kFullMask,
                                     Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  std::uint32_t words[sizeof(T) / 4];
  memcpy(words, &v, sizeof(T));
#pragma unroll
  for (std::uint32_t& word : words) word = __shfl_sync(mask, word, static_cast<int>(lane));
  T result;
  memcpy(&result, words, sizeof(T));
  return result;
#else
  struct Record {
    T value;
    unsigned lane;
    T result;
    bool valid;
  } record{v, lane, v, false};
  simt::warp_collective(
      mask, record,
      [](Record* const* records, unsigned lanes) {
        for (unsigned left = lanes; left; left &= left - 1) {
          Record& mine = *records[std::countr_zero(left)];
          mine.valid = mine.lane < kWarpSize && (lanes >> mine.lane & 1);
          if (mine.valid) mine.result = records[mine.lane]->value;
        }
      },
      site);
  if (!record.valid) simt::fault("shuffle", site, "reads a lane that the mask does not name");
  return record.result;
#endif
}

/// The `v` of lane (own ^ bits).
template <Shuffled T>
__device__ __forceinline__ T shuffle_xor(const T& v, unsigned bits, unsigned mask = kFullMask,
                                         Site site = Site::current()) {
  return shuffle(v, lane_id() ^ bits, mask, site);
}

/// The `v` of lane (own + delta); the last `delta` lanes keep their own.
template <Shuffled T>
__device__ __forceinline__ T shuffle_down(const T& v, unsigned delta, unsigned mask = kFullMask,
                                          Site site = Site::current()) {
  const unsigned lane = lane_id() + delta;
  return shuffle(v, lane < kWarpSize ? lane : lane_id(), mask, site);
}

/// The `v` of lane (own - delta); the first `delta` lanes keep their own.
template <Shuffled T>
__device__ __forceinline__ T shuffle_up(const T& v, unsigned delta, unsigned mask = kFullMask,
                                        Site site = Site::current()) {
  return shuffle(v, lane_id() >= delta ? lane_id() - delta : lane_id(), mask, site);
}

/// Bit i: whether lane i is in the mask and its `condition` holds.
__device__ __forceinline__ unsigned ballot(bool condition, unsigned mask = kFullMask,
                                           Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  return __ballot_sync(mask, condition);
#else
  struct Record {
    bool condition;
    unsigned votes;
  } record{condition, 0};
  simt::warp_collective(
      mask, record,
      [](Record* const* records, unsigned lanes) {
        unsigned votes = 0;
        for (unsigned left = lanes; left; left &= left - 1)
          votes |= unsigned{records[std::countr_zero(left)]->condition} << std::countr_zero(left);
        for (unsigned left = lanes; left; left &= left - 1)
          records[std::countr_zero(left)]->votes = votes;
      },
      site);
  return record.votes;
#endif
}

__device__ __forceinline__ bool any(bool condition, unsigned mask = kFullMask,
                                    Site site = Site::current()) {
  return ballot(condition, mask, site) != 0;
}
__device__ __forceinline__ bool all(bool condition, unsigned mask = kFullMask,
                                    Site site = Site::current()) {
  return ballot(condition, mask, site) == mask;
}

/// op over each aligned group of `Width` lanes, in every lane of it: a butterfly, so the order of
/// operations is fixed; op must be commutative, and then all lanes hold the same bits.
template <unsigned Width = kWarpSize, Shuffled T, class Op>
__device__ __forceinline__ T warp_reduce(T v, Op op, unsigned mask = kFullMask,
                                         Site site = Site::current()) {
  static_assert(Width <= kWarpSize && (Width & (Width - 1)) == 0, "a power of two");
#ifdef __CUDACC__
#pragma unroll
  for (unsigned bits = Width / 2; bits > 0; bits /= 2) v = op(v, shuffle_xor(v, bits, mask, site));
  return v;
#else  // the same butterfly in one collective instead of five
  struct Record {
    T value;
    Op op;
    bool valid;
  } record{v, op, true};
  simt::warp_collective(
      mask, record,
      [](Record* const* records, unsigned) {
        for (unsigned bits = Width / 2; bits > 0; bits /= 2)
          for (unsigned lane = 0; lane < kWarpSize; ++lane) {
            Record *low = records[lane], *high = records[lane ^ bits];
            if (low && !high) low->valid = false;
            if (!low || !high || (lane & bits)) continue;
            const T sum = low->op(low->value, high->value);
            high->value = high->op(high->value, low->value);
            low->value = sum;
          }
      },
      site);
  if (!record.valid) simt::fault("warp_reduce", site, "the mask splits a group of lanes");
  return record.value;
#endif
}

/// The larger of two; NaN if one is NaN, unlike fmaxf, so that a fault stays visible.
struct Max {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Sum {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

/// Sum over each aligned group of `Width` lanes, in every lane of it.
template <unsigned Width = kWarpSize, Shuffled T>
__device__ __forceinline__ T warp_sum(T v, unsigned mask = kFullMask, Site site = Site::current()) {
  return warp_reduce<Width>(v, Sum{}, mask, site);
}

/// Maximum over each aligned group of `Width` lanes, in every lane of it; NaN if one is NaN.
template <unsigned Width = kWarpSize, Shuffled T>
__device__ __forceinline__ T warp_max(T v, unsigned mask = kFullMask, Site site = Site::current()) {
  return warp_reduce<Width>(v, Max{}, mask, site);
}

/// Sum over the lanes 0 up to the own: five steps of doubling distance. The mask names the first
/// lanes of the warp.
/// source  Hillis & Steele, "Data parallel algorithms", CACM 1986
template <Shuffled T>
__device__ __forceinline__ T warp_scan(T v, unsigned mask = kFullMask,
                                       Site site = Site::current()) {
#pragma unroll
  for (unsigned distance = 1; distance < kWarpSize; distance *= 2) {
    const T before = shuffle_up(v, distance, mask, site);
    if (lane_id() >= distance) v += before;
  }
  return v;
}

}  // namespace etude
