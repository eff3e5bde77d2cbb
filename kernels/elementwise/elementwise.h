#pragma once
// y[i] = op(x_0[i], ...) with the operations of kernels/elementwise/functors.h.

#include <initializer_list>
#include <span>

#include "kernels/core/strided.h"
#include "kernels/core/view.h"
#include "kernels/elementwise/functors.h"
#include "kernels/runtime/runtime.h"

namespace etude {

namespace cpu {
void elementwise(Stream&, const AnyElementwise& op, std::span<const View> inputs, const View& y);
}  // namespace cpu
namespace gpu {
void elementwise(Stream&, const AnyElementwise& op, std::span<const View> inputs, const View& y);
}  // namespace gpu

namespace detail {
inline void check_elementwise(std::size_t arity, std::span<const View> inputs, const View& y) {
  require(inputs.size() == arity, "elementwise: the operation takes ", arity, " inputs, not ",
          inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    require(inputs[k].shape == y.shape, "elementwise: input ", k, " has shape ", inputs[k].shape,
            ", y has ", y.shape);
    require(inputs[k].dtype == y.dtype, "elementwise: input ", k, " is ", name_of(inputs[k].dtype),
            ", y is ", name_of(y.dtype));
  }
  require(!repeats_elements(y), "elementwise: y repeats elements: shape ", y.shape, ", strides ",
          y.strides);
}
}  // namespace detail

/// y[i] = op(inputs[0][i], ...). Op::arity inputs of y's shape and dtype: f32, on the CPU also f64.
/// Any rank and strides; an input's may be 0 (broadcast), y's may not. y may be one of the inputs,
/// the very same view; any other overlap is undefined.
///     elementwise(stream, Add{}, {a, b}, y);
template <ElementwiseOp Op>
void elementwise(Stream& s, const Op& op, std::span<const View> inputs, const View& y) {
  detail::check_elementwise(Op::arity, inputs, y);
  if (y.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::elementwise : gpu::elementwise)(s, op, inputs, y);
}
template <ElementwiseOp Op>
void elementwise(Stream& s, const Op& op, std::initializer_list<View> inputs, const View& y) {
  elementwise(s, op, std::span(inputs.begin(), inputs.size()), y);
}

}  // namespace etude
