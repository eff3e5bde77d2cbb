#include "models/font_gan/bench.h"

#include <memory>

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "models/font_gan/gan.h"

namespace etude::font_gan {
namespace {

// Multiply-adds times two of one forward pass per image, layer by layer.
constexpr double kProject = 2.0 * kLatent * 6272;
constexpr double kUp1 = 2.0 * 128 * 49 * 64 * 16;
constexpr double kUp2 = 2.0 * 64 * 196 * 16;
constexpr double kConv1 = 2.0 * 64 * 196 * 16;
constexpr double kConv2 = 2.0 * 128 * 49 * 64 * 16;
constexpr double kConv3 = 2.0 * 256 * 9 * 128 * 9;

/// Per image: the generator forward; the discriminator forward on real and fake, both gradients of
/// each layer but the first layer's input; then forward on fake, input gradients through all of it,
/// and both gradients of the generator but for its input.
double step_flops(double conv3) {
  const double g = kProject + kUp1 + kUp2, d = kConv1 + kConv2 + conv3;
  return g + 2 * d + 2 * (2 * d - kConv1) + d + d + (2 * g - kProject);
}

/// conv 1 -> 64, leaky ReLU, dropout 0.3, conv 64 -> 128, batch norm, leaky ReLU, dropout 0.3,
/// linear 6272 -> 1.
struct TwoConvDiscriminator : Module {
  TwoConvDiscriminator(Generator& dropout_generator, Init init)
      : conv1(*this, "conv1", {.in = 1, .out = 64, .kernel = 4, .stride = 2, .pad = 1}, init),
        conv2(*this, "conv2",
              {.in = 64, .out = 128, .kernel = 4, .stride = 2, .pad = 1, .bias = false}, init),
        norm2(*this, "norm2", 128, init),
        out(*this, "out", {.in = 6272, .out = 1}, init),
        dropout_(dropout_generator) {}
  Tensor operator()(const Tensor& images) {
    const Tensor h1 = dropout(dropout_, conv1(images, 0.2), 0.3);
    const Tensor h2 = dropout(dropout_, norm2(conv2(h1), 0.2), 0.3);
    return out(reshape(h2, {-1, 6272}));
  }

  Conv2d conv1, conv2;
  BatchNorm norm2;
  Linear out;

 private:
  Generator& dropout_;
};

struct TwoConvGan {
  TwoConvGan(std::int64_t batch, Device device)
      : g(false, {.generator = random, .device = device}),
        d(random, {.generator = random, .device = device}),
        optimize_g(g, {.lr = 2e-4, .beta1 = 0.5}),
        optimize_d(d, {.lr = 2e-4, .beta1 = 0.5}),
        real(uniform(random, {batch, 1, kPixels, kPixels}, -1, 1, DType::f32, device)) {}

  void step() {
    const Tensor z = normal(random, {real.dim(0), kLatent}, 0, 1, DType::f32, real.device());
    const Tensor fake = g(z, {});
    optimize_d.zero_grad();
    backward(bce_with_logits(d(real), 1) + bce_with_logits(d(fake.detach()), 0));
    optimize_d.step();
    d.set_requires_grad(false);
    optimize_g.zero_grad();
    backward(bce_with_logits(d(fake), 1));
    optimize_g.step();
    d.set_requires_grad(true);
  }

  Generator random{1, 1};
  LetterGenerator g;
  TwoConvDiscriminator d;
  Adam optimize_g, optimize_d;
  Tensor real;
};

}  // namespace

StepBench step_bench(const Config& config, Device device, const std::string& networks) {
  const auto batch = static_cast<double>(config.batch);
  if (networks == "two_conv") {
    auto gan = std::make_shared<TwoConvGan>(config.batch, device);
    return {.step = [gan] { gan->step(); },
            .flops = batch * step_flops(0),
            .items = config.batch,
            .description = "font GAN, discriminator of two convolutions"};
  }
  require(networks.empty() || networks == "reference", "font_gan: unknown networks ", networks,
          "; they are reference, two_conv");
  auto gan = std::make_shared<Gan>(config, device);
  Generator random(1, 7);
  const std::int64_t images = config.batch * config.discriminator_updates();
  const Tensor real = uniform(random, {images, 1, kPixels, kPixels}, -1, 1, DType::f32, device);
  Tensor letters;
  if (config.conditional) letters = Tensor::zeros({images, kLetters}, DType::f32, device);
  // Feature matching runs the discriminator once more, forward on real images. Of the other
  // switches' arithmetic there is no count.
  Config counted;
  counted.feature_matching = config.feature_matching;
  counted.conditional = config.conditional;
  const bool known = counted.variant() == config.variant();
  return {.step = [gan, real, letters] { gan->step(real, letters); },
          .flops = known ? batch * (step_flops(kConv3) +
                                    (config.feature_matching ? kConv1 + kConv2 + kConv3 : 0))
                         : 0,
          .items = config.batch,
          .description = "font GAN, " + config.variant()};
}

}  // namespace etude::font_gan
