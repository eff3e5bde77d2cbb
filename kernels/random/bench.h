#pragma once
#include "kernels/core/bench.h"
#include "kernels/random/cases.h"
#include "kernels/random/random.h"

namespace etude {

/// Uniform and normal draws y; dropout x, y with its gradient dy, x, dx.
inline std::vector<BenchCase> random_benches() {
  std::vector<BenchCase> cases;
  const auto add = [&](const char* name, const random_cases::Case& x, int inputs, auto call) {
    BenchCase c{.operation = name, .shape = bench_shape({x.n})};
    for (int i = 0; i < inputs; ++i) c.operands.push_back({.shape = {x.n}});
    c.operands.push_back({.role = BenchOperand::Role::out, .shape = {x.n}});
    c.bytes = least_bytes(c.operands);
    if (inputs > 0) {
      c.numbers = {{"p", x.p}, {"group", static_cast<double>(x.group)}};
      if (x.group > 1) c.shape += " in groups of " + std::to_string(x.group);
    }
    c.runners = bench_both_devices(call);
    cases.push_back(std::move(c));
  };
  const PhiloxKey key{.seed = 1};
  for (const random_cases::Case& x : random_cases::benches()) {
    if (x.group == 1) {
      add("uniform", x, 0,
          [key](Stream& s, std::span<const View> v) { fill_uniform(s, key, v[0], -1, 1); });
      add("normal", x, 0,
          [key](Stream& s, std::span<const View> v) { fill_normal(s, key, v[0], 0, 1); });
    }
    add("dropout", x, 1, [key, x](Stream& s, std::span<const View> v) {
      dropout(s, key, v[0], v[1], x.p, x.group, x.slope);
    });
    add("dropout_grad", x, 2, [key, x](Stream& s, std::span<const View> v) {
      dropout_grad(s, key, v[0], v[1], v[2], x.p, x.group, x.slope);
    });
  }
  return cases;
}

}  // namespace etude
