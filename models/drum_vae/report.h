#pragma once
#include <filesystem>

#include "engine/run/run_folder.h"

namespace etude::drum_vae {

/// Completes `summary` with the table of the runs it lists (folders with result.json, metrics.json,
/// style_transfer.json, posterior_collapse.json, log.jsonl) and writes summary.json and report.html
/// into `folder`. Figures and sounds are shown where a run has them. Returns the page.
std::filesystem::path write_report(const std::filesystem::path& folder, Json summary);

}  // namespace etude::drum_vae
