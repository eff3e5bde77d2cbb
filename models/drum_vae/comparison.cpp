#include "models/drum_vae/comparison.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "eval/latent.h"
#include "eval/metrics.h"
#include "eval/text.h"
#include "models/report_parts.h"

namespace etude::drum_vae {
namespace {

/// One column of the tables.
struct Measure {
  const char* title;
  const char* key;
  int decimals;
  double unit = 1;  // 100: a share, shown in percent
};
using Measures = std::span<const Measure>;
constexpr Measure kLikelihood[] = {
    {"−ELBO", "negative_elbo", 2},
    {"reconstruction", "reconstruction", 2},
    {"KL high", "kl_high", 2},
    {"KL low", "kl_low", 2},
    {"IW-NLL", "importance_weighted_nll", 2},
    {"seconds", "train_seconds", 0},
};
constexpr Measure kLatents[] = {
    {"collapsed", "collapsed_high", 0},   {"active high", "active_high", 0},
    {"active low", "active_low", 0},      {"probe high %", "probe_high", 1, 100},
    {"probe low %", "probe_low", 1, 100}, {"disentanglement", "disentanglement", 3},
};
constexpr Measure kDrawn[] = {
    {"diversity", "diversity", 3},
    {"diversity / data's", "diversity_ratio", 3},
    {"validity", "validity", 3},
    {"transfer %", "transfer_success", 1, 100},
    {"oracle transfer %", "transfer_oracle", 1, 100},
};

/// A row that is not ours: numbers by the key of their measure.
struct Known {
  std::string row;
  const char* source;
  std::vector<std::pair<const char*, double>> numbers;
};

/// Report 000 gives KL by dimension of z_high for its cyclical run only.
constexpr double kReport000Kl[] = {0.475, 0.472, 0.469, 0.463};

/// What the reports and public solutions give, all on the synthetic patterns. Of report 000 the
/// numbers are those of cyclical beta; report 001 does not say what its disentanglement is.
const std::vector<Known> kPublished = {
    {"best public, z_high dead", "reference", {{"negative_elbo", 33.38}, {"kl_high", 0}}},
    {"best public, z_high alive", "reference", {{"negative_elbo", 37.6}}},
    {"report 000, cyclical",
     "reference",
     {{"collapsed_high", 0}, {"diversity", 0.051}, {"validity", 0.996}, {"transfer_success", 0}}},
    {"report 001", "reference", {{"disentanglement", 0.056}}},
};

/// The rows above ours. What is true of the data stands in every run alike.
std::vector<Known> known_rows(const RunResult& run) {
  std::vector<Known> rows;
  Known test{"test patterns", "truth", {}};
  if (run.exact_density()) {
    rows.push_back({"entropy of the density", "truth", {{"negative_elbo", run.value("entropy")}}});
    test = {"true density, test patterns", "truth", {{"negative_elbo", run.value("true_nll")}}};
    test.numbers.emplace_back("importance_weighted_nll", run.value("importance_weighted_nll") -
                                                             run.value("importance_excess"));
  }
  test.numbers.insert(test.numbers.end(), {{"diversity", run.value("data_diversity")},
                                           {"diversity_ratio", 1.0},
                                           {"validity", run.value("data_validity")}});
  rows.push_back(test);
  if (!run.exact_density()) return rows;
  rows.push_back(
      {"best without latents", "truth", {{"negative_elbo", run.value("no_latent_nll")}}});
  rows.insert(rows.end(), kPublished.begin(), kPublished.end());
  return rows;
}

std::vector<double> scaled(std::vector<double> values, double unit) {
  for (double& value : values) value *= unit;
  return values;
}

std::string percent(double share) { return number(100 * share, 1); }

/// Measures that no run has are left out, and so are rows without numbers.
Table make_table(const std::vector<Strategy>& strategies, Measures measures) {
  std::vector<Measure> shown;
  for (const Measure& m : measures) {
    const auto has = [&](const Strategy& s) { return !std::isnan(mean_of(s, m.key)); };
    if (std::ranges::any_of(strategies, has)) shown.push_back(m);
  }
  Table table;
  table.columns = {"run"};
  for (const Measure& m : shown) table.columns.emplace_back(m.title);
  for (const Known& known : known_rows(*strategies[0].second[0])) {
    std::vector<std::string> row{known.row};
    for (const Measure& m : shown) {
      const auto found = std::ranges::find_if(
          known.numbers, [&](const auto& number) { return std::string(number.first) == m.key; });
      row.push_back(found == known.numbers.end() ? "" : number(m.unit * found->second, m.decimals));
    }
    if (std::ranges::count(row, "") + 1 < std::ssize(row)) table.rows.push_back(row);
  }
  for (const Strategy& s : strategies) {
    std::vector<std::string> row{"ours, " + s.first};
    for (const Measure& m : shown) {
      row.push_back(mean_and_sd(scaled(values_of(s, m.key), m.unit), m.decimals));
    }
    table.rows.push_back(row);
  }
  return table;
}

/// `rates`: titles and TransferRates' names.
Table transfer_table(const std::vector<Strategy>& strategies,
                     std::span<const std::pair<const char*, const char*>> rates) {
  Table table;
  table.columns = {"run", "z_high"};
  for (const auto& [title, name] : rates) table.columns.emplace_back(title);
  for (const Strategy& s : strategies) {
    for (const auto& [way, numbers] : {std::pair("of a pattern", &RunResult::pattern),
                                       std::pair("style's mean", &RunResult::style_mean)}) {
      std::vector<std::string> row{"ours, " + s.first, way};
      for (const auto& [title, name] : rates) {
        std::vector<double> shares;
        for (const RunResult* run : s.second) {
          shares.push_back(100 * (run->*numbers).overall.at(name));
        }
        row.push_back(mean_and_sd(shares, 1));
      }
      table.rows.push_back(row);
    }
  }
  return table;
}

}  // namespace

Json comparison_json(const std::vector<Strategy>& strategies) {
  Json rows = Json::array();
  for (const Known& known : known_rows(*strategies[0].second[0])) {
    Json row{{"row", known.row}, {"source", known.source}};
    for (const auto& [key, value] : known.numbers) row[key] = value;
    rows.push_back(row);
  }
  for (const Strategy& s : strategies) {
    Json row{{"row", "ours, " + s.first},
             {"source", "ours"},
             {"strategy", s.first},
             {"seeds", s.second.size()},
             {"epochs", s.second[0]->epochs}};
    for (const Measures measures : {Measures(kLikelihood), Measures(kLatents), Measures(kDrawn)}) {
      for (const Measure& m : measures) add_mean(row, m.key, values_of(s, m.key));
    }
    rows.push_back(row);
  }
  return rows;
}

Table likelihood_table(const std::vector<Strategy>& strategies) {
  return make_table(strategies, kLikelihood);
}

Table latent_table(const std::vector<Strategy>& strategies) {
  return make_table(strategies, kLatents);
}

Table pattern_table(const std::vector<Strategy>& strategies) {
  return make_table(strategies, kDrawn);
}

Table settings_table(const std::vector<Strategy>& strategies) {
  Table table;
  table.columns = {"strategy",       "beta",   "free bits", "z_high from",
                   "prior of z_low", "epochs", "seeds"};
  for (const auto& [name, runs] : strategies) {
    table.rows.push_back({name, runs[0]->beta, format_number(runs[0]->free_bits),
                          runs[0]->high_from, runs[0]->prior, std::to_string(runs[0]->epochs),
                          std::to_string(runs.size())});
  }
  return table;
}

Table collapse_table(const std::vector<Strategy>& strategies) {
  Table table;
  table.columns = {"run",        "KL, greatest", "second",    "third",           "least",
                   "below 0.01", "below 0.02",   "below 0.1", "z_low below 0.02"};
  if (strategies[0].second[0]->exact_density()) {
    std::vector<std::string> row{"report 000, cyclical"};
    for (const double kl : kReport000Kl) row.push_back(number(kl, 3));
    row.insert(row.end(), {"0", "0", "0", "0"});
    table.rows.push_back(row);
  }
  for (const Strategy& s : strategies) {
    std::vector<std::string> row{"ours, " + s.first};
    for (const std::vector<double>& kl : sorted_kl_high(s)) {
      row.push_back(number(mean_sd(kl).mean, 3));
    }
    const auto collapsed = [&](std::vector<double> RunResult::*kl, double threshold) {
      std::vector<double> counts;
      for (const RunResult* run : s.second) {
        counts.push_back(collapsed_dimensions(run->*kl, threshold));
      }
      row.push_back(mean_and_sd(counts, 0));
    };
    for (const double threshold : {0.01, 0.02, 0.1}) collapsed(&RunResult::kl_high, threshold);
    collapsed(&RunResult::kl_low, 0.02);
    table.rows.push_back(row);
  }
  return table;
}

Table rule_table(const std::vector<Strategy>& strategies) {
  constexpr std::pair<const char*, const char*> kRates[] = {{"style %", "style"},
                                                            {"kick %", "kick"},
                                                            {"energy %", "energy"},
                                                            {"rhythm %", "rhythm"},
                                                            {"success %", "success"}};
  Table table = transfer_table(strategies, kRates);
  const RunResult& any = *strategies[0].second[0];
  std::vector<std::vector<std::string>> known;
  if (strategies[0].second[0]->exact_density()) {
    known = {{"report 000, constant", "", "0", "", "", "0", "0"},
             {"report 000, cyclical", "", "0", "", "", "20", "0"},
             {"report 000, linear", "", "0", "", "", "20", "0"}};
  }
  known.push_back({"real pairs of one style", "", "", percent(any.value("real_kick")),
                   percent(any.value("real_energy")), percent(any.value("real_rhythm")), ""});
  table.rows.insert(table.rows.begin(), known.begin(), known.end());
  return table;
}

Table oracle_table(const std::vector<Strategy>& strategies) {
  constexpr std::pair<const char*, const char*> kRates[] = {
      {"target style %", "oracle_style"},
      {"deviations kept %", "deviations_kept"},
      {"by chance %", "deviations_kept_by_chance"}};
  return transfer_table(strategies, kRates);
}

Table drawn_table(const std::vector<Strategy>& strategies) {
  constexpr const char* kNames[] = {"density", "validity", "diversity", "within_style_diversity"};
  Table table;
  table.columns = {"patterns", "density", "validity", "diversity", "within a style"};
  for (const auto& [row_name, prefix] :
       {std::pair("test patterns", "data_"), std::pair("noise of their density", "noise_")}) {
    std::vector<std::string> row{row_name};
    for (const char* name : kNames) {
      row.push_back(number(strategies[0].second[0]->value(std::string(prefix) + name), 4));
    }
    table.rows.push_back(row);
  }
  for (const Strategy& s : strategies) {
    std::vector<std::string> row{"ours, " + s.first};
    for (const char* name : kNames) row.push_back(mean_and_sd(values_of(s, name), 4));
    table.rows.push_back(row);
  }
  return table;
}

}  // namespace etude::drum_vae
