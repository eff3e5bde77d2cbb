#pragma once
// What all backends share, and why they draw the same tokens: a probability is held as an integer,
// its mass. Sums of integers are exact, so they depend neither on the order of additions nor on the
// number of threads, and a draw is a comparison of integers.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/core/philox.h"
#include "kernels/core/vector_math.h"
#include "kernels/sampling/sampling.h"

namespace etude::sampling {

/// exp((x - m) / T) in units of 2^-44, m the row's maximum: 2^44 for the maximum itself. A float of
/// at least 2^-21 is exact in it, a smaller one is cut off; 2^19 tokens sum to at most 2^63.
using Mass = unsigned long long;
constexpr int kMassBits = 44;
constexpr Mass kUnit = Mass{1} << kMassBits;

/// SamplingParams as the kernels take them.
struct Settings {
  float penalty = 1;
  float inverse_temperature = 1;
  std::uint32_t top_k = 0;  // 0: off, also where it is the vocabulary or more
  std::uint32_t top_p = 0;  // in units of 2^-32; 0: off
  bool greedy = false;      // the first maximum

  Settings(const SamplingParams& p, std::int64_t vocabulary) {
    if (p.history.data) penalty = static_cast<float>(p.repetition_penalty);
    greedy = p.temperature == 0;
    if (greedy) return;  // no filter drops the maximum
    inverse_temperature =
        static_cast<float>(std::min<double>(1 / p.temperature, std::numeric_limits<float>::max()));
    if (p.top_k < vocabulary) top_k = static_cast<std::uint32_t>(p.top_k);
    if (p.top_p < 1)
      top_p = static_cast<std::uint32_t>(std::clamp(p.top_p * 0x1p32, 1.0, 0x1p32 - 1));
  }
};

/// The logit of a token in the history. The product is an fma with 0, so that no compiler makes it
/// part of another one.
HOST_DEVICE inline float penalised(float x, float penalty) {
  return x > 0 ? x / penalty : math::fma(x, penalty, 0.0f);
}

/// A number that orders as the floats do, -0 as +0. NaN has no place.
HOST_DEVICE inline std::uint32_t ordered(float x) {
  const std::uint32_t bits = math::bits_of(x + 0.0f);
  return bits ^ ((0u - (bits >> 31)) | 0x80000000u);  // a choice might become a branch
}
HOST_DEVICE inline float from_ordered(std::uint32_t key) {
  return math::float_of(key ^ (((key >> 31) - 1) | 0x80000000u));
}

/// (x - m) / T <= 0 for x <= m; 0 for the maximum, also an infinite one.
HOST_DEVICE inline float log_weight(float x, float m, float inverse_temperature) {
  const float below = math::fma(x - m, inverse_temperature, 0.0f);
  return math::select(x == m, 0.0f, below);
}

/// The mass of exp(log_weight), by shifting its mantissa: one rounding, down. 0 for NaN.
HOST_DEVICE inline Mass mass_of(float log_weight) {
  const std::uint32_t bits = math::bits_of(math::exp(log_weight));
  const std::uint32_t below = 127u - (bits >> 23);  // the weight is in [1, 2) * 2^-below
  const Mass mantissa = (bits & 0x7fffffu) | 0x800000u;
  return (mantissa << (kMassBits - 23)) >> (below < 63u ? below : 63u);
}

/// floor(total * fraction / 2^32), and rounded up.
HOST_DEVICE inline Mass share(Mass total, std::uint32_t fraction) {
  return (total >> 32) * fraction + ((total & 0xffffffffu) * fraction >> 32);
}
HOST_DEVICE inline Mass share_up(Mass total, std::uint32_t fraction) {
  return (total >> 32) * fraction + (((total & 0xffffffffu) * fraction + 0xffffffffu) >> 32);
}

/// Draw r of the key: 32 random bits.
HOST_DEVICE inline std::uint32_t row_draw(const PhiloxKey& key, std::int64_t row) {
  const Philox4 block = philox(key, static_cast<std::uint64_t>(row) / 4);
  const std::uint32_t low = row & 1 ? block.word[1] : block.word[0];
  const std::uint32_t high = row & 1 ? block.word[3] : block.word[2];
  return row & 2 ? high : low;
}

/// log(mass of exp(log_weight) / total).
HOST_DEVICE inline float log_share(float log_weight, Mass total) {
  return log_weight - math::log(static_cast<float>(total) * (1.0f / static_cast<float>(kUnit)));
}

/// The outputs of a row, and its logits and history.
struct Rows {
  const float* logits;
  std::int64_t stride;  // from row to row
  std::int64_t count, vocabulary;
  const std::int32_t* history;  // null: none
  const std::int32_t* length;   // null: all of the history
  std::int64_t history_stride;
  std::int32_t* id;
  float* log_prob;
  std::int32_t* flag;

  Rows(const View& x, const View& id_, const View& log_prob_, const View& flag_,
       const SamplingParams& p)
      : logits(x.as<float>()),
        stride(x.strides[0]),
        count(x.dim(0)),
        vocabulary(x.dim(1)),
        history(nullptr),
        length(nullptr),
        history_stride(0),
        id(id_.as<std::int32_t>()),
        log_prob(log_prob_.as<float>()),
        flag(flag_.as<std::int32_t>()) {
    // A penalty of 1 changes nothing.
    if (!p.history.data || static_cast<float>(p.repetition_penalty) == 1.0f) return;
    history = p.history.as<std::int32_t>();
    history_stride = p.history.dim(1);
    if (p.history_length.data) length = p.history_length.as<std::int32_t>();
  }

  /// How many history tokens of the row count.
  HOST_DEVICE std::int64_t history_size(std::int64_t row) const {
    if (!history) return 0;
    const std::int64_t n = length ? length[row] : history_stride;
    return n < history_stride ? n : history_stride;
  }
  /// The token at a place of the row's history, -1 if it is not of the vocabulary.
  HOST_DEVICE std::int32_t history_token(std::int64_t row, std::int64_t place) const {
    const std::int32_t token = history[row * history_stride + place];
    return token >= 0 && token < vocabulary ? token : -1;
  }
  HOST_DEVICE void store(std::int64_t row, std::int32_t token, float value) const {
    id[row] = token;
    log_prob[row] = value;
    flag[row] = static_cast<std::int32_t>(SamplingFlag::ok);
  }
  /// Answers a row whose maximum (NaN if one of its logits is) leaves nothing to draw; whether it
  /// is such a row. Only one thread of the row writes.
  HOST_DEVICE bool refuse(std::int64_t row, float maximum, bool writes) const {
    const bool none = maximum == -math::kInfinity;
    if (maximum == maximum && !none) return false;
    if (writes) {
      id[row] = -1;
      log_prob[row] = std::numeric_limits<float>::quiet_NaN();
      flag[row] =
          static_cast<std::int32_t>(none ? SamplingFlag::no_finite_logit : SamplingFlag::nan_logit);
    }
    return true;
  }
};

}  // namespace etude::sampling
