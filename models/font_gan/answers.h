#pragma once
// The coursework's four questions, answered from what the runs measured: which letters survive and
// why, whether the cures help, when collapse sets in, and what it and they do to the samples.

#include "eval/report.h"
#include "models/font_gan/analysis.h"
#include "models/font_gan/run_result.h"

namespace etude::font_gan {

/// Adds the section, of the runs on the images `data`, whose letters `letters` are. The variants
/// are compared with vanilla, or with the first where that is missing. Error: no runs on `data`.
void add_answers(Report& page, const Groups& groups, const std::string& data,
                 const Letters& letters);

}  // namespace etude::font_gan
