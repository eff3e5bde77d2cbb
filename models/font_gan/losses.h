#pragma once
// What the two players minimise. Logits are [B, 1], positive for real.

#include <functional>

#include "models/font_gan/config.h"
#include "models/font_gan/model.h"

namespace etude::font_gan {

/// -log D(x) - log(1 - D(G(z))), means (Goodfellow et al. 2014, Algorithm 1).
Tensor classification_loss(const Tensor& on_real, const Tensor& on_fake);

/// -log D(G(z)), the non-saturating loss (Goodfellow et al. 2014, section 3).
Tensor non_saturating_loss(const Tensor& on_fake);

/// |mean f(x) - mean f(G(z))|^2 of features [B, F] (Salimans et al. 2016, section 3.1).
Tensor feature_matching_loss(const Tensor& of_real, const Tensor& of_fake);

/// -log s(a - b), mean over pairs: one wants its logits a above the other's, b. The discriminator
/// minimises it with a of the real images, the generator with a of its own (Jolicoeur-Martineau
/// 2018; as in R3GAN, Huang et al. 2024, section 2).
Tensor relativistic_loss(const Tensor& a, const Tensor& b);

/// D(G(z)) - D(x), means (Arjovsky et al. 2017).
Tensor wasserstein_loss(const Tensor& on_real, const Tensor& on_fake);

/// The squared length of the gradient of each logit with respect to its images, mean over the
/// logits: R1 where the images are real, R2 where they are generated (Mescheder et al. 2018,
/// section 4.1). `images` of any shape, behind `logits` in the graph.
Tensor zero_centred_penalty(const Tensor& logits, const Tensor& images);

/// (length of that gradient - 1)^2, mean over the logits; images: [B, ...] as the logits
/// (Gulrajani et al. 2017, eq. 3).
Tensor unit_penalty(const Tensor& logits, const Tensor& images);

/// One batch: images [B, 1, 28, 28] and one-hot letters [B, 26], undefined where not conditional.
struct Batch {
  Tensor real, fake, letters;
};

struct DiscriminatorLoss {
  Tensor loss, on_real, on_fake;
};

/// The losses of the settings' switches. `random` is drawn from for augmentation and for the points
/// of wgan_gp's penalty. In a graph (of batch.fake, of the discriminator's weights) all of them can
/// be differentiated again.
DiscriminatorLoss discriminator_loss(const Config& config, DiscriminatorNetwork& d,
                                     const Batch& batch, Generator& random);
Tensor generator_loss(const Config& config, DiscriminatorNetwork& d, const Batch& batch,
                      Generator& random);

}  // namespace etude::font_gan
