#include "models/drum_vae/run_result.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "eval/metrics.h"
#include "models/drum_vae/patterns.h"
#include "models/report_parts.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

/// A number that is read from a run's file. Keys that begin with '?' apply to data of known density
/// only.
struct Source {
  const char* key;
  const char* file;
  const char* pointer;
};
constexpr Source kSources[] = {
    {"negative_elbo", "metrics.json", "/test/negative_elbo"},
    {"reconstruction", "metrics.json", "/test/reconstruction"},
    {"kl_high", "metrics.json", "/test/kl_high"},
    {"kl_low", "metrics.json", "/test/kl_low"},
    {"importance_weighted_nll", "metrics.json", "/importance_weighted/nll"},
    {"importance_samples", "metrics.json", "/importance_weighted/samples"},
    {"importance_patterns", "metrics.json", "/importance_weighted/test_patterns"},
    {"collapsed_high", "metrics.json", "/z_high/collapsed_below/0.02"},
    {"active_high", "metrics.json", "/z_high/active_units"},
    {"active_low", "metrics.json", "/z_low/active_units"},
    {"probe_high", "metrics.json", "/z_high/probe_accuracy"},
    {"probe_low", "metrics.json", "/z_low/probe_accuracy"},
    {"disentanglement", "metrics.json", "/z_high/disentanglement"},
    {"diversity", "metrics.json", "/drawn/model/diversity"},
    {"within_style_diversity", "metrics.json", "/drawn/model/within_style_diversity"},
    {"validity", "metrics.json", "/drawn/model/validity"},
    {"density", "metrics.json", "/drawn/model/density"},
    {"data_diversity", "metrics.json", "/drawn/data/diversity"},
    {"data_within_style_diversity", "metrics.json", "/drawn/data/within_style_diversity"},
    {"data_validity", "metrics.json", "/drawn/data/validity"},
    {"data_density", "metrics.json", "/drawn/data/density"},
    {"noise_diversity", "metrics.json", "/drawn/noise/diversity"},
    {"noise_validity", "metrics.json", "/drawn/noise/validity"},
    {"noise_density", "metrics.json", "/drawn/noise/density"},
    {"train_patterns", "metrics.json", "/patterns/train"},
    {"validation_patterns", "metrics.json", "/patterns/validation"},
    {"test_patterns", "metrics.json", "/patterns/test"},
    {"?entropy", "metrics.json", "/truth/entropy"},
    {"?true_nll", "metrics.json", "/truth/test_nll"},
    {"?no_latent_nll", "metrics.json", "/truth/no_latent_nll"},
    {"?importance_excess", "metrics.json", "/truth/importance_weighted/excess"},
    {"transfer_success", "style_transfer.json", "/pattern/overall/success"},
    {"?transfer_oracle", "style_transfer.json", "/pattern/overall/oracle_style"},
    {"real_kick", "style_transfer.json", "/real_same_style_pairs/kick"},
    {"real_energy", "style_transfer.json", "/real_same_style_pairs/energy"},
    {"real_rhythm", "style_transfer.json", "/real_same_style_pairs/rhythm"},
    {"real_pairs", "style_transfer.json", "/real_same_style_pairs/pairs"},
    {"train_seconds", "result.json", "/train_seconds"},
};

TransferRates read_transfer(const Json& json) {
  TransferRates rates;
  for (const auto& [name, share] : json.at("overall").items()) rates.overall[name] = share;
  for (const Json& pair : json.at("pairs")) {
    const int source = style_number(pair.at("source")), target = style_number(pair.at("target"));
    for (const auto& [name, overall] : rates.overall) {
      auto& map = rates.by_pair.try_emplace(name, kStyles * kStyles, NAN).first->second;
      map[source * kStyles + target] = pair.at(name);
    }
  }
  return rates;
}

std::vector<Progress> read_progress(const fs::path& log) {
  std::vector<Progress> progress;
  for (const Json& entry : JsonLog::read(log)) {
    if (!entry.contains("epoch")) continue;  // a step
    progress.push_back({entry.at("epoch"), entry.at("negative_elbo"), entry.at("reconstruction"),
                        entry.at("kl_high"), entry.at("kl_low")});
  }
  return progress;
}

void read_numbers(const Json& json, const std::string& file, std::map<std::string, double>& to) {
  for (const Source& source : kSources) {
    if (source.file != file) continue;
    const Json::json_pointer pointer(source.pointer);
    const bool optional = source.key[0] == '?';
    if (optional && !json.contains(pointer)) continue;
    to[source.key + (optional ? 1 : 0)] = number_or_nan(json.at(pointer));
  }
}

}  // namespace

double RunResult::value(const std::string& key) const {
  const auto found = values.find(key);
  return found == values.end() ? NAN : found->second;
}

RunResult read_run(const fs::path& folder, const std::string& name) {
  RunResult run;
  run.name = name;
  const auto read = [&](const std::string& file, const std::function<void(const Json&)>& more) {
    const fs::path path = folder / name / file;
    const Json json = read_json(path);
    blame(path, [&] {
      read_numbers(json, file, run.values);
      more(json);
    });
  };
  read("result.json", [&](const Json& json) {
    run.strategy = json.at("strategy");
    run.epochs = json.at("epochs");
    run.beta = json.at("beta");
    run.prior = json.at("prior");
    run.high_from = json.at("high_from");
    run.free_bits = json.at("free_bits");
  });
  read("metrics.json", [&](const Json& json) {
    run.values["diversity_ratio"] = run.value("diversity") / run.value("data_diversity");
    run.values["below_floor"] = json.at("below_floor").get<bool>();
  });
  read("posterior_collapse.json", [&](const Json& json) {
    run.kl_high = json.at("kl_high_by_dimension").get<std::vector<double>>();
    run.kl_low = json.at("kl_low_by_dimension").get<std::vector<double>>();
  });
  read("style_transfer.json", [&](const Json& json) {
    run.pattern = read_transfer(json.at("pattern"));
    run.style_mean = read_transfer(json.at("style_mean"));
  });
  const fs::path log = folder / name / "log.jsonl";
  blame(log, [&] { run.progress = read_progress(log); });
  return run;
}

const Strategy& main_strategy(const std::vector<Strategy>& strategies) {
  require(!strategies.empty(), "drum_vae: no runs to compare");
  const auto best = std::ranges::find(strategies, "best", &Strategy::first);
  return best == strategies.end() ? strategies[0] : *best;
}

std::vector<double> values_of(const Strategy& strategy, const std::string& key) {
  std::vector<double> values;
  for (const RunResult* run : strategy.second) values.push_back(run->value(key));
  return values;
}

double mean_of(const Strategy& strategy, const std::string& key) {
  std::vector<double> values = values_of(strategy, key);
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values.empty() ? NAN : mean_sd(values).mean;
}

std::vector<std::vector<double>> sorted_kl_high(const Strategy& strategy) {
  std::vector<std::vector<double>> sorted;
  for (const RunResult* run : strategy.second) {
    std::vector<double> kl = run->kl_high;
    std::sort(kl.begin(), kl.end(), std::greater());
    sorted.resize(std::max(sorted.size(), kl.size()));
    for (std::size_t d = 0; d < kl.size(); ++d) sorted[d].push_back(kl[d]);
  }
  return sorted;
}

}  // namespace etude::drum_vae
