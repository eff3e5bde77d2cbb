#pragma once
// Checks gradients against finite differences, in double precision.

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace etude {

using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

struct GradcheckResult {
  double max_error = 0;  // |analytic - numeric| / max(1, |analytic|, |numeric|), the worst
  std::string worst;     // where, and both values
};

/// Compares the gradient of sum(v * f(inputs)), v fixed and random, with respect to every element
/// of every input with 4-point central differences (error O(step^4)). Inputs are f64 on the CPU;
/// keep them away from kinks by more than 2 * step.
GradcheckResult gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                          double step = 1e-3);

/// The same for the gradient itself as a function of the inputs and of v: second order, through
/// create_graph.
GradcheckResult gradcheck_second_order(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                       double step = 1e-3);

}  // namespace etude
