#pragma once
#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// Matrix product of the last two dimensions: [.., M, K] x [.., K, N] -> [.., M, N]. Leading
/// dimensions must be equal, or one operand is a plain matrix shared by all. Transposed operands
/// cost nothing: pass transpose(x).
Tensor matmul(const Tensor& a, const Tensor& b);

/// x w^T + b. x: [.., in], w: [out, in], b: [out] or undefined -> [.., out].
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b = {});

}  // namespace etude
