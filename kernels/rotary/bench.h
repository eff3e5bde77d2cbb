#pragma once
#include "kernels/core/bench.h"
#include "kernels/rotary/cases.h"
#include "kernels/rotary/rotary.h"

namespace etude {

/// rotary (x, y).
inline std::vector<BenchCase> rotary_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const rotary_cases::Case& n : rotary_cases::benches()) {
    const BenchOperand x{.shape = {n.B, n.T, 3, n.heads, n.D}};
    BenchOperand y = x;
    y.role = out;
    BenchCase c{.operation = "rotary", .shape = bench_shape({n.B, n.T, 3, n.heads, n.D})};
    c.operands = {x, y};
    c.bytes = least_bytes(c.operands);
    c.runners =
        bench_both_devices([](Stream& s, std::span<const View> v) { rotary(s, v[0], v[1]); });
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace etude
