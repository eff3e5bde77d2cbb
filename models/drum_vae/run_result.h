#pragma once
// What the files of a run say, and runs of one strategy together.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace etude::drum_vae {

/// One evaluation on the validation patterns while training, nats.
struct Progress {
  double epoch, negative_elbo, reconstruction, kl_high, kl_low;
};

/// One way of style transfer (transfer.h): shares by their names there.
struct TransferRates {
  std::map<std::string, double> overall;
  std::map<std::string, std::vector<double>> by_pair;  // [source, target] of the styles; NaN: same
};

/// What the files of one run say.
struct RunResult {
  std::string name, strategy;
  std::int64_t epochs = 0;
  std::string beta, prior, high_from;
  double free_bits = 0;
  std::map<std::string, double> values;  // by name, see run_result.cpp; absent: does not apply
  std::vector<double> kl_high, kl_low;   // by dimension on the test patterns, nats
  TransferRates pattern, style_mean;
  std::vector<Progress> progress;

  /// NaN where it does not apply.
  double value(const std::string& key) const;
  /// Whether the density of its data is known.
  bool exact_density() const { return values.contains("entropy"); }
};

/// Error names the file and what is missing there.
RunResult read_run(const std::filesystem::path& folder, const std::string& name);

/// The runs of one strategy.
using Strategy = std::pair<std::string, std::vector<const RunResult*>>;
/// What the page is about: "best", or else the first. Error: there is none.
const Strategy& main_strategy(const std::vector<Strategy>& strategies);
std::vector<double> values_of(const Strategy& strategy, const std::string& key);
/// Over the runs, of the numbers that apply; NaN of none.
double mean_of(const Strategy& strategy, const std::string& key);
/// KL of the dimensions of z_high, greatest first, for dimensions of different runs have no common
/// order: [dimension][run].
std::vector<std::vector<double>> sorted_kl_high(const Strategy& strategy);

}  // namespace etude::drum_vae
