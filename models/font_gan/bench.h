#pragma once
#include "models/experiment.h"
#include "models/font_gan/config.h"

namespace etude::font_gan {

/// One training step on random images. networks: "" or "reference" for the experiment's own,
/// "two_conv" for the smaller discriminator that the comparison with PyTorch uses
/// (tools/bench/compare_pytorch). Error for another name.
StepBench step_bench(const Config& config, Device device, const std::string& networks);

}  // namespace etude::font_gan
