#pragma once
#include "models/experiment.h"
#include "models/music_gpt/config.h"

namespace etude::music_gpt {

/// `networks`: "" is a training step of the settings' network, of one batch; "generate" is one
/// token of one piece that fills half of the context: embedding, blocks with their caches, logits
/// and the draw.
StepBench step_bench(const Config& config, Device device, const std::string& networks);

}  // namespace etude::music_gpt
