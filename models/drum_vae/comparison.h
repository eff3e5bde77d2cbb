#pragma once
// The runs of a reproduce folder side by side, beside the truth and what was published. There is at
// least one strategy.

#include <vector>

#include "engine/run/run_folder.h"
#include "eval/report.h"
#include "models/drum_vae/run_result.h"

namespace etude::drum_vae {

/// For summary.json: a row for the truth and each published and own result; shares in [0, 1].
Json comparison_json(const std::vector<Strategy>& strategies);
/// The same rows for the page, in three parts: likelihood; latents; drawn patterns and transfer.
Table likelihood_table(const std::vector<Strategy>& strategies);
Table latent_table(const std::vector<Strategy>& strategies);
Table pattern_table(const std::vector<Strategy>& strategies);
/// What the strategies are.
Table settings_table(const std::vector<Strategy>& strategies);
/// Which strategy leaves which dimensions of z_high to the prior.
Table collapse_table(const std::vector<Strategy>& strategies);
/// Style transfer in both ways by the reports' rule, beside what report 000 gives and pairs of real
/// patterns; by the exact density, which must be known.
Table rule_table(const std::vector<Strategy>& strategies);
Table oracle_table(const std::vector<Strategy>& strategies);
/// Density, validity and diversity of drawn patterns, of the data, and of noise.
Table drawn_table(const std::vector<Strategy>& strategies);

}  // namespace etude::drum_vae
