#pragma once
// The tables of the report page.

#include <string>
#include <vector>

#include "eval/report.h"
#include "models/music_gpt/comparison.h"

namespace etude::music_gpt {

/// Differences and the measures of bars; of the real music first.
Table closeness_table(const Results& results, const std::vector<Way>& ways);
/// Structureness and sizes.
Table structure_table(const Results& results, const std::vector<Way>& ways);
/// The report's grid, ours beside it at the same share of the training.
Table grid_table(const Results& results);
/// Our milestones in a setting that the report does not have.
Table milestones_table(const Results& results, const std::string& setting);
/// The tokenizers on the held-out pieces.
Table tokenizers_table(const std::vector<Variant>& variants);
/// Size and training of each variant's network.
Table training_table(const std::vector<Variant>& variants);
/// A row for each song, variant and setting.
Table continuations_table(const std::vector<Variant>& variants);

}  // namespace etude::music_gpt
