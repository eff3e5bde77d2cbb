#include "models/drum_vae/measure.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/run/console.h"
#include "eval/drum_patterns.h"
#include "eval/latent.h"
#include "eval/metrics.h"
#include "eval/probe.h"
#include "models/drum_vae/decode.h"
#include "models/drum_vae/synthetic.h"
#include "models/drum_vae/train.h"

namespace etude::drum_vae {
namespace {

constexpr std::uint64_t kSeed = 31;  // the same draws for every model
enum : std::uint64_t { kElbo = 1, kImportance, kMeans, kDrawn, kNoiseCells, kChoice };
constexpr std::int64_t kChunk = 500;  // rows that pass the network together
constexpr int kMeanDraws = 16;

/// f(begin, rows of x from there) for all rows, `step` at a time.
template <class F>
void in_chunks(const Tensor& x, std::int64_t step, F f) {
  for (std::int64_t begin = 0; begin < x.dim(0); begin += step) {
    leave_if_stopped();
    f(begin, slice(x, 0, begin, std::min(x.dim(0), begin + step)));
  }
}

/// -ln p(x | z) of each pattern: [B].
Tensor reconstruction(DrumVae& model, const Tensor& x, const Encoding& e) {
  const Tensor logits = model.decode(e.z_low, e.z_high);
  return sum(softplus(logits) - x * logits, {1, 2});
}

/// ln p(x, z) - ln q(z | x) of each row: [B].
Tensor log_weight(DrumVae& model, const Tensor& x, const Encoding& e) {
  const Normal prior_high = DrumVae::standard(x.dim(0), kHigh, x.device());
  const Tensor prior =
      log_density(model.prior_low(e.z_high), e.z_low) + log_density(prior_high, e.z_high);
  const Tensor posterior = log_density(e.low, e.z_low) + log_density(e.high, e.z_high);
  return prior - posterior - reconstruction(model, x, e);
}

double log_mean_exp(std::span<const float> values) {
  const double top = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += std::exp(value - top);
  return top + std::log(sum / static_cast<double>(values.size()));
}

struct Bound {
  Evaluation mean;
  std::vector<double> negative_elbo;  // of each pattern
};

Bound measure_bound(DrumVae& model, const Tensor& x, int draws) {
  Generator noise(kSeed, kElbo);
  Bound b{.mean = {.kl_low = std::vector<double>(kLow), .kl_high = std::vector<double>(kHigh)},
          .negative_elbo = std::vector<double>(x.dim(0))};
  in_chunks(x, kChunk, [&](std::int64_t begin, const Tensor& rows) {
    const auto add = [&](const Tensor& values, double* total, std::int64_t dims) {
      const auto v = values.to_vector<float>();
      for (std::size_t i = 0; i < v.size(); ++i) {
        total[i % dims] += v[i] / (static_cast<double>(draws) * static_cast<double>(x.dim(0)));
        b.negative_elbo[begin + i / dims] += v[i] / static_cast<double>(draws);
      }
    };
    const Normal prior_high = DrumVae::standard(rows.dim(0), kHigh, x.device());
    for (int i = 0; i < draws; ++i) {
      const Encoding e = model.encode(rows, noise);
      add(reconstruction(model, rows, e), &b.mean.reconstruction, 1);
      add(kl_divergence(e.low, model.prior_low(e.z_high)), b.mean.kl_low.data(), kLow);
      add(kl_divergence(e.high, prior_high), b.mean.kl_high.data(), kHigh);
    }
  });
  return b;
}

double standard_error(std::span<const double> values) {
  return mean_sd(values).sd / std::sqrt(static_cast<double>(values.size()));
}

Json to_json(const Bound& b) {
  Json json = b.mean.to_json();
  json["standard_error"] = standard_error(b.negative_elbo);
  return json;
}

/// At most `limit` of `count` rows, in random order.
std::vector<std::int64_t> choose(std::int64_t count, std::int64_t limit) {
  std::vector<std::int64_t> rows = Generator(kSeed, kChoice).permutation(count);
  rows.resize(std::min(count, limit));
  return rows;
}

Patterns choose(const Patterns& from, std::int64_t limit) {
  Patterns chosen;
  for (const std::int64_t i : choose(from.size(), limit)) {
    chosen.hits.push_back(from.hits[i]);
    chosen.styles.push_back(from.styles[i]);
  }
  return chosen;
}

/// O(N^2), so of a random choice of the points.
double silhouette_of_some(const std::vector<float>& points, int dim, const std::vector<int>& styles,
                          int limit) {
  std::vector<float> chosen;
  std::vector<int> labels;
  for (const std::int64_t i : choose(static_cast<std::int64_t>(styles.size()), limit)) {
    chosen.insert(chosen.end(), &points[i * dim], &points[i * dim] + dim);
    labels.push_back(styles[i]);
  }
  return silhouette(chosen, dim, labels);
}

/// One level of the latents: posterior means of the training and test patterns, `dim` numbers each,
/// and KL by dimension.
Json measure_level(const std::vector<float>& train, const std::vector<float>& test, int dim,
                   const std::vector<double>& kl, const DrumData& data, int silhouette_points) {
  Json collapsed;
  for (const char* threshold : {"0.01", "0.02", "0.1"}) {
    collapsed[threshold] = collapsed_dimensions(kl, std::stod(threshold));
  }
  const std::vector<int>&train_styles = data.train.styles, &test_styles = data.test.styles;
  return {{"kl_by_dimension", kl},
          {"collapsed_below", collapsed},
          {"active_units", active_units(test, dim)},
          {"probe_accuracy", probe_accuracy(train, train_styles, test, test_styles, dim, kStyles)},
          {"nearest_neighbour_accuracy",
           nearest_neighbour_accuracy(train, train_styles, test, test_styles, dim)},
          {"disentanglement", disentanglement(test, dim, test_styles)},
          {"silhouette", silhouette_of_some(test, dim, test_styles, silhouette_points)}};
}

/// The cells of patterns one after the other.
std::vector<std::uint8_t> cells_of(std::span<const Pattern> patterns) {
  std::vector<std::uint8_t> cells;
  for (const Pattern& pattern : patterns) cells.insert(cells.end(), pattern.begin(), pattern.end());
  return cells;
}

/// Of each disjoint hundred of the patterns; of all of them where they are fewer.
std::vector<double> diversities(std::span<const Pattern> patterns) {
  std::vector<double> all;
  for (std::size_t begin = 0; begin == 0 || begin + 100 <= patterns.size(); begin += 100) {
    const std::size_t count = std::min<std::size_t>(100, patterns.size() - begin);
    all.push_back(pattern_diversity(cells_of(patterns.subspan(begin, count))));
  }
  return all;
}

/// styles: one of each pattern, -1 for none; or empty.
Json measure_patterns(const Patterns& patterns) {
  const std::vector<std::uint8_t> cells = cells_of(patterns.hits);
  const std::vector<double> overall = diversities(patterns.hits);
  const MeanSd diversity = mean_sd(overall);
  Json json{{"patterns", patterns.size()},
            {"density", pattern_density(cells)},
            {"validity", pattern_validity(cells)},
            {"diversity", diversity.mean},
            {"hundreds", overall.size()},
            {"hundreds_sd", overall.size() > 1 ? diversity.sd : 0}};
  if (patterns.styles.empty()) return json;
  Json shares, within;
  std::vector<double> by_style;
  for (int style = 0; style < kStyles; ++style) {
    std::vector<Pattern> members;
    for (std::int64_t i = 0; i < patterns.size(); ++i) {
      if (patterns.styles[i] == style) members.push_back(patterns.hits[i]);
    }
    shares[kStyleNames[style]] =
        static_cast<double>(members.size()) / static_cast<double>(patterns.size());
    if (members.size() < 2) continue;
    by_style.push_back(mean_sd(diversities(members)).mean);
    within[kStyleNames[style]] = by_style.back();
  }
  json["style_shares"] = shares;
  json["within_style_diversity"] = by_style.empty() ? 0 : mean_sd(by_style).mean;
  json["within_style_diversity_by_style"] = within;
  return json;
}

/// The number of the most probable style; -1 for a pattern that no style can draw.
int style_by_posterior(const Pattern& pattern) {
  if (std::count(pattern.begin(), pattern.end(), 1) == 0) return -1;
  const auto p = style_posterior(pattern);
  return static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin());
}

/// Patterns of the model with their styles; probe: of z_high, asked where the density is unknown.
Patterns draw_from_prior(DrumVae& model, int count, const LinearProbe* probe, Device device) {
  Generator noise(kSeed, kDrawn);
  Patterns drawn;
  const Normal prior_high = DrumVae::standard(count, kHigh, device);
  in_chunks(draw(prior_high, noise), kChunk, [&](std::int64_t, const Tensor& z_high) {
    const Tensor z_low = draw(model.prior_low(z_high), noise);
    const std::vector<Pattern> patterns =
        to_patterns(model.decode(z_low, z_high), {.temperature = 1}, &noise);
    drawn.hits.insert(drawn.hits.end(), patterns.begin(), patterns.end());
    if (!probe) return;
    const std::vector<int> styles = probe->predict(z_high.to_vector<float>());
    drawn.styles.insert(drawn.styles.end(), styles.begin(), styles.end());
  });
  if (!probe) {
    for (const Pattern& pattern : drawn.hits) drawn.styles.push_back(style_by_posterior(pattern));
  }
  return drawn;
}

Patterns draw_noise(int count, double density) {
  Generator generator(kSeed, kNoiseCells);
  const auto u = uniform(generator, {count, kCells}).to_vector<float>();
  Patterns drawn;
  drawn.hits.resize(count);
  for (std::size_t i = 0; i < u.size(); ++i) drawn.hits[i / kCells][i % kCells] = u[i] < density;
  return drawn;
}

Json measure_drawn(DrumVae& model, const DrumData& data, const std::vector<float>& train_high,
                   Device device, int count) {
  LinearProbe probe;
  if (!data.exact_density) probe = fit_probe(train_high, data.train.styles, kHigh, kStyles);
  const Patterns from_model =
      draw_from_prior(model, count, data.exact_density ? nullptr : &probe, device);
  const Patterns noise = draw_noise(count, pattern_density(cells_of(data.test.hits)));
  return {{"styles_by", data.exact_density ? "exact posterior" : "linear probe of z_high"},
          {"model", measure_patterns(from_model)},
          {"data", measure_patterns(choose(data.test, count))},
          {"noise", measure_patterns(noise)}};
}

std::vector<double> true_nll(const Patterns& patterns) {
  std::vector<double> nll;
  for (const Pattern& pattern : patterns.hits) nll.push_back(-log_likelihood(pattern));
  return nll;
}

Json to_json(const Floor& floor) {
  return {{"excess", floor.excess},
          {"standard_error", floor.standard_error},
          {"below_floor", floor.below}};
}

/// elbo: -ELBO of the test patterns; weighted: the importance-weighted NLL of the few.
Json compare_with_truth(const Patterns& test, std::span<const double> elbo, const Patterns& few,
                        std::span<const double> weighted, int samples) {
  const Truth truth = measure_truth(samples);
  const std::vector<double> nll = true_nll(test);
  return {{"entropy", truth.entropy},
          {"entropy_error", truth.entropy_error},
          {"style_information", truth.style_information},
          {"no_latent_nll", truth.no_latent_nll},
          {"test_nll", mean_sd(nll).mean},
          {"test_nll_error", standard_error(nll)},
          {"negative_elbo", to_json(compare_with_floor(elbo, nll))},
          {"importance_weighted", to_json(compare_with_floor(weighted, true_nll(few)))}};
}

}  // namespace

std::vector<double> importance_weighted_nll(DrumVae& model, const Tensor& x, int samples) {
  require(samples > 0, "importance-weighted NLL: of at least one sample, not ", samples);
  const Inference inference(model);
  Generator noise(kSeed, kImportance);
  std::vector<double> nll;
  const std::int64_t k = samples, patterns_at_once = std::max<std::int64_t>(1, 2 * kChunk / k);
  in_chunks(x, patterns_at_once, [&](std::int64_t, const Tensor& part) {
    const std::int64_t n = part.dim(0);
    const Tensor repeated =
        expand(reshape(part, {n, 1, kSteps, kInstruments}), {n, k, kSteps, kInstruments});
    const Tensor rows = reshape(repeated, {n * k, kSteps, kInstruments});
    const auto w = log_weight(model, rows, model.encode(rows, noise)).to_vector<float>();
    for (std::int64_t i = 0; i < n; ++i) {
      nll.push_back(-log_mean_exp(std::span(w).subspan(i * k, k)));
    }
  });
  return nll;
}

PosteriorMeans posterior_means(DrumVae& model, const Tensor& x) {
  const Inference inference(model);
  Generator noise(kSeed, kMeans);
  PosteriorMeans means;
  in_chunks(x, kChunk, [&](std::int64_t, const Tensor& rows) {
    Encoding e = model.encode(rows, noise);
    Tensor high = e.high.mean;
    const int draws = model.high_from_low() ? kMeanDraws : 1;
    for (int i = 1; i < draws; ++i) high = high + model.encode(rows, noise).high.mean;
    const auto low = e.low.mean.to_vector<float>();
    const auto mean_high = (high / draws).to_vector<float>();
    means.low.insert(means.low.end(), low.begin(), low.end());
    means.high.insert(means.high.end(), mean_high.begin(), mean_high.end());
  });
  return means;
}

Floor compare_with_floor(std::span<const double> nll, std::span<const double> truth) {
  require(nll.size() == truth.size() && nll.size() > 1,
          "comparison with the true density: of the same two patterns or more, not of ", nll.size(),
          " and ", truth.size());
  std::vector<double> excess;
  for (std::size_t i = 0; i < nll.size(); ++i) {
    excess.push_back(nll[i] - truth[i]);
    require(std::isfinite(excess[i]), "comparison with the true density: an NLL of ", nll[i],
            " where the truth is ", truth[i]);
  }
  const double mean = mean_sd(excess).mean, error = standard_error(excess);
  return {.excess = mean, .standard_error = error, .below = mean < -4 * error};
}

Json measure(DrumVae& model, const DrumData& data, Device device, const MeasureCounts& counts) {
  const Inference inference(model);
  const Tensor test = to_tensor(data.test, device);
  const Bound bound = measure_bound(model, test, counts.elbo_draws);
  const Bound validation =
      measure_bound(model, to_tensor(data.validation, device), counts.elbo_draws);
  const Patterns few = choose(data.test, counts.importance_patterns);
  const std::vector<double> weighted =
      importance_weighted_nll(model, to_tensor(few, device), counts.importance_samples);
  const PosteriorMeans train_means = posterior_means(model, to_tensor(data.train, device)),
                       test_means = posterior_means(model, test);
  const auto level = [&](std::vector<float> PosteriorMeans::*part, int dim,
                         const std::vector<double>& kl) {
    return measure_level(train_means.*part, test_means.*part, dim, kl, data,
                         counts.silhouette_points);
  };
  Json json{
      {"data", data.name},
      {"patterns",
       {{"train", data.train.size()},
        {"validation", data.validation.size()},
        {"test", data.test.size()}}},
      {"elbo_draws", counts.elbo_draws},
      {"silhouette_points", std::min<std::int64_t>(counts.silhouette_points, data.test.size())},
      {"validation", to_json(validation)},
      {"test", to_json(bound)},
      {"importance_weighted",
       {{"nll", mean_sd(weighted).mean},
        {"standard_error", standard_error(weighted)},
        {"samples", counts.importance_samples},
        {"test_patterns", few.size()}}},
      {"z_high", level(&PosteriorMeans::high, kHigh, bound.mean.kl_high)},
      {"z_low", level(&PosteriorMeans::low, kLow, bound.mean.kl_low)},
      {"drawn", measure_drawn(model, data, train_means.high, device, counts.drawn)},
      {"below_floor", false}};
  if (data.exact_density) {
    const Json truth =
        compare_with_truth(data.test, bound.negative_elbo, few, weighted, counts.truth_samples);
    json["below_floor"] = truth["negative_elbo"]["below_floor"].get<bool>() ||
                          truth["importance_weighted"]["below_floor"].get<bool>();
    json["truth"] = truth;
  }
  return json;
}

}  // namespace etude::drum_vae
