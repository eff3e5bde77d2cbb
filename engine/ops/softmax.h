#pragma once
#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// Over the last dimension.
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);

/// Mean over the rows of -log softmax(logits)[target] in nats. logits: [.., classes], target: i32
/// of the leading shape. A target of -1 means none: its row counts 0 in the mean over all rows. Any
/// other outside [0, classes) makes the loss NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& target);

/// Mean over the rows that have a target of -log softmax(x w^T)[target] in nats: the last layer of
/// a language model with its loss, without ever holding all logits. Rows are taken in pieces, and
/// the gradients, where they are wanted, are computed with each piece while its logits are there.
/// x: [.., C], w: [classes, C], f32, bf16 (the loss is f32) or f64 (cpu); target: i32 of the
/// leading shape, -1 where there is none; without any the loss is 0. `held`: how many elements of
/// the logits there are at a time (64 MiB of f32), one row at least. Source: Hsu et al., "Liger
/// kernel", 2024, section 3.2.
Tensor linear_cross_entropy(const Tensor& x, const Tensor& w, const Tensor& target,
                            std::int64_t held = std::int64_t{1} << 24);

/// Mean of -t log s(x) - (1 - t) log(1 - s(x)) in nats, s the logistic function, for one target
/// t in [0, 1] shared by all logits; stable for any logit.
Tensor bce_with_logits(const Tensor& logits, double target);

/// [.., classes] of 0 and 1 from i32 class numbers, in `dtype`.
Tensor one_hot(const Tensor& target, std::int64_t classes, DType dtype = DType::f32);

}  // namespace etude
