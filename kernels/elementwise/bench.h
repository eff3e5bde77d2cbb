#pragma once
#include "kernels/core/bench.h"
#include "kernels/elementwise/cases.h"
#include "kernels/elementwise/elementwise.h"

namespace etude {

/// Operations of one, two and three inputs, cheap and dear.
inline std::vector<BenchCase> elementwise_benches() {
  std::vector<BenchCase> cases;
  const auto add = [&]<ElementwiseOp Op>(const elementwise_cases::Case& x, const char* name,
                                         Op op) {
    BenchCase c{.operation = name, .shape = bench_shape(x.shape)};
    for (int i = 0; i < Op::arity; ++i) {
      if (x.inputs[i].rank) c.shape += (i ? ", " : " strided ") + bench_shape(x.inputs[i]);
      c.operands.push_back({.shape = x.shape, .strides = x.inputs[i]});
    }
    c.operands.push_back({.role = BenchOperand::Role::out, .shape = x.shape, .strides = x.y});
    c.bytes = least_bytes(c.operands);
    c.runners = bench_both_devices([op](Stream& s, std::span<const View> v) {
      elementwise(s, op, v.first(Op::arity), v[Op::arity]);
    });
    cases.push_back(std::move(c));
  };
  for (const elementwise_cases::Case& x : elementwise_cases::benches()) {
    add(x, "tanh", Tanh{});
    add(x, "gelu", Gelu{});
    add(x, "add", Add{});
    add(x, "mul_add", MulAdd{});
  }
  return cases;
}

}  // namespace etude
