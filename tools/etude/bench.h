#pragma once
#include "models/experiment.h"
#include "tools/etude/arguments.h"

namespace etude {

/// etude bench step MODEL: times whole training steps and prints milliseconds (median and
/// quartiles), steps per second and the share of the machine's measured peak. `--json FILE` also
/// writes them.
void bench_step(const Experiment& experiment, const Options& options, const Arguments& arguments);

}  // namespace etude
