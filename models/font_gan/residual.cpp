#include "models/font_gan/residual.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"

namespace etude::font_gan {
namespace {

constexpr double kSlope = 0.2;
// Variances of the weights times fan_in that keep the signal's (He et al. 2015): behind a leaky
// ReLU, and behind nothing.
const double kBehindLeaky = 2 / (1 + kSlope * kSlope);
constexpr double kBehindNothing = 1;
// Before the tanh, where nothing else is said: about the mean of letters on paper.
constexpr double kPaper = -0.8;

/// Draws the weights of a layer anew, uniformly, with variance gain / fan_in, and a bias of 0.
template <class Layer>
void initialise(Layer& layer, double fan_in, double gain, const Init& init) {
  const NoGrad no_grad;
  const double bound = std::sqrt(3 * gain / fan_in);
  const Tensor& w = layer.weight;
  layer.weight.copy_(uniform(init.generator, w.shape(), -bound, bound, w.dtype(), w.device()));
  layer.bias.fill_(0);
}

}  // namespace

ResidualBlock::ResidualBlock(Module& parent, const std::string& name, std::int64_t channels,
                             Init init)
    : Module(parent, name),
      first_(*this, "first", {.in = channels, .out = channels, .kernel = 3, .pad = 1}, init),
      second_(*this, "second", {.in = channels, .out = channels, .kernel = 3, .pad = 1}, init) {
  initialise(first_, static_cast<double>(9 * channels), kBehindLeaky, init);
  initialise(second_, 1, 0, init);
}

Tensor ResidualBlock::operator()(const Tensor& x) const {
  return x + second_(first_(leaky_relu(x, kSlope), kSlope));
}

ResidualGenerator::ResidualGenerator(bool conditional_, std::int64_t w, Init init)
    : conditional(conditional_),
      width(w),
      project(*this, "project", {.in = kLatent + (conditional_ ? kLetters : 0), .out = 4 * w * 49},
              init),
      block7(*this, "block7", 4 * w, init),
      up14(*this, "up14", {.in = 4 * w, .out = 2 * w, .kernel = 4, .stride = 2, .pad = 1}, init),
      block14(*this, "block14", 2 * w, init),
      up28(*this, "up28", {.in = 2 * w, .out = w, .kernel = 4, .stride = 2, .pad = 1}, init),
      block28(*this, "block28", w, init),
      out(*this, "out", {.in = w, .out = 1, .kernel = 3, .pad = 1}, init) {
  initialise(project, kLatent * (conditional ? 2 : 1), kBehindNothing, init);
  // Each output of a transposed convolution meets kernel / stride = 2 taps per axis.
  initialise(up14, static_cast<double>(4 * 4 * w), kBehindNothing, init);
  initialise(up28, static_cast<double>(4 * 2 * w), kBehindNothing, init);
  initialise(out, static_cast<double>(9 * w), kBehindLeaky, init);
  const NoGrad no_grad;
  out.bias.fill_(kPaper);
}

void ResidualGenerator::begin_at(double brightness) {
  const NoGrad no_grad;
  // To a tenth: a few images more or less change no run.
  out.bias.fill_(std::round(10 * std::atanh(brightness)) / 10);
}

Tensor ResidualGenerator::operator()(const Tensor& z, const Tensor& letters) {
  // As long as z: a letter weighs as much as all the rest.
  const Tensor told = conditional && letters.defined() ? letters * std::sqrt(kLatent) : letters;
  const Tensor h0 = reshape(project(with_letters(z, told, conditional)), {-1, 4 * width, 7, 7});
  const Tensor h2 = block28(up28(block14(up14(block7(h0)))));
  return tanh(out(leaky_relu(h2, kSlope)));
}

ResidualDiscriminator::ResidualDiscriminator(const DiscriminatorOptions& o, std::int64_t w,
                                             Init init)
    : in(*this, "in", {.in = o.pack, .out = w, .kernel = 3, .pad = 1}, init),
      block28(*this, "block28", w, init),
      down14(*this, "down14", {.in = w, .out = 2 * w, .kernel = 4, .stride = 2, .pad = 1}, init),
      block14(*this, "block14", 2 * w, init),
      down7(*this, "down7", {.in = 2 * w, .out = 4 * w, .kernel = 4, .stride = 2, .pad = 1}, init),
      block7(*this, "block7", 4 * w, init),
      last(*this, "last", {.in = 4 * w, .out = 4 * w, .kernel = 3, .stride = 2}, init),
      head(*this, 36 * w, o, init) {
  initialise(in, static_cast<double>(9 * o.pack), kBehindNothing, init);
  initialise(down14, static_cast<double>(16 * w), kBehindNothing, init);
  initialise(down7, static_cast<double>(32 * w), kBehindNothing, init);
  initialise(last, static_cast<double>(36 * w), kBehindLeaky, init);
}

Tensor ResidualDiscriminator::features(const Tensor& images) {
  const Tensor h = block7(down7(block14(down14(block28(in(images))))));
  const Tensor features = last(leaky_relu(h, kSlope), kSlope);
  return reshape(features, {features.dim(0), -1});
}

}  // namespace etude::font_gan
