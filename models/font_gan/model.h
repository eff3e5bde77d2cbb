#pragma once
// The networks of the reference reports (coursework starter design), for 28 x 28 letters, and what
// every pair of networks of the game shares.

#include <optional>

#include "engine/nn/layers.h"

namespace etude::font_gan {

inline constexpr int kLetters = 26;
inline constexpr int kPixels = 28;  // height and width
inline constexpr int kLatent = 100;

/// z [B, 100] -> images [B, 1, 28, 28] in (-1, 1).
struct GeneratorNetwork : Module {
  /// `letters`: [B, 26] in a conditional network, one-hot or between letters; else undefined.
  virtual Tensor operator()(const Tensor& z, const Tensor& letters) = 0;
  /// Before training: a network that needs it draws images of about this mean, in (-1, 1).
  virtual void begin_at(double /*brightness*/) {}
};

struct DiscriminatorOptions {
  bool conditional = false;
  bool bounded = false;     // no batch norm, no dropout: the gradient is bounded by other means
  std::int64_t pack = 1;    // images per input, as channels
  bool minibatch = false;   // statistics of the batch beside the features
  bool projection = false;  // of a conditional one's letters: see Head
};

/// The last layer of a discriminator: features [B, F] -> logits [B, 1] (positive: real). With
/// minibatch discrimination (Salimans et al. 2016, section 3.2) the features are projected to 50
/// rows of 5, and for each row the sum over the other inputs of exp(-L1 distance) stands beside
/// them. In a conditional network the one-hot letters stand there too, as in the reference design:
/// each adds its number to the logit, whatever the image. With `projection` a letter adds its own
/// weighting of the features instead, w f + b + v_letter f (Miyato & Koyama 2018, "cGANs with
/// projection discriminator", section 3), so that a well drawn B is no good C; of a pack, the
/// letters of all its images.
class Head {
 public:
  Head(Module& parent, std::int64_t features, const DiscriminatorOptions& options, Init init);
  Tensor operator()(const Tensor& features, const Tensor& letters) const;

 private:
  bool letters_beside_;
  std::optional<Linear> batch_rows_, letter_weights_;
  Linear out_;
};

/// [B, F] projected to [B, rows, dims] -> [B, rows]: sums over the other inputs of exp(-|.|_1).
Tensor closeness(const Tensor& projected);

/// images [B, pack, 28, 28] -> logits [B, 1].
struct DiscriminatorNetwork : Module {
  /// What feature matching compares: [B, F].
  virtual Tensor features(const Tensor& images) = 0;
  /// `letters`: one-hot, [B, 26 pack], in a conditional network, else undefined.
  virtual Tensor logits(const Tensor& features, const Tensor& letters) const = 0;
  Tensor operator()(const Tensor& images, const Tensor& letters) {
    return logits(features(images), letters);
  }
};

/// The reference design.
///   Linear 6272, batch norm, ReLU -> [128, 7, 7]
///   transposed conv 128 -> 64, 4x4, stride 2, batch norm, ReLU -> [64, 14, 14]
///   transposed conv 64 -> 1, 4x4, stride 2, tanh
/// Layers before a batch norm have no bias: its mean subtraction would cancel it.
struct LetterGenerator : GeneratorNetwork {
  LetterGenerator(bool conditional, Init init);
  Tensor operator()(const Tensor& z, const Tensor& letters) override;

  bool conditional;
  Linear project;
  BatchNorm norm0;
  ConvTranspose2d up1;
  BatchNorm norm1;
  ConvTranspose2d up2;
};

/// The reference design.
///   conv pack -> 64, 4x4, stride 2             leaky ReLU 0.2, channel dropout 0.25   [64, 14, 14]
///   conv 64 -> 128, 4x4, stride 2, batch norm, leaky ReLU 0.2, channel dropout 0.25   [128, 7, 7]
///   conv 128 -> 256, 3x3, stride 2, batch norm, leaky ReLU 0.2, channel dropout 0.25  [256, 3, 3]
///   Head of 2304
struct Discriminator : DiscriminatorNetwork {
  Discriminator(const DiscriminatorOptions& options, Generator& dropout_generator, Init init);
  Tensor features(const Tensor& images) override;
  Tensor logits(const Tensor& features, const Tensor& letters) const override {
    return head(features, letters);
  }

  bool bounded;
  Conv2d conv1, conv2, conv3;
  std::optional<BatchNorm> norm2, norm3;
  Head head;

 private:
  Tensor drop(const Tensor& x);
  Generator& dropout_;
};

/// z with the letters beside it in a conditional network. Error if they are given to another one.
Tensor with_letters(const Tensor& z, const Tensor& letters, bool conditional);

/// The judge: images [B, 1, 28, 28] -> logits over the letters [B, 26].
struct LetterClassifier : Module {
  explicit LetterClassifier(Generator& dropout_generator, Init init);
  /// [B, 128]: the layer before the logits, where samples are compared.
  Tensor features(const Tensor& images);
  Tensor logits(const Tensor& features);
  Tensor operator()(const Tensor& images) { return logits(features(images)); }

  Conv2d conv1, conv2, conv3;
  BatchNorm norm1, norm2, norm3;
  Linear hidden, out;

 private:
  Generator& dropout_;
};

}  // namespace etude::font_gan
