#pragma once
// The sections of the report page that are figures, pictures and sounds.

#include <filesystem>
#include <vector>

#include "eval/report.h"
#include "models/drum_vae/run_result.h"

namespace etude::drum_vae {

/// -ELBO, its terms, over the epochs: the first run of each strategy.
void progress_section(Report& page, const std::vector<Strategy>& strategies);
/// Tables of all strategies; by pair of styles the first run of the main one.
void transfer_section(Report& page, const std::vector<Strategy>& strategies);

// Of all runs that have such files in folder/NAME, in their order; sounds of the first such run
// alone, for they are large. Where no run has any the section is left out.

/// t-SNE maps of embedding.json. Error names a file that is not one.
void embedding_section(Report& page, const std::filesystem::path& folder,
                       const std::vector<RunResult>& runs);
/// Sweep, interpolations, blend, complexity.
void picture_section(Report& page, const std::filesystem::path& folder,
                     const std::vector<RunResult>& runs);
/// Ten patterns of each style.
void sample_section(Report& page, const std::filesystem::path& folder,
                    const std::vector<RunResult>& runs);

}  // namespace etude::drum_vae
