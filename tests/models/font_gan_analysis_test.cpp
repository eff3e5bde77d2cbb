#include "models/font_gan/analysis.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/run/step_values.h"
#include "models/font_gan/codes.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace etude::font_gan {
namespace {

using doctest::Approx;

/// Ink where inside(y, x) for a fine grid of points in each pixel.
std::vector<float> picture(const std::function<bool(double, double)>& inside) {
  constexpr int kFine = 8;
  std::vector<float> image;
  for (int y = 0; y < kPixels; ++y) {
    for (int x = 0; x < kPixels; ++x) {
      int hits = 0;
      for (int i = 0; i < kFine * kFine; ++i) {
        hits += inside(y + (i / kFine + 0.5) / kFine, x + (i % kFine + 0.5) / kFine);
      }
      image.push_back(2.0f * static_cast<float>(hits) / (kFine * kFine) - 1);
    }
  }
  return image;
}

std::vector<float> ring(double outer, double inner) {
  return picture([=](double y, double x) {
    const double r = std::hypot(y - 14.2, x - 13.7);
    return r <= outer && r >= inner;
  });
}

double complexity(const std::vector<float>& image) {
  return perimetric_complexity(image, kPixels, kPixels);
}

/// Bars at 26 places, one for each letter, in two faces: thick and thin. Z is much like Y.
FontData bars() {
  FontData data;
  data.name = "bars";
  data.faces = {"thick", "thin"};
  for (int part = 0; part < 2; ++part) {
    for (int letter = 0; letter < kLetters; ++letter) {
      for (int i = 0; i < 6; ++i) {
        const int face = i % 2;
        const double row = letter < 25 ? letter % 7 * 3.7 : 24 % 7 * 3.7 + 0.4;
        const double column = std::min(letter, 24) / 7 * 6.5;
        const std::vector<float> image = picture([&](double y, double x) {
          return y > row && y < row + (face == 0 ? 4 : 2) && x > column + 0.1 * i &&
                 x < column + 7 + 0.1 * i;
        });
        auto& images = part == 0 ? data.train_images : data.val_images;
        images.insert(images.end(), image.begin(), image.end());
        (part == 0 ? data.train_labels : data.val_labels).push_back(letter);
        (part == 0 ? data.train_faces : data.val_faces).push_back(face);
      }
    }
  }
  data.hash = content_hash(data);
  return data;
}

Config small_config() {
  Config config;
  config.networks = "residual";
  config.width = 2;
  config.classifier_epochs = 12;
  config.classifier_target = 0;
  return config;
}

/// The bars with a judge of them, trained once for all tests.
struct Judged {
  static Judged& get() {
    static Judged judged;
    return judged;
  }
  const TemporaryFolder folder;
  const FontData data = bars();
  Judge judge{data, small_config(), folder.path, Device::cpu};
};

TEST_SUITE("font_gan analysis") {
  TEST_CASE("perimetric complexity: 1 for a disc, more for what is longer or hollow") {
    CHECK(complexity(ring(10, 0)) == Approx(1).epsilon(0.05));
    CHECK(complexity(ring(5, 0)) == Approx(1).epsilon(0.08));
    // Of a ring (2 pi (R + r))^2 / (4 pi pi (R^2 - r^2)) = (R + r) / (R - r).
    CHECK(complexity(ring(11, 7)) == Approx(18.0 / 4).epsilon(0.08));
    const auto bar =
        picture([](double y, double x) { return y > 4 && y < 24 && x > 12 && x < 16; });
    CHECK(complexity(bar) == Approx(48.0 * 48 / (4 * M_PI * 80)).epsilon(0.1));
    // A line of one pixel has two edges: (2 * 20)^2 / (4 pi 20).
    const auto line =
        picture([](double y, double x) { return y > 4 && y < 24 && x > 12 && x < 13; });
    CHECK(complexity(line) == Approx(42.0 * 42 / (4 * M_PI * 20)).epsilon(0.1));
    CHECK(std::isnan(complexity(std::vector<float>(kPixels * kPixels, -1))));
    std::vector<float> noisy = ring(10, 0);
    for (std::size_t i = 0; i < noisy.size(); ++i) {
      noisy[i] = std::clamp(noisy[i] + (i * 7919 % 13 < 6 ? 0.08f : -0.08f), -1.0f, 1.0f);
    }
    CHECK(complexity(noisy) == Approx(1).epsilon(0.08));
  }

  TEST_CASE("a judge that falls short is an error, but not on images with defects") {
    Config config = small_config();
    config.classifier_epochs = 1;
    config.classifier_target = 1;
    FontData data = bars();
    const TemporaryFolder folder;
    const auto judge = [&] { Judge(data, config, folder.path, Device::cpu); };
    CHECK(contains(message_of(judge), "letter classifier (seed 641) of bars: validation accuracy"));
    data.defects = {"bars are no letters"};
    CHECK(message_of(judge) == "no error");
  }

  TEST_CASE("letters: how complex, and how near the next one") {
    Judged& on = Judged::get();
    CHECK(on.judge.accuracy() > 0.8);
    const Letters letters = letters_of(on.data, on.judge);
    CHECK(letters.complexity.size() == kLetters);
    CHECK(letters.complexity[3] == Approx(letters.complexity[4]).epsilon(0.2));
    CHECK(letters.nearest[24] == 'Z');
    CHECK(letters.nearest[25] == 'Y');
    CHECK(*std::ranges::min_element(letters.distance) ==
          std::min(letters.distance[24], letters.distance[25]));
    const Letters read = Letters::from_json(Json::parse(letters.to_json().dump()));
    CHECK(read.distance == letters.distance);
    CHECK(read.nearest == letters.nearest);
  }

  TEST_CASE("codes are found by optimisation, on the sphere, and leave the networks alone") {
    Judged& on = Judged::get();
    for (bool conditional : {false, true}) {
      CAPTURE(conditional);
      Config config = small_config();
      config.conditional = conditional;
      Gan gan(config, Device::cpu);
      const auto before = gan.samples(3).to_vector<float>();
      constexpr int kUpdates = 12;
      const Codes codes = find_codes(gan, on.judge, 4, kUpdates);
      CHECK(codes.z.shape() == Dims{kLetters, kLatent});
      const auto lengths = sum(square(codes.z), {1}).to_vector<float>();
      for (float length : lengths) CHECK(length == Approx(kLatent).epsilon(1e-4));
      if (!conditional) {
        const auto found = codes.z.to_vector<float>();
        CHECK(find_codes(gan, on.judge, 4, kUpdates).z.to_vector<float>() == found);
        CHECK(find_codes(gan, on.judge, 5, kUpdates).z.to_vector<float>() != found);
      }
      CHECK(gan.samples(3).to_vector<float>() == before);
      const NoGrad no_grad;
      // Better than as many random ones.
      std::vector<std::int32_t> own(kLetters);
      std::iota(own.begin(), own.end(), 0);
      const Tensor letters = Tensor::from(own, {kLetters});
      const Tensor told = conditional ? one_hot(letters, kLetters) : Tensor();
      Generator random(9, 9);
      const auto loss = [&](const Tensor& z) {
        return on.judge.loss(gan.images(z, told), letters).item();
      };
      CHECK(loss(codes.z) < 0.9 * loss(normal(random, {kLetters, kLatent})));
      const Judgement seen = on.judge.judge(gan.images(codes.z, told));
      for (int i = 0; i < kLetters; ++i) {
        CHECK(codes.confidence[i] ==
              Approx(seen.labels[i] == i ? seen.confidences[i] : 0).epsilon(1e-3));
      }
      write_interpolation(on.folder.path / "ways.png", gan, codes, 4);
      CHECK(std::filesystem::file_size(on.folder.path / "ways.png") > 1000);
    }
  }

  TEST_CASE("a path on the sphere: equal angles, lengths in between") {
    const Tensor a = Tensor::from(std::vector<float>{3, 0}, {2});
    const Tensor b = Tensor::from(std::vector<float>{0, 3}, {2});
    const auto quarter = spherical_path(a, b, 4).to_vector<float>();
    CHECK(quarter[0] == Approx(3));
    CHECK(quarter[7] == Approx(3));
    CHECK(quarter[2] == Approx(3 * std::cos(M_PI / 6)));
    CHECK(quarter[3] == Approx(3 * std::sin(M_PI / 6)));
    const auto there_and_back = spherical_path(a, a * -1.0, 3).to_vector<float>();
    CHECK(there_and_back[2] == Approx(0));
    CHECK(there_and_back[4] == Approx(-3));
    CHECK(spherical_path(a, a, 3).to_vector<float>()[2] == Approx(3));
  }

  TEST_CASE("style consistency: one face for a latent, recognised among the training images") {
    Judged& on = Judged::get();
    Config config = small_config();
    Gan plain(config, Device::cpu);
    CHECK(contains(message_of([&] { style_consistency(plain, on.data, 1, "none.png"); }),
                   "train the variant conditional"));
    config.conditional = true;
    Gan gan(config, Device::cpu);
    const std::filesystem::path picture = on.folder.path / "styles.png";
    const StyleConsistency style = style_consistency(gan, on.data, 1, picture);
    CHECK(style.judge == 1);  // the validation images are the training images
    // Two faces: the commonest has at least half of a row.
    CHECK(style.share >= 0.5);
    CHECK(style.share <= 1);
    CHECK(style.chance >= 0.5);
    CHECK(style.chance <= style.share + 0.1);
    CHECK(std::filesystem::exists(picture));
  }

#ifndef __SANITIZE_ADDRESS__  // long; other tests run the same code
  TEST_CASE("a conditional GAN learns to draw what it is told with projection, and not without") {
    Judged& on = Judged::get();
    const auto n = static_cast<std::int64_t>(on.data.train_labels.size());
    const Tensor images = Tensor::from(on.data.train_images, {n, 1, kPixels, kPixels});
    const std::vector<std::int32_t> labels(on.data.train_labels.begin(),
                                           on.data.train_labels.end());
    const Tensor letters = one_hot(Tensor::from(labels, {n}), kLetters);
    std::vector<std::int64_t> rows(labels.size());
    std::iota(rows.begin(), rows.end(), 0);
    const auto obeyed = [&](bool projection) {
      Config config = small_config();
      config.choose_variant("best");
      config.projection = projection;
      config.residual_lr = 3e-3;
      config.average_decay = 0.9;
      Gan gan(config, Device::cpu);
      EpochBatches batches(1, rows, 26);
      for (std::int64_t step = 0; step < 100; ++step) {
        gan.step(take_rows(images, batches.rows(step)), take_rows(letters, batches.rows(step)));
      }
      return obeyed_share(on.judge.judge(gan.samples(10 * kLetters)));
    };
    const double with = obeyed(true), without = obeyed(false);
    CHECK(with > 0.6);
    CHECK(without < 0.2);
  }
#endif

  TEST_CASE("samples are told A to Z in turn, and the share that obeys is counted so") {
    Config config = small_config();
    config.conditional = true;
    Gan gan(config, Device::cpu);
    const NoGrad no_grad;
    const Tensor samples = gan.samples(502);  // made 500 at a time
    Generator latents(static_cast<std::uint64_t>(config.seed), 4);
    normal(latents, {500, kLatent}, 0, 1, DType::f32, Device::cpu);
    const Tensor z = normal(latents, {2, kLatent}, 0, 1, DType::f32, Device::cpu);
    const Tensor told =
        one_hot(Tensor::from(std::vector<std::int32_t>{500 % 26, 501 % 26}, {2}), kLetters);
    CHECK(slice(samples, 0, 500, 502).to_vector<float>() == gan.images(z, told).to_vector<float>());

    Judgement seen;
    for (int i = 0; i < 60; ++i) seen.labels.push_back(i < 30 ? i % 26 : 0);
    CHECK(obeyed_share(seen) == Approx(31.0 / 60));  // of the other 30, number 52
  }

  TEST_CASE("a second opinion: how often two judges agree") {
    const Judgement first{
        .labels = {0, 1, 2, 3}, .confidences = {0.95f, 0.95f, 0.5f, 0.5f}, .features = {}};
    const Judgement second{
        .labels = {0, 7, 2, 3}, .confidences = {0.95f, 0.95f, 0.95f, 0.1f}, .features = {}};
    const SecondOpinion opinion = second_opinion(first, second);
    CHECK(opinion.agreement == 0.75);
    CHECK(opinion.agreement_confident == 0.5);
    CHECK(opinion.coverage == 3);
    Judgement unsure = first;
    unsure.confidences.assign(4, 0.1f);
    const SecondOpinion none = second_opinion(unsure, second);
    CHECK(std::isnan(none.agreement_confident));
    CHECK(std::isnan(
        SecondOpinion::from_json(Json::parse(none.to_json().dump())).agreement_confident));
  }

  TEST_CASE("what reproduce compares: lists of variants, none named twice") {
    Config config;
    config.variants = "vanilla,average+residual+r1_r2+projection+conditional";
    config.others = "";
    CHECK(config.variant_lists().main == std::vector<std::string>{"vanilla", "best"});
    CHECK(config.variant_lists().others.empty());
    config.ee641_variants = "best";
    CHECK(config.variant_lists().ee641 == std::vector<std::string>{"best"});
    config.others = "packing,best";
    CHECK(message_of([&] { config.variant_lists(); }) == "variants: best is named twice");
    config.others = "packing,,";
    CHECK(contains(message_of([&] { config.variant_lists(); }), "unknown variant"));
  }
}

}  // namespace
}  // namespace etude::font_gan
