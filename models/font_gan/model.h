#pragma once
// The networks of the reference reports (coursework starter design), for 28 x 28 letters.

#include "engine/nn/layers.h"

namespace etude::font_gan {

inline constexpr int kLetters = 26;
inline constexpr int kPixels = 28;  // height and width
inline constexpr int kLatent = 100;

/// z [B, 100 (+ 26)] -> images [B, 1, 28, 28] in (-1, 1).
///   Linear 6272, batch norm, ReLU -> [128, 7, 7]
///   transposed conv 128 -> 64, 4x4, stride 2, batch norm, ReLU -> [64, 14, 14]
///   transposed conv 64 -> 1, 4x4, stride 2, tanh
/// Layers before a batch norm have no bias: its mean subtraction would cancel it.
struct LetterGenerator : Module {
  LetterGenerator(bool conditional, Init init);
  /// `letters`: one-hot [B, 26] in a conditional network, else undefined.
  Tensor operator()(const Tensor& z, const Tensor& letters);

  bool conditional;
  Linear project;
  BatchNorm norm0;
  ConvTranspose2d up1;
  BatchNorm norm1;
  ConvTranspose2d up2;
};

/// images [B, 1, 28, 28] -> logits [B, 1] (positive: real).
///   conv 1 -> 64, 4x4, stride 2                leaky ReLU 0.2, channel dropout 0.25   [64, 14, 14]
///   conv 64 -> 128, 4x4, stride 2, batch norm, leaky ReLU 0.2, channel dropout 0.25   [128, 7, 7]
///   conv 128 -> 256, 3x3, stride 2, batch norm, leaky ReLU 0.2, channel dropout 0.25  [256, 3, 3]
///   Linear 2304 (+ 26) -> 1
struct Discriminator : Module {
  Discriminator(bool conditional, Generator& dropout_generator, Init init);
  /// What feature matching compares: [B, 2304].
  Tensor features(const Tensor& images);
  Tensor logits(const Tensor& features, const Tensor& letters) const;
  Tensor operator()(const Tensor& images, const Tensor& letters) {
    return logits(features(images), letters);
  }

  bool conditional;
  Conv2d conv1, conv2, conv3;
  BatchNorm norm2, norm3;
  Linear out;

 private:
  Tensor drop(const Tensor& x);
  Generator& dropout_;
};

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
