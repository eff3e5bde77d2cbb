#pragma once
// The f32 convolution of the CPU with fewer multiplications: by phases of the stride and Winograd's
// products (winograd_axis_cpu.h), on the blocked layouts.

#include "kernels/conv/problem.h"

namespace etude::cpu::winograd {

/// Whether it takes such a window, R x S with these strides, dilations and groups.
bool takes(const ConvParams&, std::int64_t R, std::int64_t S);
/// Whether it also saves more multiplications than its sums cost.
bool suits(const ConvProblem&, DType);

/// As of blocked_cpu.h. An infinite x spreads as NaN to the outputs of its group of 2 or 3, and the
/// error is up to about 3 times that of the blocked way.
void forward(const ConvProblem& p, const float* x, const float* w, float* y);
void input_grad(const ConvProblem& p, const float* dy, const float* w, float* dx);
void weight_grad(const ConvProblem& p, const float* x, const float* dy, float* dw);

}  // namespace etude::cpu::winograd
