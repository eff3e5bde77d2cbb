#pragma once
#include "models/experiment.h"
#include "models/performance_lstm/config.h"

namespace etude::performance_lstm {

/// `networks`: "" is a training step of the settings' network; "generate" is one event of one
/// piece: embedding, layers, logits and the draw.
StepBench step_bench(const Config& config, Device device, const std::string& networks);

}  // namespace etude::performance_lstm
