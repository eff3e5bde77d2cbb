#include "models/font_gan/model.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace etude::font_gan {
namespace {

constexpr double kSlope = 0.2;
constexpr double kDropout = 0.25;

constexpr std::int64_t kRows = 50, kRowSize = 5;  // of minibatch discrimination

std::optional<BatchNorm> norm_unless(bool bounded, Module& parent, const char* name,
                                     std::int64_t channels, Init init) {
  if (bounded) return std::nullopt;
  return std::optional<BatchNorm>(std::in_place, parent, name, channels, init);
}

}  // namespace

Tensor with_letters(const Tensor& x, const Tensor& letters, bool conditional) {
  require(conditional == letters.defined(), "font_gan: this network is ", conditional ? "" : "not ",
          "conditional, letters were ", letters.defined() ? "" : "not ", "given");
  return conditional ? concat({x, letters}, 1) : x;
}

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

Tensor closeness(const Tensor& projected) {
  const std::int64_t n = projected.dim(0), rows = projected.dim(1), size = projected.dim(2);
  const Tensor distances = sum(
      abs(reshape(projected, {n, 1, rows, size}) - reshape(projected, {1, n, rows, size})), {3});
  return sum(exp(-distances), {1}) - 1.0;  // each is at distance 0 of itself
}

Head::Head(Module& parent, std::int64_t features, const DiscriminatorOptions& o, Init init)
    : letters_beside_(o.conditional && !o.projection),
      out_(parent, "out",
           {.in = features + (o.minibatch ? kRows : 0) + (letters_beside_ ? kLetters * o.pack : 0),
            .out = 1},
           init) {
  if (o.minibatch) {
    batch_rows_.emplace(parent, "project",  // to the rows of closeness(); not Head's projection
                        Linear::Options{.in = features, .out = kRows * kRowSize, .bias = false},
                        init);
  }
  if (!o.conditional || !o.projection) return;
  letter_weights_.emplace(parent, "letters",
                          Linear::Options{.in = features, .out = kLetters * o.pack, .bias = false},
                          init);
}

Tensor Head::operator()(const Tensor& features, const Tensor& letters) const {
  Tensor seen = features;
  if (batch_rows_) {
    seen =
        concat({features, closeness(reshape((*batch_rows_)(features), {-1, kRows, kRowSize}))}, 1);
  }
  if (!letter_weights_) return out_(with_letters(seen, letters, letters_beside_));
  require(letters.defined(), "font_gan: this network is conditional, letters were not given");
  return out_(seen) + sum(letters * (*letter_weights_)(features), {1}, true);
}

Discriminator::Discriminator(const DiscriminatorOptions& o, Generator& dropout_generator, Init init)
    : bounded(o.bounded),
      conv1(*this, "conv1", {.in = o.pack, .out = 64, .kernel = 4, .stride = 2, .pad = 1}, init),
      conv2(*this, "conv2",
            {.in = 64, .out = 128, .kernel = 4, .stride = 2, .pad = 1, .bias = o.bounded}, init),
      conv3(*this, "conv3", {.in = 128, .out = 256, .kernel = 3, .stride = 2, .bias = o.bounded},
            init),
      norm2(norm_unless(o.bounded, *this, "norm2", 128, init)),
      norm3(norm_unless(o.bounded, *this, "norm3", 256, init)),
      head(*this, 2304, o, init),
      dropout_(dropout_generator) {}

Tensor Discriminator::drop(const Tensor& x) {
  return training() && !bounded ? dropout(dropout_, x, kDropout, true) : x;
}

Tensor Discriminator::features(const Tensor& images) {
  const Tensor h1 = drop(conv1(images, kSlope));
  const Tensor h2 = drop(norm2 ? (*norm2)(conv2(h1), kSlope) : conv2(h1, kSlope));
  const Tensor h3 = drop(norm3 ? (*norm3)(conv3(h2), kSlope) : conv3(h2, kSlope));
  return reshape(h3, {-1, 2304});
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
