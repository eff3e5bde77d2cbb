#pragma once
#include <filesystem>

#include "engine/run/run_folder.h"

namespace etude::font_gan {

/// Completes `summary` with the table of the runs it lists (each a folder with result.json and
/// log.jsonl) and writes summary.json and report.html into `folder`. Returns the page.
std::filesystem::path write_report(const std::filesystem::path& folder, Json summary);

}  // namespace etude::font_gan
