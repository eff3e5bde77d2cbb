#include "kernels/elementwise/elementwise.h"

#include "kernels/core/map.cuh"

namespace etude {
namespace {

// The kernel is kernels/core/map.cuh's map_kernel, one instance for each operation.
template <class Op>
void run(Stream& stream, const Op& op, std::span<const View> inputs, const View& y) {
  gpu::map<float, float, Op::arity>(stream, op, inputs, y);
}

}  // namespace

void gpu::elementwise(Stream& s, const AnyElementwise& any, std::span<const View> inputs,
                      const View& y) {
  std::visit([&](const auto& op) { run(s, op, inputs, y); }, any);
}

}  // namespace etude
