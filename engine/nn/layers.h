#pragma once
// The layers. Each is made as a member of its parent: Linear fc{*this, "fc", {100, 10}, init}.
// Initial weights are PyTorch's defaults: uniform within 1 / sqrt(fan_in), for weight and bias
// (He et al. 2015 with a = sqrt(5)).

#include "engine/nn/module.h"
#include "engine/ops/conv.h"
#include "engine/ops/lstm.h"

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

/// Layer normalisation over the last dimension, of extent `size`; initially gamma 1, beta 0.
class LayerNorm : public Module {
 public:
  LayerNorm(Module& parent, const std::string& name, std::int64_t size, Init init);
  Tensor operator()(const Tensor& x) const;

  Tensor gamma, beta;  // [size]
};

/// Numbers [..], i32 in [0, num) -> [.., dim]: rows of a table. Initially N(0, 1), as PyTorch's.
class Embedding : public Module {
 public:
  struct Options {
    std::int64_t num, dim;
  };
  Embedding(Module& parent, const std::string& name, const Options& options, Init init);
  Tensor operator()(const Tensor& ids) const;

  Tensor weight;  // [num, dim]
};

/// [T, B, in] -> [T, B, hidden]: layers of long short-term memory with dropout between them, in
/// training. Initial weights as PyTorch's: uniform within 1 / sqrt(hidden), the bias a sum of two.
class Lstm : public Module {
 public:
  struct Options {
    std::int64_t in, hidden, layers = 1;
    double dropout = 0;
  };
  Lstm(Module& parent, const std::string& name, const Options& options, Init init);
  /// `options` as of lstm(), but dropout, which is the module's.
  LstmResult operator()(const Tensor& x, LstmOptions options = {}) const;
  /// Of x[t, b] = table[ids[t, b]] + added[b], ids [T, B], `added` [B, in] or undefined. Where the
  /// table has fewer rows than x, the first layer multiplies w_ih with those instead.
  LstmResult of_rows(const Tensor& table, const Tensor& ids, const Tensor& added,
                     LstmOptions options = {}) const;

  std::vector<LstmWeights> weights;  // per layer l: parameters w_ih_l, w_hh_l, bias_l
 private:
  double dropout_;
};

}  // namespace etude
