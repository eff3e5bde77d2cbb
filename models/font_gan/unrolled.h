#pragma once
// Unrolled optimisation: where a network's weights will be after some updates, as a function of
// what those updates depend on.

#include <functional>
#include <span>

#include "engine/optim/adam.h"

namespace etude::font_gan {

/// The weights after `steps` updates by Adam on `loss`, from `weights` and the moments and step
/// count that `optimizer` is at; neither changes. loss(t, w) is computed at the weights w after t
/// updates, in the order of the optimizer's parameters; each t needs a network of its own
/// (engine/nn/stand_at.h), since all of them stay in the graph.
/// With `through` the result is differentiable with respect to everything the losses depend on:
/// each update is part of the graph, a gradient of it of second order. Else each update stands
/// alone and the result is a constant.
/// The updates are Adam's, as in the source's experiments: with plain gradient steps at Adam's
/// learning rate the discriminator would hardly move, and the look ahead would show its present.
/// 1 / (sqrt(v) + eps) is taken as 1 / sqrt(v + eps^2), which has a derivative at v = 0.
/// Source: Metz, Poole, Pfau & Sohl-Dickstein, "Unrolled generative adversarial networks", 2017,
/// section 2.2.
std::vector<Tensor> unrolled(
    const Adam& optimizer, std::span<const Tensor> weights, std::int64_t steps, bool through,
    const std::function<Tensor(std::int64_t, std::span<const Tensor>)>& loss);

}  // namespace etude::font_gan
