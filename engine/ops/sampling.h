#pragma once
#include "engine/random.h"
#include "engine/tensor.h"
#include "kernels/sampling/sampling.h"

namespace etude {

/// One token for each row of logits, all of the logits' leading shape. No gradient.
struct SampledTokens {
  Tensor id;        // i32; -1 where the flag is set
  Tensor log_prob;  // f32, in nats, under the distribution that was drawn from
  Tensor flag;      // i32, a SamplingFlag
};

/// Draws from softmax(logits / temperature) after penalty, top-k and top-p: see
/// kernels/sampling/sampling.h. logits: [.., vocabulary], any dtype, taken as f32; rows may lie
/// apart, as those of a slice. Takes one draw of the generator per row. `history` ([.., H]) and
/// `history_length` ([..]), i32 of the same device, stand for the views in `params`.
/// Throws Error for shapes that do not fit and parameters out of range.
SampledTokens sample(const Tensor& logits, const SamplingParams& params, Generator& generator,
                     const Tensor& history = {}, const Tensor& history_length = {});

}  // namespace etude
