#pragma once
#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// Over the last dimension.
Tensor softmax(const Tensor& x);
Tensor log_softmax(const Tensor& x);

/// Mean over the rows of -log softmax(logits)[target] in nats. logits: [.., classes], target: i32
/// of the leading shape. A target outside [0, classes) makes the loss NaN.
Tensor cross_entropy(const Tensor& logits, const Tensor& target);

/// Mean of -t log s(x) - (1 - t) log(1 - s(x)) in nats, s the logistic function, for one target
/// t in [0, 1] shared by all logits; stable for any logit.
Tensor bce_with_logits(const Tensor& logits, double target);

/// [.., classes] of 0 and 1 from i32 class numbers, in `dtype`.
Tensor one_hot(const Tensor& target, std::int64_t classes, DType dtype = DType::f32);

}  // namespace etude
