#pragma once
// Philox4x32-10: random bits as a pure function of (seed, stream, counter), so the same draw comes
// out on the CPU and the GPU, at any thread count and in any order.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

#include <cstdint>

#include "kernels/core/host_device.h"

namespace etude {

/// Names a sequence of draws. Draw number i of the sequence is word i % 4 of block
/// philox(key, offset + i / 4): a kernel that consumes n words uses ceil(n / 4) blocks and the
/// owner of the key advances `offset` by that many.
struct PhiloxKey {
  std::uint64_t seed = 0;    // the key of the cipher
  std::uint64_t stream = 0;  // upper half of the 128-bit counter
  std::uint64_t offset = 0;  // lower half: index of the first block
};

struct Philox4 {
  std::uint32_t word[4];
};

HOST_DEVICE inline Philox4 philox(const PhiloxKey& key, std::uint64_t block) {
  const std::uint64_t counter = key.offset + block;
  std::uint32_t c0 = static_cast<std::uint32_t>(counter);
  std::uint32_t c1 = static_cast<std::uint32_t>(counter >> 32);
  std::uint32_t c2 = static_cast<std::uint32_t>(key.stream);
  std::uint32_t c3 = static_cast<std::uint32_t>(key.stream >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c0;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Uniform in [0, 1): the upper 24 bits, so every value is exact in float.
HOST_DEVICE inline float uniform01(std::uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

}  // namespace etude
