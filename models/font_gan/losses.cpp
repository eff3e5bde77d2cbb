#include "models/font_gan/losses.h"

#include <array>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "models/font_gan/augment.h"

namespace etude::font_gan {
namespace {

/// [B, ...] of the gradient of all logits with respect to their images, in the graph.
Tensor image_gradient(const Tensor& logits, const Tensor& images) {
  const std::array<Tensor, 1> inputs{images};
  return grad(sum(logits), inputs, true)[0];
}

/// The same values as a place of the graph where a gradient can be asked for; a new one: an
/// unrolled discriminator's weights depend on the images too, and are none of the penalty's
/// business.
Tensor differentiable(const Tensor& images) {
  return images.requires_grad() ? images * 1.0 : images.detach().set_requires_grad(true);
}

/// What the discriminator of the settings takes: images, augmented and packed as channels.
Tensor seen(const Config& config, const Tensor& images, Generator& random) {
  const Tensor view = config.augment ? augmented(images, random) : images;
  return config.packing ? reshape(view, {-1, config.pack_size, kPixels, kPixels}) : view;
}

Tensor packed_letters(const Config& config, const Tensor& letters) {
  if (!config.packing || !letters.defined()) return letters;
  return reshape(letters, {-1, config.pack_size * kLetters});
}

/// The penalty of wgan_gp at random points between real and fake inputs of the discriminator.
Tensor between_penalty(DiscriminatorNetwork& d, const Tensor& real, const Tensor& fake,
                       const Tensor& letters, Generator& random) {
  const Tensor share = uniform(random, {real.dim(0), 1, 1, 1}, 0, 1, real.dtype(), real.device());
  const Tensor points = differentiable(fake + share * (real - fake));
  return unit_penalty(d(points, letters), points);
}

}  // namespace

Tensor classification_loss(const Tensor& on_real, const Tensor& on_fake) {
  return bce_with_logits(on_real, 1) + bce_with_logits(on_fake, 0);
}

Tensor non_saturating_loss(const Tensor& on_fake) { return bce_with_logits(on_fake, 1); }

Tensor feature_matching_loss(const Tensor& of_real, const Tensor& of_fake) {
  return sum(square(mean(of_fake, {0}) - mean(of_real, {0})));
}

Tensor relativistic_loss(const Tensor& a, const Tensor& b) { return mean(softplus(b - a)); }

Tensor wasserstein_loss(const Tensor& on_real, const Tensor& on_fake) {
  return mean(on_fake) - mean(on_real);
}

Tensor zero_centred_penalty(const Tensor& logits, const Tensor& images) {
  return sum(square(image_gradient(logits, images))) / static_cast<double>(logits.numel());
}

Tensor unit_penalty(const Tensor& logits, const Tensor& images) {
  const Tensor gradient = reshape(image_gradient(logits, images), {logits.numel(), -1});
  // A gradient of 0 has a length without a derivative.
  const Tensor length = sqrt(sum(square(gradient), {1}) + 1e-12);
  return mean(square(length - 1.0));
}

DiscriminatorLoss discriminator_loss(const Config& config, DiscriminatorNetwork& d,
                                     const Batch& batch, Generator& random) {
  const Tensor letters = packed_letters(config, batch.letters);
  const Tensor real = config.r1_r2 ? differentiable(batch.real) : batch.real;
  const Tensor fake = config.r1_r2 ? differentiable(batch.fake) : batch.fake;
  const Tensor seen_real = seen(config, real, random);
  const Tensor on_real = d(seen_real, letters);
  const Tensor seen_fake = seen(config, fake, random);
  const Tensor on_fake = d(seen_fake, letters);
  if (config.r1_r2) {
    const Tensor penalties =
        zero_centred_penalty(on_real, real) + zero_centred_penalty(on_fake, fake);
    return {relativistic_loss(on_real, on_fake) + penalties * (config.gamma / 2), on_real, on_fake};
  }
  if (config.wgan_gp) {
    const Tensor penalty = between_penalty(d, seen_real, seen_fake, letters, random);
    return {wasserstein_loss(on_real, on_fake) + penalty * config.gradient_penalty, on_real,
            on_fake};
  }
  return {classification_loss(on_real, on_fake), on_real, on_fake};
}

Tensor generator_loss(const Config& config, DiscriminatorNetwork& d, const Batch& batch,
                      Generator& random) {
  const Tensor letters = packed_letters(config, batch.letters);
  const Tensor features = d.features(seen(config, batch.fake, random));
  const auto on_fake = [&] { return d.logits(features, letters); };
  if (config.feature_matching) {
    const Tensor matching =
        feature_matching_loss(d.features(seen(config, batch.real, random)), features);
    if (config.adversarial_weight == 0) return matching;
    return matching + non_saturating_loss(on_fake()) * config.adversarial_weight;
  }
  if (config.r1_r2) {
    return relativistic_loss(on_fake(), d(seen(config, batch.real, random), letters));
  }
  return config.wgan_gp ? -mean(on_fake()) : non_saturating_loss(on_fake());
}

}  // namespace etude::font_gan
