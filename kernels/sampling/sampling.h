#pragma once
// Draws the next token of each row of logits: repetition penalty, temperature, top-k, top-p,
// softmax and one random number, in this order.

#include <cmath>
#include <span>

#include "kernels/core/philox.h"
#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// What shapes the distribution. The defaults leave softmax(logits) as it is.
struct SamplingParams {
  double temperature = 1;         // logits are divided by it; 0: the first largest logit, surely
  std::int64_t top_k = 0;         // the k largest logits and all ties with the k-th; 0: all
  double top_p = 1;               // the fewest most probable tokens of at least this mass; 1: all
  double repetition_penalty = 1;  // logits of tokens in the history: > 0 over it, < 0 times it
  View history = {};              // [rows, H] i32 tokens drawn before; without data: none
  View history_length = {};       // [rows] i32: how many of a row count; without data: all H
};

/// What became of a row, as its flag.
enum class SamplingFlag : std::int32_t { ok = 0, nan_logit = 1, no_finite_logit = 2 };

/// The largest vocabulary: sums of its probabilities stay exact, and one bit for each of its tokens
/// fits into shared memory.
constexpr std::int64_t kMaxVocabulary = 1 << 19;

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void sample(Stream&, const PhiloxKey&, const View& logits, const View& id, const View& log_prob,
            const View& flag, const SamplingParams&);
}  // namespace cpu
namespace gpu {
void sample(Stream&, const PhiloxKey&, const View& logits, const View& id, const View& log_prob,
            const View& flag, const SamplingParams&);
}  // namespace gpu

/// One way to draw on the GPU: a step of the ladder.
struct SamplingRung {
  const char* name;
  const char* idea;
  /// Arguments as of `sample`, and not checked.
  void (*run)(Stream&, const PhiloxKey&, const View& logits, const View& id, const View& log_prob,
              const View& flag, const SamplingParams&);
  DType dtype = DType::f32;  // of the logits
  double roundoff = 0x1p-24;
};
/// The ladder from the bottom up. All rungs and the CPU draw the same tokens.
std::span<const SamplingRung> sampling_rungs();

namespace detail {
inline void check_sampling_params(const SamplingParams& p) {
  require(p.temperature >= 0 && std::isfinite(p.temperature),
          "sample: temperature must be 0 or positive, not ", p.temperature);
  require(p.top_k >= 0, "sample: top_k must be 0 (all) or positive, not ", p.top_k);
  require(p.top_p > 0 && p.top_p <= 1, "sample: top_p must be in (0, 1], not ", p.top_p);
  require(p.repetition_penalty > 0 && std::isfinite(p.repetition_penalty),
          "sample: repetition_penalty must be positive, not ", p.repetition_penalty);
}

inline void check_sampling_history(std::int64_t rows, const SamplingParams& p) {
  const View &h = p.history, &n = p.history_length;
  if (!h.data) return;
  require(h.dtype == DType::i32 && h.rank() == 2 && h.dim(0) == rows && h.contiguous(),
          "sample: the history must be [", rows, ", H] i32, contiguous, not ", h.shape, ' ',
          name_of(h.dtype));
  require(!n.data || (n.dtype == DType::i32 && n.shape == Dims{rows} && n.contiguous()),
          "sample: history lengths must be [", rows, "] i32, not ", n.shape, ' ', name_of(n.dtype));
}

inline void check_sampling(const View& logits, const View& id, const View& log_prob,
                           const View& flag, const SamplingParams& p) {
  require(logits.rank() == 2 && logits.dtype == DType::f32,
          "sample: logits must be [rows, vocabulary] f32, not ", logits.shape, ' ',
          name_of(logits.dtype));
  require(logits.dim(1) >= 1 && logits.dim(1) <= kMaxVocabulary, "sample: a vocabulary has 1 to ",
          kMaxVocabulary, " tokens, not ", logits.dim(1));
  require(logits.dim(1) == 1 || logits.strides[1] == 1,
          "sample: the rows of the logits must be without gaps, not strided by ", logits.strides);
  const Dims rows{logits.dim(0)};
  require(id.shape == rows && log_prob.shape == rows && flag.shape == rows,
          "sample: id, log_prob and flag must be ", rows, ", not ", id.shape, ", ", log_prob.shape,
          " and ", flag.shape);
  require(id.dtype == DType::i32 && log_prob.dtype == DType::f32 && flag.dtype == DType::i32,
          "sample: id, log_prob and flag must be i32, f32 and i32, not ", name_of(id.dtype), ", ",
          name_of(log_prob.dtype), " and ", name_of(flag.dtype));
  require(id.contiguous() && log_prob.contiguous() && flag.contiguous(),
          "sample: id, log_prob and flag must be contiguous");
  check_sampling_params(p);
  check_sampling_history(logits.dim(0), p);
}
}  // namespace detail

/// id[r] ~ softmax(filtered logits[r] / temperature) by draw r of the key, log_prob[r] its
/// logarithm in nats under that distribution, flag[r] a SamplingFlag.
/// logits: [rows, vocabulary] f32, rows without gaps between elements and any distance apart; id,
/// log_prob, flag: [rows] i32, f32, i32. Equal logits are treated alike: both filters keep all ties
/// with the last one they keep. A history token counts once, and one outside the vocabulary not at
/// all. Temperature 0 draws the first largest logit (log_prob 0). Logits of +inf outweigh all
/// others and are equally probable. A row with a NaN, or of -inf alone, has id -1, log_prob NaN and
/// its flag set: its values are on the device, where nothing can throw.
/// Both devices draw the same ids, up to the last bit of an exponential where the host has no fma.
/// A token of less than 2^-44 of the largest probability is not drawn (see weights.h). Throws Error
/// for other shapes, strides, dtypes and parameters.
/// Source: penalty: Keskar et al. 2019, section 4.1; top-k: Fan et al. 2018; top-p: Holtzman et al.
/// 2020.
inline void sample(Stream& s, const PhiloxKey& key, const View& logits, const View& id,
                   const View& log_prob, const View& flag, const SamplingParams& p) {
  detail::check_sampling(logits, id, log_prob, flag, p);
  if (logits.dim(0) == 0) return;
  (s.device() == Device::cpu ? cpu::sample : gpu::sample)(s, key, logits, id, log_prob, flag, p);
}

}  // namespace etude
