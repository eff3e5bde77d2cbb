#include "models/drum_vae/model.h"

#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace etude::drum_vae {

Normal split(const Tensor& parameters) {
  const std::int64_t dims = parameters.dim(1) / 2;
  // Beyond these a variance is 0 or infinite for all purposes, and exp() would overflow.
  return {contiguous(slice(parameters, 1, 0, dims)),
          clamp(contiguous(slice(parameters, 1, dims, 2 * dims)), -10, 10)};
}

Tensor kl_divergence(const Normal& q, const Normal& p) {
  const Tensor distance = square(q.mean - p.mean) + exp(q.log_variance);
  return affine(p.log_variance - q.log_variance + distance * exp(neg(p.log_variance)), 0.5, -0.5);
}

Tensor log_density(const Normal& q, const Tensor& z) {
  const Tensor terms = square(z - q.mean) * exp(neg(q.log_variance)) + q.log_variance;
  return affine(sum(terms, {1}), -0.5,
                -0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(z.dim(1)));
}

Tensor draw(const Normal& q, Generator& noise) {
  const Tensor unit = normal(noise, q.mean.shape(), 0, 1, q.mean.dtype(), q.mean.device());
  return q.mean + exp(affine(q.log_variance, 0.5, 0)) * unit;
}

DrumVae::DrumVae(const Config& config, Generator& dropout, Init init)
    : style_mean(
          add_buffer("style_mean", Tensor::zeros({kStyles, kHigh}, init.dtype, init.device))),
      style_deviation(add_buffer("style_deviation",
                                 Tensor::full({kStyles, kHigh}, 1, init.dtype, init.device))),
      logit_scale(add_buffer("logit_scale", Tensor::full({1}, 1, init.dtype, init.device))),
      high_from_low_(config.high_from == "low"),
      conditional_(config.prior == "conditional"),
      scaled_(config.train_temperature),
      dropout_rate_(config.dropout),
      input_noise_(config.input_noise),
      dropout_(dropout),
      conv1_(*this, "conv1", {.in = kInstruments, .out = 32, .kernel = 3, .pad = 1}, init),
      conv2_(*this, "conv2", {.in = 32, .out = 64, .kernel = 3, .stride = 2, .pad = 1}, init),
      conv3_(*this, "conv3", {.in = 64, .out = 128, .kernel = 3, .stride = 2, .pad = 1}, init),
      low_(*this, "low", {.in = 512, .out = 2 * kLow}, init),
      high1_(*this, "high1", {.in = high_from_low_ ? kLow : 512, .out = 64}, init),
      high2_(*this, "high2", {.in = 64, .out = 32}, init),
      high3_(*this, "high3", {.in = 32, .out = 2 * kHigh}, init),
      prior1_(*this, "prior1", {.in = kHigh, .out = 64}, init),
      prior2_(*this, "prior2", {.in = 64, .out = 2 * kLow}, init),
      up1_(*this, "up1", {.in = kLow + kHigh, .out = 256}, init),
      up2_(*this, "up2", {.in = 256, .out = 512}, init),
      up3_(*this, "up3", {.in = 512, .out = 512}, init),
      unpool1_(*this, "unpool1", {.in = 128, .out = 64, .kernel = 4, .stride = 2, .pad = 1}, init),
      unpool2_(*this, "unpool2", {.in = 64, .out = 32, .kernel = 4, .stride = 2, .pad = 1}, init),
      out_(*this, "out", {.in = 32, .out = kInstruments, .kernel = 3, .pad = 1}, init) {}

Tensor DrumVae::drop(const Tensor& x) {
  return training() && dropout_rate_ > 0 ? dropout(dropout_, x, dropout_rate_) : x;
}

Tensor DrumVae::features(const Tensor& x) {
  Tensor seen = x;
  if (training() && input_noise_ > 0) {
    const Tensor u = uniform(dropout_, x.shape(), 0, 1, x.dtype(), x.device());
    const Tensor flip = greater(Tensor::full({1}, input_noise_, x.dtype(), x.device()), u);
    seen = x + flip * affine(x, -2, 1);
  }
  Tensor h = conv1_(contiguous(transpose(seen)), 0);
  h = conv2_(h, 0);
  h = conv3_(h, 0);
  return drop(reshape(h, {x.dim(0), 512}));
}

Encoding DrumVae::encode(const Tensor& x, Generator& noise) {
  const Tensor h = features(x);
  Encoding e;
  e.low = split(low_(h));
  e.z_low = draw(e.low, noise);
  const Tensor from = high_from_low_ ? e.z_low : h;
  e.high = split(high3_(relu(high2_(relu(high1_(from))))));
  e.z_high = draw(e.high, noise);
  return e;
}

Tensor DrumVae::decode(const Tensor& z_low, const Tensor& z_high) {
  const std::int64_t batch = z_low.dim(0);
  Tensor h = drop(relu(up1_(concat({z_low, z_high}, 1))));
  h = relu(up3_(drop(relu(up2_(h)))));
  h = unpool2_(unpool1_(reshape(h, {batch, 128, 4}), 0), 0);
  const Tensor logits = transpose(out_(h));
  return scaled_ ? logits * logit_scale : logits;
}

Normal DrumVae::standard(std::int64_t rows, std::int64_t dims, Device device) {
  const Tensor zero = Tensor::zeros({rows, dims}, DType::f32, device);
  return {zero, zero};
}

Normal DrumVae::prior_low(const Tensor& z_high) {
  if (!conditional_) return standard(z_high.dim(0), kLow, z_high.device());
  return split(prior2_(relu(prior1_(z_high))));
}

Elbo elbo(DrumVae& model, const Tensor& x, Generator& noise) {
  const Encoding e = model.encode(x, noise);
  const Tensor logits = model.decode(e.z_low, e.z_high);
  return {
      .logits = logits,
      .reconstruction =
          affine(sum(softplus(logits) - x * logits), 1.0 / static_cast<double>(x.dim(0)), 0),
      .kl_low = mean(kl_divergence(e.low, model.prior_low(e.z_high)), {0}),
      .kl_high = mean(kl_divergence(e.high, DrumVae::standard(x.dim(0), kHigh, x.device())), {0})};
}

}  // namespace etude::drum_vae
