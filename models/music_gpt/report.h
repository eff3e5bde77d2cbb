#pragma once
#include <filesystem>

#include "engine/run/run_folder.h"

namespace etude::music_gpt {

/// Completes `summary` with the tables of the runs it lists (folders with result.json,
/// metrics.json, log.jsonl) and of real.json, and writes summary.json and report.html into
/// `folder`. Figures and sounds are shown where a run has them. Returns the page.
std::filesystem::path write_report(const std::filesystem::path& folder, Json summary);

}  // namespace etude::music_gpt
