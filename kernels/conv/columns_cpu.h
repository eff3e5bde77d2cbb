#pragma once
// Convolution as a matrix product with a matrix of columns: serves every shape and dtype.

#include "kernels/conv/problem.h"

namespace etude::cpu::columns {

/// The three operations; see kernels/conv/conv.h. `p` is the convolution's problem. f32 | f64.
void forward(const ConvProblem& p, const View& x, const View& w, const View& y);
void input_grad(const ConvProblem& p, const View& dy, const View& w, const View& dx);
void weight_grad(const ConvProblem& p, const View& x, const View& dy, const View& dw);

}  // namespace etude::cpu::columns
