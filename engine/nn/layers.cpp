#include "engine/nn/layers.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/matmul.h"
#include "engine/ops/norm.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

Tensor uniform_within(double bound, const Dims& shape, const Init& init) {
  return uniform(init.generator, shape, -bound, bound, init.dtype, init.device);
}

}  // namespace

Linear::Linear(Module& parent, const std::string& name, const Options& o, Init init)
    : Module(parent, name) {
  const double bound = 1 / std::sqrt(static_cast<double>(o.in));
  weight = add_parameter("weight", uniform_within(bound, {o.out, o.in}, init));
  if (o.bias) bias = add_parameter("bias", uniform_within(bound, {o.out}, init));
}

Tensor Linear::operator()(const Tensor& x) const { return linear(x, weight, bias); }

Conv2d::Conv2d(Module& parent, const std::string& name, const ConvOptions& o, Init init)
    : Module(parent, name),
      params_{.stride_h = o.stride, .stride_w = o.stride, .pad_h = o.pad, .pad_w = o.pad} {
  const double bound = 1 / std::sqrt(static_cast<double>(o.in * o.kernel * o.kernel));
  weight = add_parameter("weight", uniform_within(bound, {o.out, o.in, o.kernel, o.kernel}, init));
  if (o.bias) bias = add_parameter("bias", uniform_within(bound, {o.out}, init));
}

Tensor Conv2d::operator()(const Tensor& x, double slope) const {
  return conv(x, weight, params_, {bias, slope});
}

ConvTranspose2d::ConvTranspose2d(Module& parent, const std::string& name, const ConvOptions& o,
                                 Init init)
    : Module(parent, name) {
  params_.stride_h = params_.stride_w = o.stride;
  params_.pad_h = params_.pad_w = o.pad;
  // PyTorch's fan_in of a transposed convolution counts the outputs.
  const double bound = 1 / std::sqrt(static_cast<double>(o.out * o.kernel * o.kernel));
  weight = add_parameter("weight", uniform_within(bound, {o.in, o.out, o.kernel, o.kernel}, init));
  if (o.bias) bias = add_parameter("bias", uniform_within(bound, {o.out}, init));
}

Tensor ConvTranspose2d::operator()(const Tensor& x) const {
  return conv_transpose(x, weight, params_, {bias});
}

namespace {

/// [B, C, L] as the convolutions take it, and back.
Tensor with_height(const Tensor& x) {
  require(x.rank() == 3, "a one-dimensional convolution takes [B, C, L], not ", x.shape());
  return reshape(x, {x.dim(0), x.dim(1), 1, x.dim(2)});
}
Tensor without_height(const Tensor& y) { return reshape(y, {y.dim(0), y.dim(1), y.dim(3)}); }

}  // namespace

Conv1d::Conv1d(Module& parent, const std::string& name, const ConvOptions& o, Init init)
    : Module(parent, name), params_{.stride_w = o.stride, .pad_w = o.pad} {
  const double bound = 1 / std::sqrt(static_cast<double>(o.in * o.kernel));
  weight = add_parameter("weight", uniform_within(bound, {o.out, o.in, o.kernel}, init));
  if (o.bias) bias = add_parameter("bias", uniform_within(bound, {o.out}, init));
}

Tensor Conv1d::operator()(const Tensor& x, double slope) const {
  return without_height(conv(with_height(x), with_height(weight), params_, {bias, slope}));
}

ConvTranspose1d::ConvTranspose1d(Module& parent, const std::string& name, const ConvOptions& o,
                                 Init init)
    : Module(parent, name) {
  params_.stride_w = o.stride;
  params_.pad_w = o.pad;
  const double bound = 1 / std::sqrt(static_cast<double>(o.out * o.kernel));
  weight = add_parameter("weight", uniform_within(bound, {o.in, o.out, o.kernel}, init));
  if (o.bias) bias = add_parameter("bias", uniform_within(bound, {o.out}, init));
}

Tensor ConvTranspose1d::operator()(const Tensor& x, double slope) const {
  return without_height(
      conv_transpose(with_height(x), with_height(weight), params_, {bias, slope}));
}

BatchNorm::BatchNorm(Module& parent, const std::string& name, std::int64_t channels, Init init)
    : Module(parent, name) {
  gamma = add_parameter("gamma", Tensor::ones({channels}, init.dtype, init.device));
  beta = add_parameter("beta", Tensor::zeros({channels}, init.dtype, init.device));
  running_mean = add_buffer("running_mean", Tensor::zeros({channels}, init.dtype, init.device));
  running_var = add_buffer("running_var", Tensor::ones({channels}, init.dtype, init.device));
}

Tensor BatchNorm::operator()(const Tensor& x, double slope) {
  return batch_norm(x, gamma, beta, running_mean, running_var,
                    {.training = training(), .slope = slope});
}

LayerNorm::LayerNorm(Module& parent, const std::string& name, std::int64_t size, Init init)
    : Module(parent, name) {
  gamma = add_parameter("gamma", Tensor::ones({size}, init.dtype, init.device));
  beta = add_parameter("beta", Tensor::zeros({size}, init.dtype, init.device));
}

Tensor LayerNorm::operator()(const Tensor& x) const { return layer_norm(x, gamma, beta); }

Embedding::Embedding(Module& parent, const std::string& name, const Options& o, Init init)
    : Module(parent, name) {
  weight = add_parameter("weight",
                         normal(init.generator, {o.num, o.dim}, 0, 1, init.dtype, init.device));
}

Tensor Embedding::operator()(const Tensor& ids) const { return embedding(weight, ids); }

Lstm::Lstm(Module& parent, const std::string& name, const Options& o, Init init)
    : Module(parent, name), dropout_(o.dropout) {
  const double bound = 1 / std::sqrt(static_cast<double>(o.hidden));
  const auto draw = [&](const Dims& shape) { return uniform_within(bound, shape, init); };
  for (std::int64_t l = 0; l < o.layers; ++l) {
    const std::string suffix = "_" + std::to_string(l);
    const std::int64_t gates = 4 * o.hidden;
    LstmWeights w;
    w.w_ih = add_parameter("w_ih" + suffix, draw({gates, l == 0 ? o.in : o.hidden}));
    w.w_hh = add_parameter("w_hh" + suffix, draw({gates, o.hidden}));
    w.bias = add_parameter("bias" + suffix, draw({gates}) + draw({gates}));
    weights.push_back(std::move(w));
  }
}

LstmResult Lstm::operator()(const Tensor& x, LstmOptions options) const {
  options.dropout = training() ? dropout_ : 0;
  return lstm(x, weights, options);
}

LstmResult Lstm::of_rows(const Tensor& table, const Tensor& ids, const Tensor& added,
                         LstmOptions options) const {
  const auto rows = [&](const Tensor& of_table, const Tensor& of_added) {
    const Tensor x = embedding(of_table, ids);
    return of_added.defined() ? x + of_added : x;
  };
  if (ids.numel() <= table.dim(0)) return (*this)(rows(table, added), options);
  options.dropout = training() ? dropout_ : 0;
  const auto& [w_ih, w_hh, bias] = weights[0];
  std::vector<LstmWeights> layers = weights;
  layers[0] = {.w_ih = {}, .w_hh = w_hh, .bias = {}};
  return lstm(rows(linear(table, w_ih, bias), added.defined() ? linear(added, w_ih) : added),
              layers, options);
}

}  // namespace etude
