#pragma once
// What surrounds a convolution on the CPU: the epilogue, and the way of bf16 through f32.

#include "kernels/conv/conv.h"
#include "kernels/copy/copy.h"
#include "kernels/core/scratch.h"

namespace etude::cpu {

/// y = leaky(y + bias), with mean and var of y + bias; see conv_fused. f32 | f64. The bias may be
/// bf16.
void apply_epilogue(const View& y, const ConvEpilogue&);

/// Calls run(s, a, b, y, params) with f32 copies of the bf16 operands a and b, and rounds its
/// result into y.
template <class Params, class Run>
void in_f32(Stream& s, const View& a, const View& b, const View& y, const Params& params, Run run) {
  static thread_local Scratch scratch;
  float* const memory = scratch.at_least<float>(a.numel() + b.numel() + y.numel());
  const View wide_a(memory, DType::f32, a.shape);
  const View wide_b(memory + a.numel(), DType::f32, b.shape);
  const View wide_y(memory + a.numel() + b.numel(), DType::f32, y.shape);
  cpu::copy(s, a, wide_a);
  cpu::copy(s, b, wide_b);
  run(s, wide_a, wide_b, wide_y, params);
  cpu::copy(s, wide_y, y);
}

}  // namespace etude::cpu
