#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "engine/autograd.h"
#include "engine/io/safetensors.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "models/drum_vae/data.h"
#include "models/drum_vae/synthetic.h"
#include "models/drum_vae/train.h"

namespace etude::drum_vae {
namespace {

TEST_SUITE("drum_vae") {
  TEST_CASE("the truth about the synthetic patterns") {
    const Truth truth = measure_truth(6000);
    // Within a style the cells are independent: 30.40 nats in closed form, and the style adds what
    // the pattern says of it, nearly ln 5 = 1.609.
    double within = 0;
    for (int style = 0; style < kStyles; ++style) {
      for (const double p : style_template(style).observed) {
        within -= (p * std::log(p) + (1 - p) * std::log(1 - p)) / kStyles;
      }
    }
    CHECK(std::abs(within - 30.40) < 0.01);
    CHECK(std::abs(truth.style_information - 1.606) < 0.002);
    CHECK(std::abs(truth.entropy - (within + 1.606)) < 3 * truth.entropy_error);
    CHECK(truth.entropy_error < 0.05);
    CHECK(std::abs(truth.no_latent_nll - 39.694) < 0.001);
  }

  TEST_CASE("probabilities of all patterns sum to one") {
    // Of a template with independent cells it suffices that each cell's two outcomes do; the moved
    // mass of the empty pattern is what is checked.
    Pattern kick_only{};
    kick_only[kick] = 1;
    for (int style = 0; style < kStyles; ++style) {
      const StyleTemplate& t = style_template(style);
      double empty = 1, alone = t.observed[kick];
      for (int i = 0; i < kCells; ++i) {
        empty *= 1 - t.observed[i];
        if (i != kick) alone *= 1 - t.observed[i];
      }
      CHECK(std::exp(log_likelihood(kick_only, style)) == doctest::Approx(empty + alone));
      CHECK(std::exp(log_likelihood(Pattern{}, style)) == 0);
    }
  }

  TEST_CASE("drawn patterns belong to their style") {
    Generator generator(3, 4);
    const Patterns patterns = draw_patterns(40, generator);
    REQUIRE(patterns.size() == 40 * kStyles);
    int right = 0;
    for (std::int64_t i = 0; i < patterns.size(); ++i) {
      const auto posterior = style_posterior(patterns.hits[i]);
      double total = 0;
      for (double p : posterior) total += p;
      CHECK(total == doctest::Approx(1));
      right += posterior[patterns.styles[i]] > 0.5;
    }
    CHECK(right >= 0.97 * static_cast<double>(patterns.size()));
    CHECK(style_number("latin") == 4);
    CHECK_THROWS_WITH_AS(
        style_number("polka"),
        "unknown style polka; the styles are rock, jazz, hiphop, electronic, latin", Error);
  }

  TEST_CASE("the KL divergence is the integral that it stands for") {
    // Against the mean of log q - log p over draws of q.
    Generator noise(5, 6);
    const Tensor one = Tensor::ones({20000, 1});
    const Normal q{one * 0.5, one * std::log(0.49)}, p{one * -0.25, one * std::log(1.69)};
    const double exact = mean(kl_divergence(q, p)).item();
    const Tensor z = draw(q, noise);
    const double sampled = mean(log_density(q, z) - log_density(p, z)).item();
    CHECK(sampled == doctest::Approx(exact).epsilon(0.03));
    CHECK(mean(kl_divergence(q, q)).item() == doctest::Approx(0));
  }

  TEST_CASE("schedules") {
    CHECK(beta_at("constant", 0) == 1);
    CHECK(beta_at("linear", 0.25) == 0.25);
    CHECK(beta_at("cyclical", 0.0625) == doctest::Approx(0.5));
    CHECK(beta_at("cyclical", 0.2) == 1);
    CHECK(beta_at("cyclical", 0.25) == doctest::Approx(0));
    CHECK(beta_at("sigmoid", 0.5) == 0.5);
    CHECK(beta_at("sigmoid", 0) < 0.01);
    CHECK(beta_at("warmup", 0.3) == 0.5);
    CHECK(beta_at("warmup", 0.8) == 1);
    CHECK(temperature_at(0) == 2);
    CHECK(temperature_at(1) == 0.5);
  }

  TEST_CASE("strategies: the best is the default, the others are the reports'") {
    Config config;
    config.choose_strategy("best");
    CHECK(config.all().to_toml() == Config().all().to_toml());
    config.choose_strategy("cyclical+free_bits");
    CHECK(config.beta == "cyclical");
    CHECK(config.free_bits == 0.1);
    CHECK(config.high_from == "low");
    CHECK(config.prior == "standard");
    CHECK(config.epochs == 100);
    config.choose_strategy("linear");
    CHECK(config.free_bits == 0);
    for (const char* wrong : {"warmup", "best+free_bits", "linear+", ""}) {
      CHECK_THROWS_AS(config.choose_strategy(wrong), Error);
    }
    config.strategies = "best,polka";
    CHECK_THROWS_WITH_AS(config.strategy_list(),
                         "unknown strategy polka; the strategies are best, constant, linear, "
                         "cyclical, sigmoid, each but the first also with +free_bits",
                         Error);
  }

  TEST_CASE("the data: the same every time, patterns of the test in neither other part") {
    const DrumData data = load_drum_data("synthetic", "no-such-folder");
    CHECK(data.train.size() == 800);
    CHECK(data.validation.size() == 200);
    CHECK(data.test.size() == 20000);
    CHECK(data.exact_density);
    CHECK(data.hash == load_drum_data("synthetic", "no-such-folder").hash);
    const std::set<Pattern> train(data.train.hits.begin(), data.train.hits.end());
    int seen = 0;
    for (const Pattern& pattern : data.test.hits) seen += train.contains(pattern);
    CHECK(seen < 200);  // a common pattern comes twice now and then; a copied set would be 800
    CHECK_THROWS_AS(load_drum_data("polka", "no-such-folder"), Error);
  }

  TEST_CASE("styles of z_high: mean and deviation of the patterns of each") {
    Config config;
    Vae vae(config, Device::cpu);
    Generator generator(1, 2);
    Patterns patterns = draw_patterns(40, generator);
    learn_styles(vae.model(), patterns, Device::cpu);
    const auto mean = vae.model().style_mean.to_vector<float>();
    const auto deviation = vae.model().style_deviation.to_vector<float>();
    for (std::size_t i = 0; i < mean.size(); ++i) {
      CHECK(std::abs(mean[i]) < 1);  // untrained: near the prior
      CHECK(deviation[i] > 0.5);
      CHECK(deviation[i] < 1.5);
    }
    std::ranges::fill(patterns.styles, 0);
    learn_styles(vae.model(), patterns, Device::cpu);
    CHECK(vae.model().style_mean.to_vector<float>()[4] == 0);  // no pattern: the prior
    CHECK(vae.model().style_deviation.to_vector<float>()[4] == 1);
  }

  TEST_CASE("cpu and gpu take the same steps") {
    Generator generator(3, 4);
    const Patterns patterns = draw_patterns(2, generator);
    Config config;
    config.batch = 10;
    for (const bool reference : {false, true}) {
      if (reference) config.choose_strategy("linear+free_bits");
      Vae cpu(config, Device::cpu), gpu(config, Device::gpu);
      for (const double progress : {0.4, 0.9}) {  // without and with the penalty
        const auto a = cpu.step(to_tensor(patterns, Device::cpu), progress).to_vector<float>();
        const auto b = gpu.step(to_tensor(patterns, Device::gpu), progress).to_vector<float>();
        for (std::size_t i = 0; i < a.size(); ++i)
          CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-4));
      }
    }
  }

  TEST_CASE("a few steps learn, for every switch; a checkpoint brings the network back") {
    Generator generator(7, 8);
    DrumData data{.name = "drawn"};
    data.train = draw_patterns(32, generator), data.validation = draw_patterns(8, generator);
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / "etude_drum_vae_test";
    for (const char* high_from : {"low", "features"}) {
      for (const char* prior : {"standard", "conditional"}) {
        Config config;
        config.high_from = high_from;
        config.prior = prior;
        config.epochs = 6;
        config.train_temperature = std::string(prior) == "standard";
        std::filesystem::remove_all(folder);
        make_folder(folder);
        train_run(config, data, folder, Device::cpu);
        const std::vector<Json> log = JsonLog::read(folder / "log.jsonl");
        REQUIRE(log.size() == 30 + 2);  // 160 / 32 steps of 6 epochs; epochs 5 and 6 validate
        CHECK(log.back().at("negative_elbo").get<double>() < 75);
        CHECK(log.front().at("negative_elbo").get<double>() > 95);
        const auto vae = load_vae(folder / "best.safetensors", Device::cpu);
        const Evaluation again = evaluate(vae->model(), to_tensor(data.validation, Device::cpu));
        double best = 1e9;
        for (const Json& entry : log) {
          if (entry.contains("epoch"))
            best = std::min(best, entry.at("negative_elbo").get<double>());
        }
        CHECK(again.negative_elbo() == doctest::Approx(best));
        // The last evaluation's styles are in the last checkpoint, not what averaging left of them.
        const auto last = load_vae(folder / "last.safetensors", Device::cpu);
        const auto deviation = last->model().style_deviation.to_vector<float>();
        learn_styles(last->model(), data.train, Device::cpu);
        CHECK(last->model().style_deviation.to_vector<float>() == deviation);
      }
    }
    std::filesystem::remove_all(folder);
  }
}

}  // namespace
}  // namespace etude::drum_vae
