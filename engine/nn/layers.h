#pragma once
// The layers. Each is made as a member of its parent: Linear fc{*this, "fc", {100, 10}, init}.
// Initial weights are PyTorch's defaults: uniform within 1 / sqrt(fan_in), for weight and bias
// (He et al. 2015 with a = sqrt(5)).

#include "engine/nn/module.h"
#include "engine/ops/conv.h"

namespace etude {

/// [.., in] -> [.., out].
class Linear : public Module {
 public:
  struct Options {
    std::int64_t in, out;
    bool bias = true;
  };
  Linear(Module& parent, const std::string& name, const Options& options, Init init);
  Tensor operator()(const Tensor& x) const;

  Tensor weight, bias;  // [out, in], [out] or undefined
};

/// A convolution and a transposed convolution with one square kernel size, stride and padding.
struct ConvOptions {
  std::int64_t in, out, kernel, stride = 1, pad = 0;
  bool bias = true;
};

/// [B, in, H, W] -> [B, out, P, Q], with an optional leaky ReLU fused behind the bias.
class Conv2d : public Module {
 public:
  Conv2d(Module& parent, const std::string& name, const ConvOptions& options, Init init);
  Tensor operator()(const Tensor& x, double slope = 1) const;

  Tensor weight, bias;  // [out, in, kernel, kernel], [out] or undefined
 private:
  ConvParams params_;
};

/// [B, in, H, W] -> [B, out, (H - 1) stride - 2 pad + kernel, ...].
class ConvTranspose2d : public Module {
 public:
  ConvTranspose2d(Module& parent, const std::string& name, const ConvOptions& options, Init init);
  Tensor operator()(const Tensor& x) const;

  Tensor weight, bias;  // [in, out, kernel, kernel], [out] or undefined
 private:
  ConvTransposeParams params_;
};

/// [B, in, L] -> [B, out, P], with an optional leaky ReLU fused behind the bias.
class Conv1d : public Module {
 public:
  Conv1d(Module& parent, const std::string& name, const ConvOptions& options, Init init);
  Tensor operator()(const Tensor& x, double slope = 1) const;

  Tensor weight, bias;  // [out, in, kernel], [out] or undefined
 private:
  ConvParams params_;
};

/// [B, in, L] -> [B, out, (L - 1) stride - 2 pad + kernel], likewise.
class ConvTranspose1d : public Module {
 public:
  ConvTranspose1d(Module& parent, const std::string& name, const ConvOptions& options, Init init);
  Tensor operator()(const Tensor& x, double slope = 1) const;

  Tensor weight, bias;  // [in, out, kernel], [out] or undefined
 private:
  ConvTransposeParams params_;
};

/// Batch normalisation over all but dimension 1, followed by leaky_relu(slope) (1: none, 0: ReLU).
class BatchNorm : public Module {
 public:
  BatchNorm(Module& parent, const std::string& name, std::int64_t channels, Init init);
  Tensor operator()(const Tensor& x, double slope = 1);

  Tensor gamma, beta, running_mean, running_var;  // [channels]
};

}  // namespace etude
