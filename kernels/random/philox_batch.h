#pragma once
// Many Philox blocks at once on the CPU, in vector registers.

#include <cstdint>
#include <cstring>

#include "kernels/core/philox.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace etude::cpu {

constexpr int kBatchBlocks = 16;
constexpr int kBatchWords = 4 * kBatchBlocks;

namespace detail {

// Four blocks side by side, each word in the low half of a 64-bit lane: the multiplier of Philox is
// 32 x 32 -> 64 bits, so its two halves need no shuffling. The upper halves carry what they will.
using Lanes = std::uint64_t __attribute__((vector_size(32)));
constexpr int kLanes = 4;
constexpr int kVectors = kBatchBlocks / kLanes;  // independent chains that hide the latency

inline Lanes multiply_low_halves(Lanes a, std::uint32_t b) {
#ifdef __AVX2__
  return (Lanes)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * b;
#endif
}

/// to[0 .. 16) = the four words of four blocks.
inline void store_blocks(const Lanes (&c)[4], std::uint32_t* to) {
  const Lanes ab = (c[0] & 0xffffffffu) | c[1] << 32, cd = (c[2] & 0xffffffffu) | c[3] << 32;
  const Lanes first = __builtin_shuffle(ab, cd, Lanes{0, 4, 1, 5});
  const Lanes second = __builtin_shuffle(ab, cd, Lanes{2, 6, 3, 7});
  std::memcpy(to, &first, sizeof first);
  std::memcpy(to + 8, &second, sizeof second);
}

}  // namespace detail

/// c[v][w] = word w of the blocks whose 64-bit counters c[v][0] holds.
inline void philox_lanes(const PhiloxKey& key, detail::Lanes (&c)[detail::kVectors][4]) {
  using detail::kVectors;
  using detail::Lanes;
  for (int v = 0; v < kVectors; ++v) {
    c[v][1] = c[v][0] >> 32;
    c[v][2] = Lanes{} + key.stream;
    c[v][3] = c[v][2] >> 32;
  }
  auto k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    for (int v = 0; v < kVectors; ++v) {
      const Lanes p0 = detail::multiply_low_halves(c[v][0], 0xD2511F53u);
      const Lanes p1 = detail::multiply_low_halves(c[v][2], 0xCD9E8D57u);
      c[v][0] = (p1 >> 32) ^ c[v][1] ^ std::uint64_t{k0};
      c[v][1] = p1;
      c[v][2] = (p0 >> 32) ^ c[v][3] ^ std::uint64_t{k1};
      c[v][3] = p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/// words[4 i + w] = word w of philox(key, block + i), 0 <= i < kBatchBlocks: draws in their order.
/// Without AVX2 the same code runs in narrower registers.
inline void philox_batch(const PhiloxKey& key, std::uint64_t block,
                         std::uint32_t (&words)[kBatchWords]) {
  detail::Lanes c[detail::kVectors][4];
  for (int v = 0; v < detail::kVectors; ++v) {
    c[v][0] = detail::Lanes{0, 1, 2, 3} + (key.offset + block + v * detail::kLanes);
  }
  philox_lanes(key, c);
  for (int v = 0; v < detail::kVectors; ++v) {
    detail::store_blocks(c[v], words + 4 * detail::kLanes * v);
  }
}

}  // namespace etude::cpu
