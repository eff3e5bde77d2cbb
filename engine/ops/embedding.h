#pragma once
#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// w[ids]: rows of a table by number. w: [V, E], ids: i32 of any shape [..] -> [.., E]. An id
/// outside [0, V) makes its row NaN and gets no gradient. Differentiable in w any number of times;
/// the gradient sums in ascending order of positions, the same bits in every run (see
/// kernels/embedding/embedding.h). Throws Error for other ranks and dtypes and for two devices.
Tensor embedding(const Tensor& w, const Tensor& ids);

}  // namespace etude
