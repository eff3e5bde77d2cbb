#include "engine/optim/average.h"

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"

namespace etude {

void move_towards(Module& average, const Module& model, double share) {
  const NoGrad no_grad;
  std::vector<Module::Named> to = average.parameters();
  const std::vector<Module::Named> from = model.parameters();
  require(to.size() == from.size(), "move_towards: ", to.size(), " parameters, the model has ",
          from.size());
  for (std::size_t i = 0; i < to.size(); ++i) {
    auto& [name, value] = to[i];
    const auto& [model_name, target] = from[i];
    require(name == model_name && value.shape() == target.shape(), "move_towards: ", name, " ",
            value.shape(), " is not the model's ", model_name, " ", target.shape());
    value.copy_(affine(value, 1 - share, 0) + affine(target, share, 0));
  }
}

}  // namespace etude
