#pragma once
#include "kernels/copy/cases.h"
#include "kernels/copy/copy.h"
#include "kernels/core/bench.h"

namespace etude {

/// Copies x, y; the first cases also as casts to bf16 and as fills of y.
inline std::vector<BenchCase> copy_benches() {
  std::vector<BenchCase> cases;
  const auto add = [&](const copy_cases::Case& x, DType to) {
    BenchCase c{.operation = "copy", .shape = bench_shape(x.shape), .dtype = to};
    if (x.x.rank) c.shape += " x strided " + bench_shape(x.x);
    if (x.y.rank) c.shape += " y strided " + bench_shape(x.y);
    if (to != DType::f32) c.shape += " from f32 to";
    c.operands = {{.shape = x.shape, .strides = x.x},
                  {.role = BenchOperand::Role::out, .shape = x.shape, .dtype = to, .strides = x.y}};
    c.bytes = least_bytes(c.operands);
    c.runners = bench_both_devices([](Stream& s, std::span<const View> v) { copy(s, v[0], v[1]); });
    cases.push_back(std::move(c));
  };
  for (const copy_cases::Case& x : copy_cases::benches()) {
    add(x, DType::f32);
    if (x.x.rank || x.y.rank) continue;
    add(x, DType::bf16);
    BenchCase c{.operation = "fill", .shape = bench_shape(x.shape)};
    c.operands = {{.role = BenchOperand::Role::out, .shape = x.shape}};
    c.bytes = least_bytes(c.operands);
    c.numbers = {{"value", 1.5}};
    c.runners = bench_both_devices([](Stream& s, std::span<const View> v) { fill(s, v[0], 1.5); });
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace etude
