#include "engine/optim/average.h"

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"

namespace etude {
namespace {

void move_all(std::vector<Module::Named> average, const std::vector<Module::Named>& model,
              double share) {
  require(average.size() == model.size(), "move_towards: ", average.size(),
          " tensors, the model has ", model.size());
  for (std::size_t i = 0; i < model.size(); ++i) {
    auto& [name, to] = average[i];
    const auto& [model_name, from] = model[i];
    require(name == model_name && to.shape() == from.shape(), "move_towards: ", name, " ",
            to.shape(), " is not the model's ", model_name, " ", from.shape());
    to.copy_(affine(to, 1 - share, 0) + affine(from, share, 0));
  }
}

}  // namespace

void move_towards(Module& average, const Module& model, double share) {
  const NoGrad no_grad;
  move_all(average.parameters(), model.parameters(), share);
  move_all(average.buffers(), model.buffers(), share);
}

}  // namespace etude
