#pragma once
// Other networks than the reports' for the same images: residual, without normalisation, after
// R3GAN (Huang et al., "The GAN is dead; long live the GAN!", 2024, section 3): plain blocks of two
// convolutions whose second one starts at zero (Fixup; Zhang et al. 2019), so that each network
// begins as its skip connections and no normalisation is needed to keep the signal's size.
// Convolutions of stride 2 between the resolutions take the place of R3GAN's interpolation, full
// convolutions that of its grouped ones: there are few channels here.

#include "models/font_gan/model.h"

namespace etude::font_gan {

/// x + conv 3x3 (leaky(conv 3x3 (leaky(x)))), leaky ReLU of slope 0.2.
class ResidualBlock : public Module {
 public:
  ResidualBlock(Module& parent, const std::string& name, std::int64_t channels, Init init);
  Tensor operator()(const Tensor& x) const;

 private:
  Conv2d first_, second_;
};

/// With w = width: Linear -> [4w, 7, 7], block; transposed conv -> [2w, 14, 14], block; transposed
/// conv -> [w, 28, 28], block; leaky ReLU, conv 3x3 -> 1, tanh. A conditional one is given the
/// one-hot letter made as long as z, so that it weighs as much.
struct ResidualGenerator : GeneratorNetwork {
  ResidualGenerator(bool conditional, std::int64_t width, Init init);
  Tensor operator()(const Tensor& z, const Tensor& letters) override;
  /// From grey, all the discriminator has to say at first is "more paper": a generator that follows
  /// too far is a blank page whose tanh has no gradient, and some runs ended there.
  void begin_at(double brightness) override;

  bool conditional;
  std::int64_t width;
  Linear project;
  ResidualBlock block7;
  ConvTranspose2d up14;
  ResidualBlock block14;
  ConvTranspose2d up28;
  ResidualBlock block28;
  Conv2d out;
};

/// The way back: conv 3x3 -> [w, 28, 28], block; conv of stride 2 -> [2w, 14, 14], block; likewise
/// [4w, 7, 7], block; leaky ReLU, conv 3x3 of stride 2 -> [4w, 3, 3], leaky ReLU, Head of 36w.
struct ResidualDiscriminator : DiscriminatorNetwork {
  ResidualDiscriminator(const DiscriminatorOptions& options, std::int64_t width, Init init);
  Tensor features(const Tensor& images) override;
  Tensor logits(const Tensor& features, const Tensor& letters) const override {
    return head(features, letters);
  }

  Conv2d in;
  ResidualBlock block28;
  Conv2d down14;
  ResidualBlock block14;
  Conv2d down7;
  ResidualBlock block7;
  Conv2d last;
  Head head;
};

}  // namespace etude::font_gan
