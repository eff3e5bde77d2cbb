#pragma once
#include <functional>
#include <span>

#include "engine/autograd.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace etude {

/// f(x) without what its ops keep for their gradients: the backward pass runs f again. Memory for
/// time: of a stack of layers, each wrapped so, only the inputs of the layers stay. `parameters`
/// are the leaves inside f that a gradient may be wanted of, at most 31: what f depends on beside
/// them and x is a constant to the gradient. `generator`, where f draws
/// from one, is set back for the second run. Differentiable once. Source: Chen et al., "Training
/// deep nets with sublinear memory cost", 2016.
Tensor recomputed(const std::function<Tensor(const Tensor&)>& f, const Tensor& x,
                  std::span<const Tensor> parameters, Generator* generator = nullptr);

}  // namespace etude
