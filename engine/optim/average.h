#pragma once
#include "engine/nn/module.h"

namespace etude {

/// Moves the parameters of `average` towards those of `model`, of the same kind, by `share` of the
/// distance: called once per step (or few) it keeps an exponential moving average, which does what
/// a falling learning rate does for a network that is evaluated while it trains. Buffers stay as
/// they are: a statistic of the model's own is none of the average's.
/// Error: the two differ in names or shapes.
/// Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
void move_towards(Module& average, const Module& model, double share);

}  // namespace etude
