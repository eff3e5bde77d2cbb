#include "models/font_gan/model.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"

namespace etude::font_gan {
namespace {

constexpr double kSlope = 0.2;
constexpr double kDropout = 0.25;

Tensor with_letters(const Tensor& x, const Tensor& letters, bool conditional) {
  require(conditional == letters.defined(), "font_gan: this network is ", conditional ? "" : "not ",
          "conditional, letters were ", letters.defined() ? "" : "not ", "given");
  return conditional ? concat({x, letters}, 1) : x;
}

}  // namespace

LetterGenerator::LetterGenerator(bool conditional_, Init init)
    : conditional(conditional_),
      project(*this, "project",
              {.in = kLatent + (conditional_ ? kLetters : 0), .out = 128 * 7 * 7, .bias = false},
              init),
      norm0(*this, "norm0", 128 * 7 * 7, init),
      up1(*this, "up1", {.in = 128, .out = 64, .kernel = 4, .stride = 2, .pad = 1, .bias = false},
          init),
      norm1(*this, "norm1", 64, init),
      up2(*this, "up2", {.in = 64, .out = 1, .kernel = 4, .stride = 2, .pad = 1}, init) {}

Tensor LetterGenerator::operator()(const Tensor& z, const Tensor& letters) {
  const Tensor h0 = norm0(project(with_letters(z, letters, conditional)), 0);
  const Tensor h1 = norm1(up1(reshape(h0, {-1, 128, 7, 7})), 0);
  return tanh(up2(h1));
}

Discriminator::Discriminator(bool conditional_, Generator& dropout_generator, Init init)
    : conditional(conditional_),
      conv1(*this, "conv1", {.in = 1, .out = 64, .kernel = 4, .stride = 2, .pad = 1}, init),
      conv2(*this, "conv2",
            {.in = 64, .out = 128, .kernel = 4, .stride = 2, .pad = 1, .bias = false}, init),
      conv3(*this, "conv3", {.in = 128, .out = 256, .kernel = 3, .stride = 2, .bias = false}, init),
      norm2(*this, "norm2", 128, init),
      norm3(*this, "norm3", 256, init),
      out(*this, "out", {.in = 2304 + (conditional_ ? kLetters : 0), .out = 1}, init),
      dropout_(dropout_generator) {}

Tensor Discriminator::drop(const Tensor& x) {
  return training() ? dropout(dropout_, x, kDropout, true) : x;
}

Tensor Discriminator::features(const Tensor& images) {
  const Tensor h1 = drop(conv1(images, kSlope));
  const Tensor h2 = drop(norm2(conv2(h1), kSlope));
  const Tensor h3 = drop(norm3(conv3(h2), kSlope));
  return reshape(h3, {-1, 2304});
}

Tensor Discriminator::logits(const Tensor& features, const Tensor& letters) const {
  return out(with_letters(features, letters, conditional));
}

LetterClassifier::LetterClassifier(Generator& dropout_generator, Init init)
    : conv1(*this, "conv1", {.in = 1, .out = 32, .kernel = 4, .stride = 2, .pad = 1, .bias = false},
            init),
      conv2(*this, "conv2",
            {.in = 32, .out = 64, .kernel = 4, .stride = 2, .pad = 1, .bias = false}, init),
      conv3(*this, "conv3", {.in = 64, .out = 128, .kernel = 3, .stride = 2, .bias = false}, init),
      norm1(*this, "norm1", 32, init),
      norm2(*this, "norm2", 64, init),
      norm3(*this, "norm3", 128, init),
      hidden(*this, "hidden", {.in = 128 * 9, .out = 128}, init),
      out(*this, "out", {.in = 128, .out = kLetters}, init),
      dropout_(dropout_generator) {}

Tensor LetterClassifier::features(const Tensor& images) {
  const Tensor h = norm3(conv3(norm2(conv2(norm1(conv1(images), 0)), 0)), 0);
  return relu(hidden(reshape(h, {-1, 128 * 9})));
}

Tensor LetterClassifier::logits(const Tensor& features) {
  return out(training() ? dropout(dropout_, features, 0.3) : features);
}

}  // namespace etude::font_gan
