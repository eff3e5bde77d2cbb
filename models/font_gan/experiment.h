#pragma once
#include "models/experiment.h"

namespace etude {

const Experiment& font_gan_experiment();

}  // namespace etude
