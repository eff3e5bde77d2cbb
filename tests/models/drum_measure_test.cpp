#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "models/drum_vae/measure.h"
#include "models/drum_vae/synthetic.h"
#include "models/drum_vae/train.h"
#include "models/drum_vae/transfer.h"
#include "tests/error_text.h"

namespace etude::drum_vae {
namespace {

DrumData small_data(int train, int validation, int test) {
  Generator generator(11, 12);
  DrumData data;
  data.name = "synthetic";
  data.exact_density = true;
  data.train = draw_patterns(train, generator);
  data.validation = draw_patterns(validation, generator);
  data.test = draw_patterns(test, generator);
  return data;
}

constexpr MeasureCounts kFew{.elbo_draws = 2,
                             .importance_samples = 20,
                             .importance_patterns = 30,
                             .silhouette_points = 50,
                             .drawn = 300,
                             .truth_samples = 200};

/// All numbers of a JSON value with their paths; others are passed over.
void numbers_of(const Json& json, const std::string& path,
                std::vector<std::pair<std::string, double>>& to) {
  if (json.is_number()) to.emplace_back(path, json.get<double>());
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) numbers_of(value, path + "/" + key, to);
}

Json::json_pointer at(const char* path) { return Json::json_pointer(path); }

Tensor parameter(DrumVae& model, const std::string& name) {
  for (const auto& [known, tensor] : model.parameters()) {
    if (known == name) return tensor;
  }
  FAIL("no parameter ", name);
  return {};
}

/// Multiplies a layer's weights [out, in, ...] by `scale`, and clears all but `rows` (outputs, with
/// their biases) and `columns` (inputs); an empty list clears none.
void rescale(DrumVae& model, const std::string& layer, float scale, std::vector<int> rows,
             std::vector<int> columns) {
  const NoGrad no_grad;
  const auto stays = [](const std::vector<int>& list, std::int64_t i) {
    return list.empty() || std::find(list.begin(), list.end(), i) != list.end();
  };
  for (const char* name : {".weight", ".bias"}) {
    Tensor t = parameter(model, layer + name);
    auto values = t.to_vector<float>();
    const std::int64_t row = t.numel() / t.dim(0);
    for (std::int64_t i = 0; i < t.numel(); ++i) {
      values[i] *= stays(rows, i / row) && (row == 1 || stays(columns, i % row)) ? scale : 0;
    }
    t.copy_(Tensor::from(values, t.shape()));
  }
}

void shift_bias(DrumVae& model, const std::string& layer, int row, float by) {
  const NoGrad no_grad;
  Tensor t = parameter(model, layer + ".bias");
  auto values = t.to_vector<float>();
  values[row] += by;
  t.copy_(Tensor::from(values, t.shape()));
}

/// -ln p(x) of a model whose decoder sees no more than z_low[0] and z_high[0], and whose prior of
/// z_low no more than z_high[0]: the integral over the two on a grid.
std::vector<double> integrated_nll(DrumVae& model, const Tensor& x) {
  const Inference inference(model);
  const int n = 61;
  const double width = 0.15;
  std::vector<float> high(n * n * kHigh), low(n * n * kLow);
  std::vector<double> weight(n * n);
  for (int i = 0; i < n * n; ++i) high[i * kHigh] = static_cast<float>((i / n - n / 2) * width);
  const Tensor z_high = Tensor::from(high, {n * n, kHigh});
  const Normal prior = model.prior_low(z_high);
  const auto mean = prior.mean.to_vector<float>(), log_v = prior.log_variance.to_vector<float>();
  for (int i = 0; i < n * n; ++i) {
    const double u = (i % n - n / 2) * width, h = high[i * kHigh];
    low[i * kLow] = static_cast<float>(mean[i * kLow] +
                                       u * std::exp(0.5 * static_cast<double>(log_v[i * kLow])));
    weight[i] = width * width * std::exp(-0.5 * (u * u + h * h)) / (2 * std::numbers::pi);
  }
  const Tensor logits = model.decode(Tensor::from(low, {n * n, kLow}), z_high);
  std::vector<double> nll;
  for (std::int64_t k = 0; k < x.dim(0); ++k) {
    const Tensor one = slice(x, 0, k, k + 1);
    const auto error = sum(softplus(logits) - one * logits, {1, 2}).to_vector<float>();
    double p = 0;
    for (int i = 0; i < n * n; ++i) p += weight[i] * std::exp(-static_cast<double>(error[i]));
    nll.push_back(-std::log(p));
  }
  return nll;
}

constexpr int cell(int step, Instrument instrument) { return step * kInstruments + instrument; }

Pattern template_of(int style) {
  Pattern pattern;
  for (int i = 0; i < kCells; ++i) pattern[i] = style_template(style).observed[i] >= 0.5;
  return pattern;
}

constexpr int kCarried = cell(3, hihat_open);  // a cell that no template hits

/// `like` without noise, but with a hit in kCarried in every other pattern of each style.
Patterns clean(const Patterns& like) {
  Patterns patterns{.styles = like.styles};
  std::array<int, kStyles> number{};
  for (const int style : like.styles) {
    patterns.hits.push_back(template_of(style));
    patterns.hits.back()[kCarried] = number[style]++ % 2;
  }
  return patterns;
}

/// Teaches encoder and decoder that z_high is the style, and z_low[0] whether kCarried is hit.
void teach_styles(DrumVae& model, const Patterns& patterns, Generator& noise) {
  std::vector<float> low, high;
  for (std::int64_t i = 0; i < patterns.size(); ++i) {
    const int style = patterns.styles[i];
    for (int d = 0; d < kHigh; ++d) high.push_back(style == kHigh ? -1 : 2 * (style == d));
    for (int d = 0; d < kLow; ++d) low.push_back(d ? 0 : patterns.hits[i][kCarried] ? 3 : -3);
  }
  const Tensor x = to_tensor(patterns, Device::cpu);
  const Tensor z_high = Tensor::from(high, {patterns.size(), kHigh});
  const Tensor z_low = Tensor::from(low, {patterns.size(), kLow});
  const Normal near{z_low, Tensor::zeros(z_low.shape())};
  Adam adam(model, {.lr = 5e-3});
  for (int i = 0; i < 100; ++i) {
    adam.zero_grad();
    const Encoding e = model.encode(x, noise);
    const Tensor logits = model.decode(draw(near, noise), z_high);
    backward(mean(softplus(logits) - x * logits) * 10 + mean(square(e.high.mean - z_high)) +
             mean(square(e.low.mean - z_low)));
    adam.step();
  }
}

/// `pattern` with these cells changed.
Pattern with_changed(Pattern pattern, std::initializer_list<int> cells) {
  for (const int cell : cells) pattern[cell] ^= 1;
  return pattern;
}

TEST_SUITE("drum_measure") {
  TEST_CASE("the importance-weighted NLL is the integral over the latents") {
    Generator patterns(1, 2);
    const Patterns few = draw_patterns(1, patterns);
    const Tensor x = slice(to_tensor(few, Device::cpu), 0, 0, 3);
    for (const char* high_from : {"low", "features"}) {
      for (const char* prior : {"standard", "conditional"}) {
        CAPTURE(high_from);
        CAPTURE(prior);
        Config config;
        config.high_from = high_from;
        config.prior = prior;
        Generator dropout(3, 4), weights(5, 6);
        DrumVae model(config, dropout, {.generator = weights});
        // The decoder sees two dimensions; of the others prior and posterior are N(0, 1). A
        // posterior wider than the prior keeps the weights' variance small.
        rescale(model, "up1", 8, {}, {0, kLow});
        rescale(model, "out", 8, {}, {});
        rescale(model, "prior1", 2, {}, {0});
        rescale(model, "prior2", 1, {0, kLow}, {});
        rescale(model, "low", 1, {0, kLow}, {});
        rescale(model, "high3", 2, {0, kHigh}, {});
        shift_bias(model, "prior2", 0, 1);
        shift_bias(model, "prior2", kLow, -1);
        shift_bias(model, "low", kLow, 0.7f);
        shift_bias(model, "high3", kHigh, 0.7f);
        const std::vector<double> exact = integrated_nll(model, x);
        const std::vector<double> estimate = importance_weighted_nll(model, x, 4000);
        REQUIRE(estimate.size() == exact.size());
        for (std::size_t i = 0; i < exact.size(); ++i) {
          CHECK(std::abs(estimate[i] - exact[i]) < 0.1);
        }
      }
    }
    Vae vae(Config{}, Device::cpu);
    CHECK_THROWS_WITH_AS(importance_weighted_nll(vae.model(), x, 0),
                         "importance-weighted NLL: of at least one sample, not 0", Error);
  }

  TEST_CASE("posterior means are the encoder's") {
    Generator patterns(1, 2);
    const Tensor x = to_tensor(draw_patterns(4, patterns), Device::cpu);
    for (const char* high_from : {"low", "features"}) {
      Config config;
      config.high_from = high_from;
      config.average = 0;  // an average is never in training
      Vae vae(config, Device::cpu);
      const PosteriorMeans means = posterior_means(vae.model(), x);
      CHECK(vae.model().training());
      const Inference inference(vae.model());
      Generator noise(7, 7);
      const Encoding e = vae.model().encode(x, noise);
      const auto low = e.low.mean.to_vector<float>(), high = e.high.mean.to_vector<float>();
      REQUIRE(means.low.size() == low.size());
      REQUIRE(means.high.size() == high.size());
      for (std::size_t i = 0; i < low.size(); ++i) CHECK(means.low[i] == doctest::Approx(low[i]));
      // From z_low the mean depends on the draw.
      const double margin = config.high_from == "low" ? 0.3 : 1e-5;
      for (std::size_t i = 0; i < high.size(); ++i) {
        CHECK(std::abs(means.high[i] - high[i]) < margin);
      }
    }
  }

  TEST_CASE("an NLL below the truth is found") {
    std::vector<double> truth, same, worse, better, slightly;
    for (int i = 0; i < 400; ++i) {
      const double chance = i % 2 ? 1 : -1;  // standard error 0.05
      truth.push_back(32 + i % 7);
      same.push_back(truth.back() + chance);
      worse.push_back(truth.back() + chance + 0.5);
      better.push_back(truth.back() + chance - 0.25);
      slightly.push_back(truth.back() + chance - 0.15);
    }
    CHECK_FALSE(compare_with_floor(same, truth).below);
    CHECK_FALSE(compare_with_floor(worse, truth).below);
    CHECK_FALSE(compare_with_floor(slightly, truth).below);
    const Floor floor = compare_with_floor(better, truth);
    CHECK(floor.below);
    CHECK(floor.excess == doctest::Approx(-0.25));
    CHECK(floor.standard_error == doctest::Approx(0.05).epsilon(0.01));
    CHECK(contains(message_of([&] { compare_with_floor(same, std::span(truth).first(2)); }),
                   "of 400 and 2"));
    worse[3] = INFINITY;
    CHECK(contains(message_of([&] { compare_with_floor(worse, truth); }), "an NLL of inf"));
  }

  TEST_CASE("measures of an untrained network are complete") {
    DrumData data = small_data(12, 6, 24);
    Config config;
    config.average = 0;
    Vae vae(config, Device::cpu);
    const Json json = measure(vae.model(), data, Device::cpu, kFew);
    CHECK(vae.model().training());
    std::vector<std::pair<std::string, double>> numbers;
    numbers_of(json, "", numbers);
    CHECK(numbers.size() > 100);
    for (const auto& [path, value] : numbers) CHECK_MESSAGE(std::isfinite(value), path);
    for (const char* path : {"/validation/negative_elbo",
                             "/test/standard_error",
                             "/test/kl_low_by_dimension/11",
                             "/importance_weighted/nll",
                             "/importance_weighted/standard_error",
                             "/z_high/collapsed_below/0.02",
                             "/z_low/collapsed_below/0.1",
                             "/z_high/active_units",
                             "/z_low/probe_accuracy",
                             "/z_high/nearest_neighbour_accuracy",
                             "/z_high/disentanglement",
                             "/z_high/silhouette",
                             "/drawn/model/validity",
                             "/drawn/model/density",
                             "/drawn/data/diversity",
                             "/drawn/data/within_style_diversity",
                             "/drawn/noise/diversity",
                             "/truth/entropy",
                             "/truth/test_nll",
                             "/truth/negative_elbo/excess"}) {
      CHECK_MESSAGE(json.contains(at(path)), path);
    }
    const auto number = [&](const char* path) { return json.at(at(path)).get<double>(); };

    // The same bound as training reports, from other draws.
    const Evaluation e = evaluate(vae.model(), to_tensor(data.test, Device::cpu), 4);
    CHECK(number("/test/negative_elbo") == doctest::Approx(e.negative_elbo()).epsilon(1e-3));
    CHECK(number("/test/kl_high") == doctest::Approx(e.high()).epsilon(1e-2));
    CHECK(number("/test/kl_low") == doctest::Approx(e.low()).epsilon(1e-2));
    // Every cell of an untrained network is nearly a fair coin.
    CHECK(number("/importance_weighted/nll") ==
          doctest::Approx(kCells * std::log(2)).epsilon(0.02));
    CHECK(number("/drawn/model/density") == doctest::Approx(0.5).epsilon(0.05));
    CHECK(number("/drawn/model/diversity") == doctest::Approx(0.5).epsilon(0.02));
    CHECK(number("/drawn/model/hundreds") == 3);
    const double p = number("/drawn/data/density");
    CHECK(number("/drawn/noise/diversity") == doctest::Approx(2 * p * (1 - p)).epsilon(0.05));
    CHECK(number("/drawn/data/diversity") == doctest::Approx(0.149).epsilon(0.08));
    CHECK(number("/drawn/data/within_style_diversity") == doctest::Approx(0.105).epsilon(0.15));
    CHECK(number("/drawn/data/style_shares/latin") == doctest::Approx(0.2));
    CHECK(json.at("below_floor") == false);
    CHECK(number("/truth/negative_elbo/excess") ==
          doctest::Approx(number("/test/negative_elbo") - number("/truth/test_nll")));

    // The same measures again, to the bit; without the exact density all but the truth.
    CHECK(measure(vae.model(), data, Device::cpu, kFew) == json);
    data.exact_density = false;
    const Json without = measure(vae.model(), data, Device::cpu, kFew);
    CHECK_FALSE(without.contains("truth"));
    CHECK(without.at("below_floor") == false);
    CHECK(without.at(at("/drawn/styles_by")) == "linear probe of z_high");
    CHECK(without.at("test") == json.at("test"));

    // Patterns that the generator hardly ever draws: 100 nats are impossibly few.
    data.exact_density = true;
    for (Pattern& pattern : data.test.hits) pattern.fill(1);
    data.test.hits[0][0] = 0;
    const Json fabricated = measure(vae.model(), data, Device::cpu, kFew);
    CHECK(fabricated.at("below_floor") == true);
    CHECK(fabricated.at(at("/truth/negative_elbo/below_floor")) == true);
    CHECK(fabricated.at(at("/truth/importance_weighted/below_floor")) == true);
  }

  TEST_CASE("the reports' rule of style transfer on hand-made cases") {
    Pattern source{};
    for (const int step : {0, 3, 6, 10, 12}) source[cell(step, kick)] = 1;
    for (int step = 0; step < kSteps; step += 4) source[cell(step, hihat_closed)] = 1;
    const auto rates = [&](const Pattern& result, int seen) {
      return report_rates({&source, 1}, {&result, 1}, {&seen, 1}, 2);
    };
    CHECK(rates(source, 2).success == 1);
    CHECK(rates(source, 1).style == 0);
    CHECK(rates(source, 1).rhythm == 1);
    CHECK(rates(source, 1).success == 0);
    // 4 of 5 kicks pass, 3 of 5 do not.
    CHECK(rates(with_changed(source, {cell(3, kick)}), 2).kick == 1);
    CHECK(rates(with_changed(source, {cell(3, kick), cell(6, kick)}), 2).kick == 0);
    // Other instruments at the same times.
    Pattern other = source;
    for (int step = 0; step < kSteps; step += 4) {
      std::swap(other[cell(step, hihat_closed)], other[cell(step, ride)]);
    }
    CHECK(rates(other, 2).success == 1);
    // The same kicks with another course of hits.
    for (int step = 1; step < kSteps; step += 2) other[cell(step, tom_low)] = 1;
    CHECK(rates(other, 2).kick == 1);
    CHECK(rates(other, 2).energy == 0);
    CHECK(rates(other, 2).rhythm == 0);
    CHECK(rates(other, 2).style == 1);
    CHECK(rates(other, 2).success == 0);
    const std::vector<Pattern> results{source, other, source}, sources(3, source);
    const ReportRates shares = report_rates(sources, results, std::vector<int>{2, 2, 0}, 2);
    CHECK(shares.rhythm == doctest::Approx(2 / 3.0));
    CHECK(shares.success == doctest::Approx(1 / 3.0));
    CHECK(contains(message_of([&] { report_rates(sources, results, std::vector<int>{2}, 2); }),
                   "of 3 sources, 3 results and 1 styles"));
  }

  TEST_CASE("the oracle of style transfer on hand-made cases") {
    const int rock = style_number("rock"), jazz = style_number("jazz");
    const int a = cell(3, hihat_open), b = cell(5, tom_high), c = cell(4, snare);  // c: hit in both
    const int differs = cell(3, ride);                                             // jazz's alone
    const std::vector<Pattern> sources{with_changed(template_of(rock), {a, c, differs}),
                                       with_changed(template_of(rock), {b})};
    // Of the deviations a, c, b the results keep a and c; a, too, is in the other result.
    const std::vector<Pattern> results{with_changed(template_of(jazz), {a, c, differs}),
                                       with_changed(template_of(jazz), {a})};
    const OracleRates rates = oracle_rates(sources, rock, results, jazz);
    CHECK(rates.style == 1);
    CHECK(rates.deviations_kept == doctest::Approx(2 / 3.0));
    CHECK(rates.deviations_kept_by_chance == doctest::Approx(1 / 3.0));

    const OracleRates copies = oracle_rates(sources, rock, sources, jazz);
    CHECK(copies.style == 0);
    CHECK(copies.deviations_kept == 1);
    CHECK(copies.deviations_kept_by_chance == 0);
    const std::vector<Pattern> empty(2), bare(2, template_of(jazz));
    CHECK(oracle_rates(sources, rock, empty, jazz).style == 0);
    CHECK(oracle_rates(sources, rock, bare, jazz).deviations_kept == 0);
    CHECK(oracle_rates(bare, jazz, bare, rock).deviations_kept == 0);
    CHECK(contains(message_of([&] { oracle_rates(sources, rock, std::span(bare).first(1), jazz); }),
                   "not of 2 and 1"));
  }

  TEST_CASE("the true density passes the oracle and keeps deviations by chance alone") {
    Generator generator(21, 22);
    for (int source = 0; source < kStyles; ++source) {
      for (int target = 0; target < kStyles; ++target) {
        if (source == target) continue;
        CAPTURE(source);
        CAPTURE(target);
        std::vector<Pattern> sources, results;
        for (int i = 0; i < 100; ++i) {
          sources.push_back(draw_pattern(source, generator));
          results.push_back(draw_pattern(target, generator));
        }
        const OracleRates rates = oracle_rates(sources, source, results, target);
        CHECK(rates.style >= 0.95);
        CHECK(rates.deviations_kept < 0.2);
        CHECK(std::abs(rates.deviations_kept - rates.deviations_kept_by_chance) < 0.06);
      }
    }
  }

  TEST_CASE("style transfer with a network that has learned it") {
    DrumData data = small_data(8, 4, 8);
    for (Patterns* part : {&data.train, &data.validation, &data.test}) *part = clean(*part);
    Generator noise(1, 1), weights(2, 2);
    Config config;
    config.dropout = config.input_noise = 0;
    DrumVae model(config, noise, {.generator = weights});
    teach_styles(model, data.train, noise);
    const Json json = style_transfer(model, data, Device::cpu, 8);
    for (const char* way : {"pattern", "style_mean"}) {
      const Json& overall = json.at(way).at("overall");
      CHECK(overall.at("style").get<double>() > 0.9);
      CHECK(overall.at("oracle_style").get<double>() > 0.9);
      // Every deviation is a hit in kCarried, which half the patterns have.
      CHECK(overall.at("deviations_kept").get<double>() > 0.9);
      CHECK(overall.at("deviations_kept_by_chance").get<double>() < 0.7);
      CHECK(overall.at("success").get<double>() < 0.2);
    }
    // Patterns of one style differ in nothing but that hit.
    CHECK(json.at(at("/real_same_style_pairs/kick")) == 1);
  }

  TEST_CASE("style transfer of an untrained network is complete") {
    DrumData data = small_data(4, 3, 8);
    Vae vae(Config{}, Device::cpu);
    const Json json = style_transfer(vae.model(), data, Device::cpu, 5);
    for (const char* way : {"pattern", "style_mean"}) {
      const Json& pairs = json.at(way).at("pairs");
      REQUIRE(pairs.size() == kStyles * (kStyles - 1));
      double style = 0;
      for (const Json& pair : pairs) {
        CHECK(pair.at("source") != pair.at("target"));
        CHECK(pair.at("patterns") == 5);
        style += pair.at("style").get<double>() / 20;
      }
      const Json& overall = json.at(way).at("overall");
      for (const char* key : {"style", "kick", "energy", "rhythm", "success", "oracle_style",
                              "deviations_kept", "deviations_kept_by_chance"}) {
        const double rate = overall.at(key).get<double>();
        CHECK(rate >= 0);
        CHECK(rate <= 1);
        CHECK(pairs[7].contains(key));
      }
      CHECK(overall.at("style").get<double>() == doctest::Approx(style));
    }
    CHECK(json.at(at("/real_same_style_pairs/pairs")) == kStyles * 4);
    CHECK(json == style_transfer(vae.model(), data, Device::cpu, 5));

    data.exact_density = false;
    const Json without = style_transfer(vae.model(), data, Device::cpu, 5);
    CHECK_FALSE(without.at(at("/pattern/overall")).contains("oracle_style"));
    CHECK(without.at(at("/pattern/overall/style")) == json.at(at("/pattern/overall/style")));
    for (int& style : data.test.styles) style = std::min(style, 3);
    CHECK(contains(message_of([&] { style_transfer(vae.model(), data, Device::cpu, 5); }),
                   "of latin there are 0 test and 4 training patterns"));
  }
}

}  // namespace
}  // namespace etude::drum_vae
