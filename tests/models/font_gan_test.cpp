#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "models/font_gan/bench.h"
#include "models/font_gan/history.h"
#include "models/font_gan/train.h"
#include "tests/error_text.h"

namespace etude::font_gan {
namespace {

Tensor random_images(std::int64_t n, Device device) {
  Generator random(5, 5);
  return uniform(random, {n, 1, kPixels, kPixels}, -1, 1, DType::f32, device);
}

TEST_SUITE("font_gan") {
  TEST_CASE("the networks have the shapes and sizes of the reference design") {
    Generator random(1, 1), drops(1, 2);
    LetterGenerator g(false, {.generator = random});
    Discriminator d({}, drops, {.generator = random});
    CHECK(g.num_parameters() == 100 * 6272 + 2 * 6272 + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1);
    CHECK(d.num_parameters() ==
          64 * 16 + 64 + 128 * 64 * 16 + 2 * 128 + 256 * 128 * 9 + 2 * 256 + 2304 + 1);
    const Tensor images = g(normal(random, {2, kLatent}), {});
    CHECK(images.shape() == Dims{2, 1, 28, 28});
    CHECK(d.features(images).shape() == Dims{2, 2304});
    CHECK(d(images, {}).shape() == Dims{2, 1});
    CHECK_THROWS_AS(d(images, Tensor::zeros({2, 26})), Error);
  }

  TEST_CASE("steps agree between the cpu and the gpu") {
    // The second step sees the first one's updates.
    const std::pair<const char*, int> variants[] = {
        {"vanilla", 1}, {"feature_matching+conditional", 2}, {"best", 2}};
    for (const auto& [variant, steps] : variants) {
      CAPTURE(std::string(variant));
      Config config;
      config.choose_variant(variant);
      config.width = 2;
      std::vector<std::vector<float>> values;
      for (Device device : {Device::cpu, Device::gpu}) {
        Gan gan(config, device);
        Tensor letters;
        if (config.conditional) {
          letters = one_hot(Tensor::from(std::vector<std::int32_t>{3, 25}, {2}, device), kLetters);
        }
        for (int step = 1; step < steps; ++step) gan.step(random_images(2, device), letters);
        values.push_back(gan.step(random_images(2, device), letters).to_vector<float>());
      }
      for (std::size_t i = 0; i < values[0].size(); ++i) {
        CAPTURE(std::string(kStepValues[i]));
        CHECK(values[0][i] == doctest::Approx(values[1][i]).epsilon(1e-2));
      }
    }
  }

  TEST_CASE("the discriminator learns to tell noise from what the generator makes") {
    Gan gan(Config(), Device::cpu);
    const Tensor real = random_images(8, Device::cpu);
    std::vector<float> first, last;
    for (int i = 0; i < 5; ++i) {
      last = gan.step(real, {}).to_vector<float>();
      if (i == 0) first = last;
    }
    CHECK(last[0] < first[0]);
    for (float value : last) CHECK(std::isfinite(value));
  }

  TEST_CASE("samples depend on the seed alone and leave training as it was") {
    Config config;
    Gan a(config, Device::cpu), b(config, Device::cpu);
    const Tensor real = random_images(4, Device::cpu);
    a.step(real, {});
    const auto once = a.samples(5).to_vector<float>();
    CHECK(once == a.samples(5).to_vector<float>());
    b.step(real, {});
    CHECK(a.step(real, {}).to_vector<float>() == b.step(real, {}).to_vector<float>());
    a.reseed_samples(99);
    CHECK(once != a.samples(5).to_vector<float>());
  }

  TEST_CASE("a collected state restores to the same future") {
    Gan a(Config(), Device::cpu), b(Config(), Device::cpu);
    const Tensor real = random_images(4, Device::cpu);
    a.step(real, {});
    Checkpoint checkpoint;
    State collect = State::collect(checkpoint);
    a.state(collect);
    State restore = State::restore(checkpoint, "memory");
    b.state(restore);
    restore.finish();
    CHECK(a.step(real, {}).to_vector<float>() == b.step(real, {}).to_vector<float>());
  }

  TEST_CASE("variants are named by their switches") {
    Config config;
    config.choose_variant("feature_matching+conditional");
    CHECK(config.feature_matching);
    CHECK(config.conditional);
    CHECK(config.variant() == "feature_matching+conditional");
    config.choose_variant("vanilla");
    CHECK(config.variant() == "vanilla");
    config.choose_variant("unrolled_values");
    CHECK(config.unrolled);
    CHECK_FALSE(config.unroll_gradient);
    CHECK(config.variant() == "unrolled_values");
    config.choose_variant("best+augment");
    CHECK((config.networks == "residual" && config.r1_r2 && config.average && config.augment));
    CHECK((config.conditional && config.projection));
    CHECK_FALSE(config.unrolled);
    CHECK(config.variant() == "best+augment");
    CHECK_THROWS_WITH_AS(
        config.choose_variant("wgan"),
        "variants: unknown variant wgan; they are vanilla, feature_matching, "
        "conditional, projection, minibatch_discrimination, unrolled, unrolled_values, "
        "packing, r1_r2, wgan_gp, spectral_norm, residual, average, augment, "
        "best, joined by +",
        Error);
  }

  TEST_CASE("switches that exclude each other are refused, with the remedy") {
    Config config;
    CHECK_THROWS_WITH_AS(config.choose_variant("feature_matching+wgan_gp"),
                         "font_gan: feature_matching and wgan_gp exclude each other (each sets the "
                         "generator's loss): leave one of them out",
                         Error);
    for (const char* variant :
         {"feature_matching+r1_r2", "r1_r2+wgan_gp", "minibatch_discrimination+r1_r2",
          "minibatch_discrimination+wgan_gp", "spectral_norm+residual", "best+wgan_gp",
          "unrolled+unrolled_values"}) {
      CAPTURE(std::string(variant));
      CHECK_THROWS_AS(config.choose_variant(variant), Error);
    }
    CHECK(contains(message_of([&] { config.choose_variant("projection"); }),
                   "switch conditional on too"));
    CHECK(contains(
        message_of([&] { config.choose_variant("feature_matching+conditional+projection"); }),
        "set adversarial_weight"));
    config.choose_variant("packing");
    config.batch = 63;
    CHECK_THROWS_WITH_AS(config.check(),
                         "font_gan: a batch of 63 images is no whole number of packs of 2: set "
                         "batch to a multiple of it",
                         Error);
    CHECK_THROWS_AS(Gan(config, Device::cpu), Error);
  }

  TEST_CASE("scores survive the log, and a history tells what became of each letter") {
    Scores s;
    s.coverage = 24;
    s.uncovered = "B Z";
    s.histogram.assign(26, 4);
    s.confident_histogram.assign(26, 1);
    s.support = std::numeric_limits<double>::infinity();
    s.real_support = 3.5;
    const Json json = Json::parse(s.to_json().dump());
    const Scores read = Scores::from_json(json);
    CHECK(read.confident_histogram == s.confident_histogram);
    CHECK(std::isinf(read.support));
    CHECK(read.real_support == 3.5);
    CHECK(read.covered()[0]);
    CHECK_FALSE(read.covered()[1]);
    CHECK_FALSE(read.covered()[25]);

    Scores fewer = s;
    fewer.coverage = 23;
    fewer.uncovered = "A Z C";
    History history{.evaluations = {{10, s}, {20, fewer}}, .epochs = {}};
    CHECK_FALSE(history.onset());  // one letter less is within what samples do
    history.evaluations[1].second.coverage = 22;
    CHECK(history.onset() == 20);
    CHECK(history.survival()[0] == 0.5);
    CHECK(history.survival()[25] == 0);
    const Json told = history.to_json();
    CHECK(told.at("collapse_onset") == 20);
    CHECK(told.at("events").size() == 24 + 3);
    CHECK(told.at("events").at(25).dump() == R"({"epoch":20,"letter":"B","event":"came"})");
  }

  TEST_CASE("the step bench counts the arithmetic of its networks") {
    CHECK(step_bench(Config(), Device::cpu, "two_conv").flops ==
          doctest::Approx(9.43e9).epsilon(0.01));
    CHECK_THROWS_AS(step_bench(Config(), Device::cpu, "resnet"), Error);
  }
}

}  // namespace
}  // namespace etude::font_gan
