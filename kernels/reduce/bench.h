#pragma once
#include "kernels/core/bench.h"
#include "kernels/reduce/cases.h"
#include "kernels/reduce/reduce.h"

namespace etude {

/// Sums and maxima of x to y's shape, and the argmax of rows.
inline std::vector<BenchCase> reduce_benches() {
  std::vector<BenchCase> cases;
  for (const reduce_cases::Case& x : reduce_cases::benches()) {
    const auto add = [&](const char* name, const BenchOperand& y, auto call) {
      BenchCase c{.operation = name, .shape = bench_shape(x.x) + " to " + bench_shape(y.shape)};
      c.operands = {{.shape = x.x, .strides = x.strides}, y};
      c.bytes = least_bytes(c.operands);
      c.runners = bench_both_devices(call);
      cases.push_back(std::move(c));
    };
    const BenchOperand y{.role = BenchOperand::Role::out, .shape = x.y};
    add("sum", y,
        [](Stream& s, std::span<const View> v) { reduce(s, Reduction::sum, v[0], v[1]); });
    add("max", y,
        [](Stream& s, std::span<const View> v) { reduce(s, Reduction::max, v[0], v[1]); });
    if (x.x.rank == 2 && x.y == Dims{x.x[0], 1} && !x.strides.rank) {
      add("argmax", {.role = BenchOperand::Role::out, .shape = {x.x[0]}, .dtype = DType::i32},
          [](Stream& s, std::span<const View> v) { argmax(s, v[0], v[1]); });
    }
  }
  return cases;
}

}  // namespace etude
