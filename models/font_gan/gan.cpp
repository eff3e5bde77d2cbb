#include "models/font_gan/gan.h"

#include <algorithm>

#include "engine/nn/stand_at.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/optim/average.h"
#include "models/font_gan/residual.h"
#include "models/font_gan/unrolled.h"

namespace etude::font_gan {
namespace {

// Streams of the run's seed; number 5 is the training images' (train.cpp).
enum : std::uint64_t { kWeights = 1, kLatents, kDropout, kFixedLatents, kPoints = 6, kCopies };

/// Checked before anything is made.
const Config& checked(const Config& config) {
  config.check();
  return config;
}

AdamOptions adam_options(const Config& config) {
  const bool penalised = config.r1_r2 || config.wgan_gp;
  return {.lr = config.networks == "residual" ? config.residual_lr : config.lr,
          .beta1 = penalised ? 0 : config.beta1,
          .beta2 = config.beta2};
}

std::vector<Tensor> weights_of(const Module& network) {
  std::vector<Tensor> weights;
  for (const auto& [name, w] : network.parameters()) weights.push_back(w);
  return weights;
}

/// Part i of n equal ones; all of it as it is for n = 1.
Tensor part(const Tensor& x, std::int64_t i, std::int64_t n) {
  if (!x.defined() || n == 1) return x;
  require(x.dim(0) % n == 0, "font_gan: ", x.dim(0), " images are no ", n, " batches");
  return slice(x, 0, x.dim(0) / n * i, x.dim(0) / n * (i + 1));
}

}  // namespace

std::unique_ptr<GeneratorNetwork> make_generator(const Config& config, Init init) {
  if (config.networks == "reference") {
    return std::make_unique<LetterGenerator>(config.conditional, init);
  }
  return std::make_unique<ResidualGenerator>(config.conditional, config.width, init);
}

std::unique_ptr<DiscriminatorNetwork> make_discriminator(const Config& config, Generator& dropout,
                                                         Init init) {
  const DiscriminatorOptions options{.conditional = config.conditional,
                                     .bounded = config.bounded_discriminator(),
                                     .pack = config.packing ? config.pack_size : 1,
                                     .minibatch = config.minibatch_discrimination,
                                     .projection = config.projection};
  if (config.networks == "reference") {
    return std::make_unique<Discriminator>(options, dropout, init);
  }
  return std::make_unique<ResidualDiscriminator>(options, config.width, init);
}

Gan::Gan(const Config& config, Device device)
    : config_(checked(config)),
      device_(device),
      sample_seed_(static_cast<std::uint64_t>(config.seed)),
      weights_(static_cast<std::uint64_t>(config.seed), kWeights),
      latents_(static_cast<std::uint64_t>(config.seed), kLatents),
      dropout_(static_cast<std::uint64_t>(config.seed), kDropout),
      points_(static_cast<std::uint64_t>(config.seed), kPoints),
      g_(make_generator(config, {.generator = weights_, .device = device})),
      d_(make_discriminator(config, dropout_, {.generator = weights_, .device = device})),
      optimize_g_(*g_, adam_options(config)),
      optimize_d_(*d_, adam_options(config)) {
  Generator other(static_cast<std::uint64_t>(config.seed), kCopies);
  const Init init{.generator = other, .device = device};
  if (config.spectral_norm) spectral_.emplace(*d_, other);
  const std::int64_t copies = config.unrolled ? config.unroll_steps + 1 : config.spectral_norm;
  for (std::int64_t i = 0; i < copies; ++i) {
    copies_.push_back(make_discriminator(config, dropout_, init));
  }
  if (!config.average) return;
  average_ = make_generator(config, init);
  move_towards(*average_, *g_, 1);
}

void Gan::begin_at(double brightness) {
  g_->begin_at(brightness);
  if (average_) average_->begin_at(brightness);
}

DiscriminatorNetwork& Gan::copy_at(std::size_t i, std::span<const Tensor> weights) {
  if (spectral_) {
    stand_at(*copies_[i], spectral_->normalised(weights));
  } else {
    stand_at(*copies_[i], weights);
  }
  return *copies_[i];
}

DiscriminatorNetwork& Gan::present() { return spectral_ ? copy_at(0, weights_of(*d_)) : *d_; }

/// All updates ahead are on the present batch: what the discriminator would do if it saw no other.
DiscriminatorNetwork& Gan::opponent(const Batch& batch) {
  if (!config_.unrolled) return present();
  Batch seen = batch;
  if (!config_.unroll_gradient) seen.fake = batch.fake.detach();
  const auto loss = [&](std::int64_t t, std::span<const Tensor> weights) {
    DiscriminatorNetwork& d = copy_at(static_cast<std::size_t>(t), weights);
    return discriminator_loss(config_, d, seen, points_).loss;
  };
  return copy_at(copies_.size() - 1, unrolled(optimize_d_, weights_of(*d_), config_.unroll_steps,
                                              config_.unroll_gradient, loss));
}

DiscriminatorLoss Gan::update_discriminator(const Batch& batch, Tensor& norm) {
  if (spectral_) spectral_->iterate(*d_);
  optimize_d_.zero_grad();
  const Batch seen{batch.real, batch.fake.detach(), batch.letters};
  const DiscriminatorLoss loss = discriminator_loss(config_, present(), seen, points_);
  backward(loss.loss);
  norm = optimize_d_.gradient_norm();
  optimize_d_.step();
  return loss;
}

Tensor Gan::step(const Tensor& real, const Tensor& letters) {
  const std::int64_t updates = config_.discriminator_updates();
  Batch batch;
  DiscriminatorLoss d;
  Tensor d_norm;
  for (std::int64_t i = 0; i < updates; ++i) {
    batch.real = part(real, i, updates);
    batch.letters = part(letters, i, updates);
    const Tensor z = normal(latents_, {batch.real.dim(0), kLatent}, 0, 1, DType::f32, device_);
    {
      const GradMode recording(i + 1 == updates);
      batch.fake = (*g_)(z, batch.letters);
    }
    d = update_discriminator(batch, d_norm);
  }

  d_->set_requires_grad(false);
  optimize_g_.zero_grad();
  const Tensor g_loss = generator_loss(config_, opponent(batch), batch, points_);
  backward(g_loss);
  const Tensor g_norm = optimize_g_.gradient_norm();
  optimize_g_.step();
  d_->set_requires_grad(true);
  follow();

  const NoGrad no_grad;
  const auto one = [](const Tensor& t) { return reshape(t, {1}); };
  const auto opinion = [&](const Tensor& on) {
    return one(mean(config_.scores() ? on : sigmoid(on)));
  };
  return concat({one(d.loss), one(g_loss), opinion(d.on_real), opinion(d.on_fake), d_norm, g_norm},
                0);
}

/// Moves the averaged generator. It begins fast: its first weights are noise. Running statistics
/// are already averages, and are taken over.
void Gan::follow() {
  if (!average_) return;
  const double steps = static_cast<double>(optimize_g_.steps());
  move_towards(*average_, *g_, std::max(1 - config_.average_decay, 9 / (9 + steps)));
  std::vector<Module::Named> to = average_->buffers();
  const std::vector<Module::Named> from = g_->buffers();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].second.copy_(from[i].second);
}

Tensor Gan::images(const Tensor& z, const Tensor& letters) {
  const Evaluation evaluation(sampler());
  sampler().set_requires_grad(false);
  const Tensor images = sampler()(z, letters);
  sampler().set_requires_grad(true);
  return images;
}

Tensor Gan::samples(std::int64_t count) {
  const NoGrad no_grad;
  Generator fixed(sample_seed_, kFixedLatents);
  std::vector<Tensor> parts;
  constexpr std::int64_t kChunk = 500;
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const std::int64_t n = std::min(kChunk, count - begin);
    const Tensor z = normal(fixed, {n, kLatent}, 0, 1, DType::f32, device_);
    Tensor letters;
    if (config_.conditional) {
      std::vector<std::int32_t> turn(static_cast<std::size_t>(n));
      for (std::int64_t i = 0; i < n; ++i) turn[i] = static_cast<std::int32_t>((begin + i) % 26);
      letters = one_hot(Tensor::from(turn, {n}, device_), kLetters);
    }
    parts.push_back(images(z, letters));
  }
  return concat(parts, 0);
}

void Gan::sampler_state(State& s) { sampler().state(s, average_ ? "average" : "generator"); }

void Gan::state(State& s) {
  g_->state(s, "generator");
  d_->state(s, "discriminator");
  optimize_g_.state(s, "adam_g");
  optimize_d_.state(s, "adam_d");
  s.generator("latents", latents_);
  s.generator("dropout", dropout_);
  if (config_.augment || config_.wgan_gp) s.generator("points", points_);
  if (spectral_) spectral_->state(s, "spectral");
  if (average_) average_->state(s, "average");
}

}  // namespace etude::font_gan
