#pragma once
// Our runs beside the reports' numbers.

#include "eval/report.h"
#include "models/font_gan/run_result.h"

namespace etude::font_gan {

/// The rows of the comparison as JSON, from which READMEs are made: "row", "source" (reference or
/// ours), the measures by their keys with _sd over several runs, "seeds", "epochs", "samples".
Json comparison_json(const Groups& groups);
/// The same for the page.
Table comparison_table(const Groups& groups);
/// Every run by itself: coverage at its end and at its best, onset of collapse, what the second
/// classifier says.
Table runs_table(const std::vector<RunResult>& runs);
/// "none", or the epoch.
std::string onset_text(const RunResult& run);

}  // namespace etude::font_gan
