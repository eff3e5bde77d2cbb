#pragma once
// What a run's log says, for figures and tables.

#include <filesystem>
#include <optional>
#include <vector>

#include "eval/mode_history.h"
#include "models/font_gan/judge.h"

namespace etude::font_gan {

/// Means over the steps of one epoch of what Gan::step returns.
struct EpochMeans {
  std::int64_t epoch = 0;
  std::vector<double> values;                                  // as kStepValues
  double loss_ratio() const { return values[1] / values[0]; }  // G / D
};

struct History {
  std::vector<std::pair<std::int64_t, Scores>> evaluations;  // epoch, scores
  std::vector<EpochMeans> epochs;

  /// When coverage left its running maximum, one letter less included, for good; and which letter
  /// came, vanished or returned when (eval/mode_history.h).
  std::optional<std::int64_t> onset() const;
  std::vector<ModeEvent> events() const;
  /// [26]: the share of the evaluations since its first one that each letter was covered.
  std::vector<double> survival() const;

  static History read(const std::filesystem::path& log);
  Json to_json() const;
};

}  // namespace etude::font_gan
