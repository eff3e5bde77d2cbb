#pragma once
#include "models/experiment.h"

namespace etude {

const Experiment& drum_vae_experiment();

}  // namespace etude
