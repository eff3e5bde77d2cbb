#pragma once
#include <span>

#include "engine/nn/module.h"

namespace etude {

/// Puts `network` at `weights`, in the order of its parameters: it then computes with those very
/// tensors. Results of ops keep their place in the graph, so what the network computes from here on
/// can be differentiated with respect to whatever they came from. Meant for a copy of a trained
/// network: at the weights some updates from now (unrolled optimisation), at a function of the
/// weights (spectral normalisation). The copy has buffers of its own, so the trained network's
/// running statistics stay as they are. What the copy computed before must not be differentiated
/// any more: its graph finds the new weights. Error: the number or a shape differs.
inline void stand_at(Module& network, std::span<const Tensor> weights) {
  const std::vector<Module::Named> own = network.parameters();
  require(own.size() == weights.size(), "stand_at: ", weights.size(), " weights for ", own.size(),
          " parameters");
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto& [name, parameter] = own[i];
    require(parameter.shape() == weights[i].shape(), "stand_at: ", name, " has shape ",
            parameter.shape(), ", not ", weights[i].shape());
    parameter.impl() = weights[i].impl();
  }
}

}  // namespace etude
