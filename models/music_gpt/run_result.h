#pragma once
// What the files of a run say, and runs of one variant together.

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/report_parts.h"

namespace etude::music_gpt {

/// Pieces that were measured together, real ones or those that a network wrote in one way.
struct Measured {
  std::string of;       // the song that is continued, the percentage of a milestone, or ""
  std::string setting;  // "plain"; "" of real pieces
  std::map<std::string, std::vector<double>> values;  // "h1": of each piece, NaN where unknown
  std::vector<std::string> failed;                    // what could not be measured, and why

  /// Empty if nobody measured it.
  std::vector<double> of_pieces(const std::string& measure) const;
  std::size_t pieces() const { return of_pieces("h1").size(); }
};

/// What measure_real() found.
struct Real {
  Measured whole, excerpts;
};
/// Error names the file and what is missing there.
Real read_real(const std::filesystem::path& folder);

/// What the files of one run say.
struct RunResult {
  std::string name, variant, data;
  Json result;
  double tokens = 0, notes = 0, nats_per_token = 0, nats_per_note = 0;  // of the held-out pieces
  std::vector<Measured> settings, milestones, prompts;
  Curve train_nats, held_out_per_token, held_out_per_note;

  double tokens_per_note() const { return tokens / notes; }
};
/// Error as above.
RunResult read_run(const std::filesystem::path& folder, const std::string& name);

/// The runs of one variant.
using Variant = std::pair<std::string, std::vector<const RunResult*>>;

/// What all runs of a variant measured, RunResult::settings, milestones or prompts: the pieces of
/// all seeds together, in the order of the first run.
std::vector<Measured> together(const Variant& variant, std::vector<Measured> RunResult::*part);

/// A number of each run's.
std::vector<double> of_runs(const Variant& variant, double RunResult::*number);
/// A number of each run's result.json, NaN for null.
std::vector<double> of_results(const Variant& variant, const std::string& key);

}  // namespace etude::music_gpt
