#pragma once
#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// Batch normalisation with an optional leaky ReLU behind it, in one op.
///   y = leaky((x - mean) * rstd * gamma + beta)
/// x: [B, C] or [B, C, ...]; gamma, beta, running_mean, running_var: [C]. In training the
/// statistics are the batch's, per channel, and the running ones are updated in place with
/// `momentum` (unbiased variance, as PyTorch does); else the running ones are used. Source: Ioffe &
/// Szegedy, "Batch normalization", 2015, Algorithm 1.
struct BatchNormOptions {
  bool training = true;
  double momentum = 0.1;
  double eps = 1e-5;
  double slope = 1;  // of the leaky ReLU; 1: none, 0: ReLU
};
Tensor batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, Tensor& running_mean,
                  Tensor& running_var, const BatchNormOptions& options);

/// Layer normalisation over the last dimension, of extent C.
///   y = (x - mean) * rstd * gamma + beta
/// x: [.., C]; gamma, beta: [C]; f32, bf16 or f64 (cpu). rstd = 1 / sqrt(variance + eps), the
/// variance divided by C. Source: Ba, Kiros & Hinton, "Layer normalization", 2016.
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps = 1e-5);

}  // namespace etude
