#include "models/drum_vae/transfer.h"

#include <algorithm>
#include <array>
#include <vector>

#include "eval/drum_patterns.h"
#include "eval/latent.h"
#include "models/drum_vae/decode.h"
#include "models/drum_vae/measure.h"
#include "models/drum_vae/synthetic.h"
#include "models/drum_vae/train.h"

namespace etude::drum_vae {
namespace {

constexpr std::uint64_t kSeed = 32;  // the same choices for every model
enum : std::uint64_t { kSources = 1, kDonors, kRealPairs };

using Rates = std::vector<std::pair<const char*, double>>;
enum class HighFrom { pattern, style_mean };

/// What is the same for all pairs of styles.
struct Setting {
  DrumVae& model;
  Device device;
  bool exact_density;
  std::array<std::vector<Pattern>, kStyles> sources;
  std::array<std::vector<float>, kStyles> source_low, donor_high;  // posterior means
  std::vector<float> gallery;                                      // of z_high
  std::vector<int> gallery_styles;
};

/// Patterns of one style in random order, at most `limit`.
Patterns of_style(const Patterns& from, int style, Generator& choice, std::int64_t limit) {
  Patterns chosen;
  for (const std::int64_t i : choice.permutation(from.size())) {
    if (from.styles[i] != style || chosen.size() == limit) continue;
    chosen.hits.push_back(from.hits[i]);
    chosen.styles.push_back(style);
  }
  return chosen;
}

Setting prepare(DrumVae& model, const DrumData& data, Device device, int per_pair) {
  const auto means = [&](const Patterns& patterns) {
    return posterior_means(model, to_tensor(patterns, device));
  };
  require(data.validation.size() > 0, "style transfer: no validation patterns");
  Setting s{.model = model, .device = device, .exact_density = data.exact_density};
  s.gallery = means(data.validation).high;
  s.gallery_styles = data.validation.styles;
  Generator source_choice(kSeed, kSources), donor_choice(kSeed, kDonors);
  for (int style = 0; style < kStyles; ++style) {
    const Patterns sources = of_style(data.test, style, source_choice, per_pair);
    const Patterns donors = of_style(data.train, style, donor_choice, data.train.size());
    require(std::min(sources.size(), donors.size()) > 1, "style transfer: of ", kStyleNames[style],
            " there are ", sources.size(), " test and ", donors.size(),
            " training patterns; needs two of each");
    s.source_low[style] = means(sources).low;
    s.donor_high[style] = means(donors).high;
    s.sources[style] = sources.hits;
  }
  return s;
}

/// [count, 4]: those of a style's patterns in turn (they are in random order), or always their
/// mean.
std::vector<float> target_high(const std::vector<float>& donors, HighFrom way, std::size_t count) {
  std::vector<float> rows(count * kHigh);
  if (way == HighFrom::pattern) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = donors[i % donors.size()];
    return rows;
  }
  std::array<double, kHigh> sum{};
  for (std::size_t i = 0; i < donors.size(); ++i) sum[i % kHigh] += donors[i];
  const double number = static_cast<double>(donors.size() / kHigh);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<float>(sum[i % kHigh] / number);
  }
  return rows;
}

Patterns transfer(const Setting& s, int source, int target, HighFrom way) {
  const std::size_t count = s.sources[source].size();
  const auto rows = static_cast<std::int64_t>(count);
  const Tensor z_low = Tensor::from(s.source_low[source], {rows, kLow}, s.device);
  const Tensor z_high =
      Tensor::from(target_high(s.donor_high[target], way, count), {rows, kHigh}, s.device);
  return {.hits = to_patterns(s.model.decode(z_low, z_high)),
          .styles = std::vector<int>(count, target)};
}

Rates measure_pair(const Setting& s, int source, int target, HighFrom way) {
  const Patterns results = transfer(s, source, target, way);
  const auto high = posterior_means(s.model, to_tensor(results, s.device)).high;
  const std::vector<int> seen =
      nearest_labels(s.gallery, s.gallery_styles, high, kHigh, Distance::cosine);
  const ReportRates report = report_rates(s.sources[source], results.hits, seen, target);
  Rates rates{{"style", report.style},
              {"kick", report.kick},
              {"energy", report.energy},
              {"rhythm", report.rhythm},
              {"success", report.success}};
  if (!s.exact_density) return rates;
  const OracleRates oracle = oracle_rates(s.sources[source], source, results.hits, target);
  rates.insert(rates.end(), {{"oracle_style", oracle.style},
                             {"deviations_kept", oracle.deviations_kept},
                             {"deviations_kept_by_chance", oracle.deviations_kept_by_chance}});
  return rates;
}

Json measure_way(const Setting& s, HighFrom way) {
  Json pairs = Json::array(), overall = Json::object();
  for (int source = 0; source < kStyles; ++source) {
    for (int target = 0; target < kStyles; ++target) {
      if (source == target) continue;
      Json pair{{"source", kStyleNames[source]},
                {"target", kStyleNames[target]},
                {"patterns", s.sources[source].size()}};
      for (const auto& [name, rate] : measure_pair(s, source, target, way)) {
        pair[name] = rate;
        overall[name] = overall.value(name, 0.0) + rate / (kStyles * (kStyles - 1));
      }
      pairs.push_back(pair);
    }
  }
  return {{"overall", overall}, {"pairs", pairs}};
}

/// The conditions on the rhythm between disjoint random pairs of patterns of the same style.
Json measure_real_pairs(const Patterns& patterns) {
  constexpr std::size_t kPairs = 500;
  Generator choice(kSeed, kRealPairs);
  double kick = 0, energy = 0, rhythm = 0;
  std::size_t pairs = 0;
  for (int style = 0; style < kStyles; ++style) {
    const std::vector<Pattern> members = of_style(patterns, style, choice, 2 * kPairs).hits;
    const std::size_t half = members.size() / 2;
    const std::span all(members);
    const ReportRates r = report_rates(all.first(half), all.subspan(half, half),
                                       std::vector<int>(half, style), style);
    kick += r.kick / kStyles;
    energy += r.energy / kStyles;
    rhythm += r.rhythm / kStyles;
    pairs += half;
  }
  return {{"pairs", pairs}, {"kick", kick}, {"energy", energy}, {"rhythm", rhythm}};
}

}  // namespace

ReportRates report_rates(std::span<const Pattern> sources, std::span<const Pattern> results,
                         std::span<const int> seen, int target_style) {
  const std::size_t n = sources.size();
  require(n > 0 && results.size() == n && seen.size() == n, "rule of style transfer: of ", n,
          " sources, ", results.size(), " results and ", seen.size(), " styles");
  ReportRates r{};
  for (std::size_t i = 0; i < n; ++i) {
    const bool style = seen[i] == target_style;
    const bool kick = kick_jaccard(sources[i], results[i]) >= 0.8;
    const bool energy = step_energy_correlation(sources[i], results[i]) >= 0.9;
    r.style += style;
    r.kick += kick;
    r.energy += energy;
    r.rhythm += kick && energy;
    r.success += style && kick && energy;
  }
  for (double* rate : {&r.style, &r.kick, &r.energy, &r.rhythm, &r.success}) {
    *rate /= static_cast<double>(n);
  }
  return r;
}

OracleRates oracle_rates(std::span<const Pattern> sources, int source_style,
                         std::span<const Pattern> results, int target_style) {
  const std::size_t n = sources.size();
  require(n > 1 && results.size() == n, "oracle of style transfer: of at least two sources, each ",
          "with its result, not of ", n, " and ", results.size());
  const auto& source_p = style_template(source_style).observed;
  const auto& target_p = style_template(target_style).observed;
  double style = 0, deviations = 0, kept = 0, by_chance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // Of an empty pattern the posterior is not defined, and the comparison false.
    style += style_posterior(results[i])[target_style] > 0.5;
    for (int c = 0; c < kCells; ++c) {
      const bool hit = source_p[c] >= 0.5;
      if (hit != (target_p[c] >= 0.5) || sources[i][c] == hit) continue;
      deviations += 1;
      kept += results[i][c] != hit;
      by_chance += results[(i + 1) % n][c] != hit;
    }
  }
  if (deviations == 0) deviations = 1;  // none to keep, none kept
  return {.style = style / static_cast<double>(n),
          .deviations_kept = kept / deviations,
          .deviations_kept_by_chance = by_chance / deviations};
}

Json style_transfer(DrumVae& model, const DrumData& data, Device device, int per_pair) {
  const Inference inference(model);
  const Setting s = prepare(model, data, device, per_pair);
  return {{"sources", "random test patterns, at most " + std::to_string(per_pair) + " per pair"},
          {"threshold", 0.5},
          {"real_same_style_pairs", measure_real_pairs(data.test)},
          {"pattern", measure_way(s, HighFrom::pattern)},
          {"style_mean", measure_way(s, HighFrom::style_mean)}};
}

}  // namespace etude::drum_vae
