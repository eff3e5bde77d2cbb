#include "kernels/elementwise/elementwise.h"

#include "kernels/core/map.h"

namespace etude {

void cpu::elementwise(Stream&, const AnyElementwise& any, std::span<const View> inputs,
                      const View& y) {
  dispatch<float, double>("elementwise", y.dtype, [&]<class T>() {
    std::visit([&]<class Op>(const Op& op) { map<T, T, Op::arity>(op, inputs, y); }, any);
  });
}

}  // namespace etude
