#pragma once
#include "kernels/core/bench.h"
#include "kernels/optimizer/cases.h"
#include "kernels/optimizer/optimizer.h"

namespace etude {

/// Adam (w, dw, m, v), the gradient's norm (dw, norm) and clipping by it (dw, norm).
inline std::vector<BenchCase> optimizer_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const optimizer_cases::Case& x : optimizer_cases::benches()) {
    const auto add = [&](const char* name, std::vector<BenchOperand> operands,
                         std::vector<std::pair<std::string, double>> numbers, auto call) {
      BenchCase c{.operation = name, .shape = bench_shape({x.n}), .bytes = least_bytes(operands)};
      c.operands = std::move(operands);
      c.numbers = std::move(numbers);
      c.runners = bench_both_devices(call);
      cases.push_back(std::move(c));
    };
    const AdamParams params{.lr = 1e-3, .weight_decay = x.weight_decay};
    const BenchOperand flat{.role = in_out, .shape = {x.n}}, dw{.shape = {x.n}};
    const BenchOperand v{.role = in_out, .shape = {x.n}, .lo = 0};
    add("adam", {flat, dw, flat, v},
        {{"lr", params.lr},
         {"beta1", params.beta1},
         {"beta2", params.beta2},
         {"eps", params.eps},
         {"weight_decay", params.weight_decay},
         {"step", static_cast<double>(x.step)}},
        [params, step = x.step](Stream& s, std::span<const View> v) {
          adam(s, v[0], v[1], v[2], v[3], params, step);
        });
    add("gradient_norm", {dw, {.role = out, .shape = {1}}}, {},
        [](Stream& s, std::span<const View> v) { gradient_norm(s, v[0], v[1]); });
    // A norm just at the limit: dw stays what it is over all runs, and is still multiplied.
    constexpr double kMaxNorm = 1;
    add("clip_gradient", {flat, {.shape = {1}, .lo = kMaxNorm, .hi = kMaxNorm}},
        {{"max_norm", kMaxNorm}},
        [](Stream& s, std::span<const View> v) { clip_gradient(s, v[0], v[1], kMaxNorm); });
  }
  return cases;
}

}  // namespace etude
