// Every variant of the game as a whole.

#include <doctest/doctest.h>

#include <cmath>

#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "models/font_gan/gan.h"

namespace etude::font_gan {
namespace {

Tensor random_images(std::int64_t n, std::uint64_t seed = 5) {
  Generator random(seed, 5);
  return uniform(random, {n, 1, kPixels, kPixels}, -1, 1);
}

TEST_SUITE("font_gan variants") {
  TEST_CASE("vanilla and feature matching step as they did before there were stabilisers") {
    // Recorded then, from bit-equal steps. Other processors round differently.
    const std::vector<std::pair<const char*, std::vector<float>>> recorded = {
        {"vanilla",
         {0.858159184f, 1.13222528f, 0.661584556f, 0.354386836f, 12.5137882f, 14.7332401f}},
        {"feature_matching",
         {0.966714382f, 563.068787f, 0.63691783f, 0.393508106f, 14.1979561f, 1893.50403f}}};
    for (const auto& [variant, values] : recorded) {
      Config config;
      config.choose_variant(variant);
      Gan gan(config, Device::cpu);
      gan.step(random_images(4), {});
      gan.step(random_images(4), {});
      const auto third = gan.step(random_images(4), {}).to_vector<float>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        CAPTURE(std::string(variant) + " " + kStepValues[i]);
        CHECK(third[i] == doctest::Approx(values[i]).epsilon(1e-3));
      }
    }
  }

  TEST_CASE("every variant learns, and its checkpoint restores to the same future") {
    for (const char* variant : {"vanilla",
                                "feature_matching",
                                "conditional",
                                "conditional+projection",
                                "minibatch_discrimination",
                                "unrolled",
                                "unrolled_values",
                                "packing",
                                "r1_r2",
                                "wgan_gp",
                                "spectral_norm",
                                "residual",
                                "average",
                                "augment",
                                "best",
                                "feature_matching+conditional+minibatch_discrimination+packing",
                                "unrolled+spectral_norm+average+augment",
                                "unrolled+r1_r2",
                                "conditional+packing+wgan_gp+augment",
                                "conditional+projection+unrolled+packing",
                                "best+packing"}) {
      CAPTURE(std::string(variant));
      Config config;
      config.choose_variant(variant);
      CHECK(config.variant() == variant);
      config.unroll_steps = 2;
      config.critic_steps = 2;
      config.width = 4;
      Gan a(config, Device::cpu), b(config, Device::cpu);
      const std::int64_t images = 4 * config.discriminator_updates();
      const Tensor real = random_images(images);
      Tensor letters;
      if (config.conditional) {
        std::vector<std::int32_t> classes(static_cast<std::size_t>(images), 3);
        letters = one_hot(Tensor::from(classes, {images}), kLetters);
      }
      const auto before = a.samples(2).to_vector<float>();
      for (float value : a.step(real, letters).to_vector<float>()) CHECK(std::isfinite(value));
      CHECK(a.samples(2).to_vector<float>() != before);
      Checkpoint checkpoint;
      State collect = State::collect(checkpoint);
      a.state(collect);
      State restore = State::restore(checkpoint, "memory");
      b.state(restore);
      restore.finish();
      CHECK(a.step(real, letters).to_vector<float>() == b.step(real, letters).to_vector<float>());
      CHECK(a.step(real, letters).to_vector<float>() == b.step(real, letters).to_vector<float>());
      CHECK(a.samples(3).to_vector<float>() == b.samples(3).to_vector<float>());
    }
  }

  TEST_CASE("packed discriminators take several images as channels") {
    Config config;
    config.choose_variant("packing");
    config.pack_size = 4;
    Generator drops(1, 1), random(1, 2);
    const auto d = make_discriminator(config, drops, {.generator = random});
    CHECK((*d)(reshape(random_images(8), {2, 4, 28, 28}), {}).shape() == Dims{2, 1});
    CHECK(d->parameters()[0].second.shape() == Dims{64, 4, 4, 4});
    Gan gan(config, Device::cpu);
    for (float value : gan.step(random_images(8), {}).to_vector<float>()) {
      CHECK(std::isfinite(value));
    }
  }

  TEST_CASE("a critic of wgan_gp takes a batch per update") {
    Config config;
    config.choose_variant("wgan_gp");
    CHECK(config.discriminator_updates() == 5);
    config.critic_steps = 3;
    Gan gan(config, Device::cpu);
    CHECK_THROWS_AS(gan.step(random_images(4), {}), Error);
  }

  TEST_CASE("samples come from the average, which a decay of 0 makes the generator itself") {
    Config config;
    Gan plain(config, Device::cpu);
    config.average = true;
    Gan slow(config, Device::cpu);
    config.average_decay = 0;
    Gan fast(config, Device::cpu);
    for (int i = 0; i < 2; ++i) {
      for (Gan* gan : {&plain, &slow, &fast}) gan->step(random_images(4), {});
    }
    const auto expected = plain.samples(2).to_vector<float>();
    CHECK(fast.samples(2).to_vector<float>() == expected);
    CHECK(slow.samples(2).to_vector<float>() != expected);
  }
}

}  // namespace
}  // namespace etude::font_gan
