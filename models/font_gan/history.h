#pragma once
// What a run's log says, for figures and tables.

#include <filesystem>
#include <vector>

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

  static History read(const std::filesystem::path& log);
  Json to_json() const;
};

}  // namespace etude::font_gan
