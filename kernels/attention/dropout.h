#pragma once
// Which probabilities attention drops, for all backends: 16 random bits for each, so one Philox
// block decides on eight.

#include "kernels/attention/attention.h"
#include "kernels/core/host_device.h"

namespace etude {

/// The scores of a head are cut into tiles of 16 x 16 (queries, keys), numbered row by row, heads
/// one after the other. A tile has 32 blocks of draws. The probability (t, s) of a tile is decided
/// by block (t % 8) * 4 + s % 8 / 2, word t / 8 + s / 8 * 2 of it, lower half for even s. So block
/// and words belong to one lane of a tensor-core product's two accumulators, whichever way round,
/// and on the CPU the same word of eight blocks to eight neighbouring queries.
struct AttentionDropout {
  PhiloxKey key;
  std::uint32_t threshold = 0;  // of 16 bits: what is less is dropped; 0: no dropout
  float scale = 1;              // of what is kept
  std::int64_t query_tiles, key_tiles;

  AttentionDropout(const AttentionOptions& o, std::int64_t T, std::int64_t S)
      : key(o.key), query_tiles((T + 15) / 16), key_tiles((S + 15) / 16) {
    if (o.dropout <= 0) return;
    threshold = static_cast<std::uint32_t>(std::fmin(std::ceil(o.dropout * 0x1p16), 0x1p16 - 1));
    scale = static_cast<float>(0x1p16 / (0x1p16 - threshold));
  }

  HOST_DEVICE bool on() const { return threshold > 0; }
  /// The first block of the tile of head `head` that contains (t, s).
  HOST_DEVICE std::uint64_t tile(std::int64_t head, std::int64_t t, std::int64_t s) const {
    return static_cast<std::uint64_t>((head * query_tiles + t / 16) * key_tiles + s / 16) * 32;
  }
  /// What the probability is multiplied by, from its word.
  HOST_DEVICE float keep(std::uint32_t word, std::int64_t s) const {
    return ((s % 2 ? word >> 16 : word) & 0xffffu) >= threshold ? scale : 0.0f;
  }
  /// The same from nothing but the place, for those who need one alone.
  HOST_DEVICE float keep_at(std::int64_t head, std::int64_t t, std::int64_t s) const {
    if (!on()) return 1;
    const std::int64_t block = t % 8 * 4 + s % 8 / 2, place = t % 16 / 8 + s % 16 / 8 * 2;
    const Philox4 words = philox(key, tile(head, t, s) + static_cast<std::uint64_t>(block));
    const std::uint32_t low = place & 1 ? words.word[1] : words.word[0];
    const std::uint32_t high = place & 1 ? words.word[3] : words.word[2];
    return keep(place & 2 ? high : low, s);
  }
};

}  // namespace etude
