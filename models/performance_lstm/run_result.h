#pragma once
// What the files of a run say, and runs of one variant together.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "models/report_parts.h"

namespace etude::performance_lstm {

/// What the files of one run say.
struct RunResult {
  std::string name, variant, data;
  Json result, metrics;
  Curve train_bits;     // means of 20 steps
  Curve held_out_bits;  // per event

  bool one_piece() const { return result.at("pieces").get<int>() == 1; }
};

/// Error names the file and what is missing there.
RunResult read_run(const std::filesystem::path& folder, const std::string& name);

/// The runs of one variant.
using Variant = std::pair<std::string, std::vector<const RunResult*>>;

/// The values of one cell, of all pieces of all runs: `path` in metrics.settings[setting], e.g.
/// {"bins_10", "pitch", "l1"}. Empty if no run has the setting.
std::vector<double> cell(const Variant& variant, const std::string& setting,
                         const std::vector<std::string>& path);
/// A number of each run's metrics.json, NaN for null.
std::vector<double> run_values(const Variant& variant, const std::string& key);
/// Whether the runs have such a setting.
bool has_setting(const Variant& variant, const std::string& setting);

}  // namespace etude::performance_lstm
