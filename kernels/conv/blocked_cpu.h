#pragma once
// The fast f32 convolution of the CPU: no im2col, vectors over channels, batch as the other side of
// the register tile.

#include "kernels/conv/problem.h"

namespace etude::cpu::blocked {

/// Whether the operands fill vectors (channels) and register tiles (batch) well enough.
bool suits(const ConvProblem&, DType);

/// y, x and dw of the three operations; see kernels/conv/conv.h. `p` is the convolution's problem.
void forward(const ConvProblem& p, const float* x, const float* w, float* y);
void input_grad(const ConvProblem& p, const float* dy, const float* w, float* dx);
void weight_grad(const ConvProblem& p, const float* x, const float* dy, float* dw);

}  // namespace etude::cpu::blocked
