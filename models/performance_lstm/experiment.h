#pragma once
#include "models/experiment.h"

namespace etude {

/// Piano performances, event by event: see README.md.
const Experiment& performance_lstm_experiment();

}  // namespace etude
