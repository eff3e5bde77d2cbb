#pragma once
// The hierarchical VAE of one-bar drum patterns: z_high says what kind of pattern, z_low which.

#include "engine/nn/layers.h"
#include "models/drum_vae/config.h"
#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

inline constexpr std::int64_t kLow = 12, kHigh = 4;

/// A diagonal normal distribution of each row: [B, D] each.
struct Normal {
  Tensor mean, log_variance;
};

/// The output of a network, [B, 2 D], as D means and D logarithms of variances.
Normal split(const Tensor& parameters);
/// KL(q || p) of each row and dimension in nats: [B, D].
/// Source: Kingma & Welling, "Auto-Encoding Variational Bayes", 2014, appendix B.
Tensor kl_divergence(const Normal& q, const Normal& p);
/// log N(z; mean, variance), summed over the dimensions: [B].
Tensor log_density(const Normal& q, const Tensor& z);
/// mean + sd * noise (the reparameterisation trick).
Tensor draw(const Normal& q, Generator& noise);

/// What the encoder knows of a batch of patterns.
struct Encoding {
  Normal low, high;
  Tensor z_low, z_high;  // [B, 12], [B, 4]
};

class DrumVae : public Module {
 public:
  DrumVae(const Config& config, Generator& dropout, Init init);

  /// x: [B, 16, 9] of 0 and 1. The latents are drawn with `noise`.
  Encoding encode(const Tensor& x, Generator& noise);
  /// Logits of the cells, [B, 16, 9].
  Tensor decode(const Tensor& z_low, const Tensor& z_high);
  /// p(z_low | z_high), or N(0, 1).
  Normal prior_low(const Tensor& z_high);
  static Normal standard(std::int64_t rows, std::int64_t dims, Device device);

  /// Where the styles lie in z_high, for drawing from one: mean and standard deviation of the
  /// training patterns' z_high, set by learn_styles(). [5, 4], saved with the network.
  Tensor style_mean, style_deviation;
  /// [1], saved with the network: what the decoder's logits are multiplied by, 1 over the annealed
  /// temperature where the settings train with one.
  Tensor logit_scale;
  /// Whether z_high is encoded from the drawn z_low.
  bool high_from_low() const { return high_from_low_; }

 private:
  Tensor features(const Tensor& x);
  Tensor drop(const Tensor& x);

  bool high_from_low_, conditional_, scaled_;
  double dropout_rate_, input_noise_;
  Generator& dropout_;
  Conv1d conv1_, conv2_, conv3_;
  Linear low_;
  Linear high1_, high2_, high3_;
  Linear prior1_, prior2_;
  Linear up1_, up2_, up3_;
  ConvTranspose1d unpool1_, unpool2_;
  Conv1d out_;
};

/// The two terms of -ELBO, means over the batch, in nats.
struct Elbo {
  Tensor logits;           // [B, 16, 9]
  Tensor reconstruction;   // [], -log p(x | z)
  Tensor kl_low, kl_high;  // [12], [4]: by dimension
};
Elbo elbo(DrumVae& model, const Tensor& x, Generator& noise);

}  // namespace etude::drum_vae
