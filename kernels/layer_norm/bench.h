#pragma once
#include "kernels/core/bench.h"
#include "kernels/layer_norm/cases.h"
#include "kernels/layer_norm/layer_norm.h"

namespace etude {

/// layer_norm (x, gamma, beta, mean, rstd, y), its gradient (dy, x, gamma, mean, rstd, dx, dgamma,
/// dbeta), and their sum.
inline std::vector<BenchCase> layer_norm_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const layer_norm_cases::Case& x : layer_norm_cases::benches()) {
    const auto add = [&](const char* name, std::vector<BenchOperand> operands, auto call) {
      BenchCase c{.operation = name, .shape = bench_shape({x.rows, x.C})};
      c.bytes = least_bytes(operands);
      c.operands = std::move(operands);
      c.part_of = "layer_norm " + c.shape;
      c.runners = bench_both_devices(call);
      cases.push_back(std::move(c));
    };
    const BenchOperand in_x{.shape = {x.rows, x.C}}, in_c{.shape = {x.C}, .lo = 0.5, .hi = 1},
        in_r{.shape = {x.rows}, .lo = 0.5, .hi = 1};
    BenchOperand out_x = in_x, out_c = in_c, out_r = in_r;
    out_x.role = out_c.role = out_r.role = out;
    add("layer_norm", {in_x, in_c, in_c, out_r, out_r, out_x},
        [](Stream& s, std::span<const View> v) {
          layer_norm(s, v[0], v[1], v[2], v[3], v[4], v[5]);
        });
    add("layer_norm_grad", {in_x, in_x, in_c, in_r, in_r, out_x, out_c, out_c},
        [](Stream& s, std::span<const View> v) {
          layer_norm_grad(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
        });
  }
  return cases;
}

}  // namespace etude
