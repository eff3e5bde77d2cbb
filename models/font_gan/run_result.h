#pragma once
// The runs of a comparison as their folders tell them.

#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/font_gan/codes.h"
#include "models/font_gan/history.h"

namespace etude::font_gan {

struct RunResult {
  std::string name;      // of its folder
  std::string data;      // "typefaces" or "ee641"
  std::string variant;   // as Config::variant()
  std::string kind;      // what it is compared as: the variant, "ee641, VARIANT", "VARIANT (told)"
  std::string diverged;  // why there is nothing of what follows but the epochs asked for; or empty
  bool has_scores = false;  // as Config::scores()
  std::int64_t epochs = 0;
  double train_seconds = NAN;
  Scores scores;
  SecondOpinion second;
  double obeyed = NAN;  // NaN: it is not told letters
  std::optional<StyleConsistency> style;
  std::vector<float> code_confidences;  // [26], or empty
  History history;
};

/// Error names the file that is missing, or not what this program writes.
RunResult read_run(const std::filesystem::path& folder, const std::string& name);

/// Runs of one kind, in the order of the first of each.
using Groups = std::vector<std::pair<std::string, std::vector<const RunResult*>>>;

}  // namespace etude::font_gan
