#pragma once
#include "models/experiment.h"

namespace etude {

/// Music as tokens, by a transformer: see README.md.
const Experiment& music_gpt_experiment();

}  // namespace etude
