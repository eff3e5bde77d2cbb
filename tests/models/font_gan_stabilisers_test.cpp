// The stabilisers' parts by hand-made numbers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/gradcheck.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "models/font_gan/augment.h"
#include "models/font_gan/losses.h"
#include "models/font_gan/residual.h"
#include "models/font_gan/spectral.h"

namespace etude::font_gan {
namespace {

Tensor random_images(std::int64_t n, std::uint64_t seed = 5) {
  Generator random(seed, 5);
  return uniform(random, {n, 1, kPixels, kPixels}, -1, 1);
}

Tensor column(const std::vector<double>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size()), 1});
}

std::vector<Tensor> weights_of(const Module& network) {
  std::vector<Tensor> weights;
  for (const auto& [name, w] : network.parameters()) weights.push_back(w);
  return weights;
}

TEST_SUITE("font_gan stabilisers") {
  TEST_CASE("minibatch discrimination by hand") {
    const Tensor projected = Tensor::from(std::vector<double>{0, 0, 1, 0, 0, 2}, {3, 1, 2});
    const auto sums = closeness(projected).to_vector<double>();
    CHECK(sums[0] == doctest::Approx(std::exp(-1) + std::exp(-2)));
    CHECK(sums[1] == doctest::Approx(std::exp(-1) + std::exp(-3)));
    CHECK(sums[2] == doctest::Approx(std::exp(-2) + std::exp(-3)));
  }

  TEST_CASE("losses by hand") {
    const Tensor real = column({2, 0}), fake = column({-1, 1});
    const auto log_s = [](double x) { return -std::log1p(std::exp(-x)); };
    CHECK(classification_loss(real, fake).item() ==
          doctest::Approx(-(log_s(2) + log_s(0) + log_s(1) + log_s(-1)) / 2));
    CHECK(non_saturating_loss(fake).item() == doctest::Approx(-(log_s(-1) + log_s(1)) / 2));
    CHECK(relativistic_loss(real, fake).item() == doctest::Approx(-(log_s(3) + log_s(-1)) / 2));
    CHECK(wasserstein_loss(real, fake).item() == doctest::Approx(-1));
    CHECK(feature_matching_loss(real, fake).item() == doctest::Approx(1));
  }

  TEST_CASE("gradient penalties by hand, and their own gradients") {
    // Logits w . x: the gradient is w everywhere.
    const Tensor w = Tensor::from(std::vector<double>{3, 4}, {1, 2});
    const Tensor x = Tensor::zeros({5, 2}, DType::f64).set_requires_grad(true);
    CHECK(zero_centred_penalty(linear(x, w), x).item() == doctest::Approx(25));
    CHECK(unit_penalty(linear(x, w), x).item() == doctest::Approx(16));

    Generator random(4, 4);
    const Tensor images = uniform(random, {3, 1, 4, 4}, -1, 1, DType::f64);
    const Tensor kernel = uniform(random, {2, 1, 2, 2}, -1, 1, DType::f64);
    const Tensor last = uniform(random, {1, 8}, -1, 1, DType::f64);
    for (const auto penalty : {zero_centred_penalty, unit_penalty}) {
      const auto f = [&](const std::vector<Tensor>& in) {
        const GradMode recording(true);
        const Tensor seen = in[2].requires_grad() ? in[2] : in[2].detach().set_requires_grad(true);
        const Tensor h = tanh(conv(seen, in[0], {.stride_h = 2, .stride_w = 2}, {.slope = 0.2}));
        return penalty(linear(reshape(h, {3, 8}), in[1]), seen);
      };
      const GradcheckResult result = gradcheck(f, {kernel, last, images}, 1e-5);
      CHECK_MESSAGE(result.max_error < 1e-6, result.worst);
    }
  }

  TEST_CASE("spectral normalisation divides by the largest singular value") {
    struct One : Module {
      explicit One(const Tensor& w) : weight(add_parameter("weight", w)) {}
      Tensor weight;
      Tensor bias = add_parameter("bias", Tensor::full({2}, 7, DType::f64));
    } one(Tensor::from(std::vector<double>{0, 3, -1, 0}, {2, 2}));
    Generator random(1, 1);
    SpectralNorm norm(one, random);
    for (int i = 0; i < 20; ++i) norm.iterate(one);
    const std::vector<Tensor> weights = weights_of(one), normal = norm.normalised(weights);
    const auto got = normal[0].to_vector<double>();
    const std::vector<double> expected = {0, 1, -1.0 / 3, 0};
    for (std::size_t i = 0; i < 4; ++i) CHECK(got[i] == doctest::Approx(expected[i]));
    CHECK(normal[1].to_vector<double>() == std::vector<double>{7, 7});
    // d(w01 / sigma) = dw01 / 3 - 3 / 9 u v^T, and u v^T is 1 at w01: no growth moves it.
    const auto gradient =
        grad(sum(slice(slice(normal[0], 0, 0, 1), 1, 1, 2)), std::vector<Tensor>{weights[0]})[0]
            .to_vector<double>();
    CHECK(gradient[1] == doctest::Approx(0).epsilon(1e-9));
    const auto other = grad(sum(norm.normalised(weights)[0]), std::vector<Tensor>{weights[0]})[0]
                           .to_vector<double>();
    // sum = (w01 + w10) / sigma: 1/3 - 2/9 at w01, 1/3 elsewhere.
    CHECK(other[1] == doctest::Approx(1.0 / 3 - 2.0 / 9));
    CHECK(other[2] == doctest::Approx(1.0 / 3));
  }

  TEST_CASE("augmentation shifts and erases, linearly, and repeats from the same numbers") {
    Generator random(2, 2), again(2, 2);
    // One black pixel in the middle: it moves by at most 3, or is erased.
    std::vector<double> pixels(28 * 28, -1.0);
    pixels[14 * 28 + 14] = 1;
    std::vector<double> batch;
    for (int i = 0; i < 64; ++i) batch.insert(batch.end(), pixels.begin(), pixels.end());
    const Tensor images = Tensor::from(batch, {64, 1, 28, 28});
    const auto out = augmented(images, random).to_vector<double>();
    CHECK(out == augmented(images, again).to_vector<double>());
    int kept = 0, least = 28, most = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] == -1) continue;
      CHECK(out[i] == 1);
      const int y = static_cast<int>(i / 28 % 28), x = static_cast<int>(i % 28);
      CHECK((std::abs(y - 14) <= 3 && std::abs(x - 14) <= 3));
      least = std::min(least, y);
      most = std::max(most, x);
      ++kept;
    }
    CHECK((kept > 30 && kept < 60));
    CHECK((least == 11 && most == 17));
    // All ink: what is erased is a rectangle of at most half the extents.
    const auto ink = augmented(Tensor::ones({1, 1, 28, 28}), random).to_vector<float>();
    const auto erased = std::count(ink.begin(), ink.end(), -1.0f);
    CHECK((erased >= 7 * 7 && erased <= 14 * 14 + 2 * 3 * 28));
    Generator small(3, 3);
    const Tensor few = uniform(small, {2, 1, 8, 8}, -1, 1, DType::f64);
    const auto f = [&](const std::vector<Tensor>& in) {
      small.set_offset(100);
      return augmented(in[0], small);
    };
    CHECK(gradcheck(f, {few}).max_error < 1e-8);
  }

  TEST_CASE("bounded discriminators have neither batch norm nor dropout") {
    Generator drops(1, 1), random(1, 2);
    Discriminator d({.bounded = true}, drops, {.generator = random});
    CHECK(d.buffers().empty());
    const Tensor images = random_images(3);
    const auto all = d(images, {}).to_vector<float>();
    CHECK(all == d(images, {}).to_vector<float>());
    CHECK(all[0] == doctest::Approx(d(slice(images, 0, 0, 1), {}).item()).epsilon(1e-4));
  }

  TEST_CASE("residual networks keep the size of the signal from the start") {
    Generator random(1, 1);
    ResidualGenerator g(true, 8, {.generator = random});
    const Tensor letters = one_hot(Tensor::from(std::vector<std::int32_t>{1, 2, 3}, {3}), kLetters);
    const Tensor images = g(normal(random, {3, kLatent}), letters);
    CHECK(images.shape() == Dims{3, 1, 28, 28});
    const double level = std::sqrt(mean(square(images)).item());
    CHECK((level > 0.3 && level < 0.9));
    const auto brightness = [&] {
      const Tensor told = one_hot(Tensor::from(std::vector<std::int32_t>(26, 3), {26}), kLetters);
      return mean(g(normal(random, {26, kLatent}), told)).item();
    };
    g.begin_at(-0.92);
    const double dark = brightness();
    g.begin_at(0);
    CHECK(brightness() > dark + 0.3);
    CHECK((dark < -0.8 && dark > -0.95));
    ResidualDiscriminator d({.conditional = true}, 8, {.generator = random});
    const Tensor features = d.features(random_images(3));
    CHECK(features.shape() == Dims{3, 36 * 8});
    const double size = std::sqrt(mean(square(features)).item());
    CHECK((size > 0.2 && size < 2));
    CHECK(d(random_images(3), letters).shape() == Dims{3, 1});
  }

  TEST_CASE("what a conditional head makes of a letter") {
    Generator random(1, 1);
    const auto by_how_much = [&](bool projection) {
      Module parent;
      const Head head(parent, 8, {.conditional = true, .projection = projection},
                      {.generator = random, .dtype = DType::f64});
      const Tensor features = normal(random, {2, 8}, 0, 1, DType::f64, Device::cpu);
      const auto difference = [&](int letter) {
        const Tensor told = one_hot(Tensor::from(std::vector<std::int32_t>{letter, letter}, {2}),
                                    kLetters, DType::f64);
        const auto logits = head(features, told).to_vector<double>();
        return logits[0] - logits[1];
      };
      CHECK_THROWS_AS(head(features, {}), Error);
      return std::abs(difference(3) - difference(7));
    };
    // The reference's: which of two images is better does not depend on the letter.
    CHECK(by_how_much(false) < 1e-12);
    CHECK(by_how_much(true) > 0.1);
    CHECK_THROWS_AS(Head(*std::make_unique<Module>(), 8, {}, {.generator = random})(
                        Tensor::ones({1, 8}), Tensor::zeros({1, kLetters})),
                    Error);
  }

  TEST_CASE("projection by hand: the common weights, and those of the letters of a pack") {
    Generator random(1, 1);
    Module parent;
    const Head head(parent, 2, {.conditional = true, .pack = 2, .projection = true},
                    {.generator = random, .dtype = DType::f64});
    std::vector<double> of_letters(2 * kLetters * 2);  // [26 of the first image, 26 of the second]
    for (std::size_t i = 0; i < of_letters.size(); ++i) of_letters[i] = static_cast<double>(i);
    const NoGrad no_grad;
    for (auto& [name, weight] : parent.parameters()) {
      CAPTURE(name);
      if (name == "out.weight") {
        weight.copy_(Tensor::from(std::vector<double>{2, 3}, weight.shape()));
      } else if (name == "out.bias") {
        weight.fill_(5);
      } else {
        CHECK(weight.shape() == Dims{2 * kLetters, 2});
        weight.copy_(Tensor::from(of_letters, weight.shape()));
      }
    }
    const Tensor features = Tensor::from(std::vector<double>{10, 100, 1, -1}, {2, 2});
    const Tensor letters =
        one_hot(Tensor::from(std::vector<std::int32_t>{0, 3, 25, 1}, {4}), kLetters, DType::f64);
    const auto logits = head(features, reshape(letters, {2, 2 * kLetters})).to_vector<double>();
    // Row r of the letters' weights is (2 r, 2 r + 1): rows 0 and 26 + 3, then 25 and 26 + 1.
    CHECK(logits[0] == 5 + (2 + 0 + 58) * 10 + (3 + 1 + 59) * 100);
    CHECK(logits[1] == 5 + (2 + 50 + 54) - (3 + 51 + 55));
  }
}

}  // namespace
}  // namespace etude::font_gan
