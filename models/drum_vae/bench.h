#pragma once
#include "models/drum_vae/config.h"
#include "models/experiment.h"

namespace etude::drum_vae {

/// `networks`: "" or "reference" is the experiment's own, "small" that of tools/bench/
/// compare_pytorch: three convolutions to 64 channels, z_high from z_low, no dropout, Adam.
StepBench step_bench(const Config& config, Device device, const std::string& networks);

}  // namespace etude::drum_vae
