#pragma once
#include "kernels/core/bench.h"
#include "kernels/norm/cases.h"
#include "kernels/norm/norm.h"

namespace etude {

/// Batch normalisation with its rectifier: training (x, gamma, beta, mean, rstd, running_mean,
/// running_var, y), its gradient (dy, x, gamma, beta, mean, rstd, dx, dgamma, dbeta), their sum,
/// and inference (x, gamma, beta, running_mean, running_var, y).
inline std::vector<BenchCase> norm_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const norm_cases::Case& x : norm_cases::benches()) {
    const BatchNormParams params{.slope = x.slope};
    const auto add = [&](const char* name, std::vector<BenchOperand> operands, const char* part_of,
                         auto call) {
      BenchCase c{.operation = name, .shape = bench_shape({x.B, x.C, x.L})};
      c.numbers = {{"eps", params.eps}, {"momentum", params.momentum}, {"slope", params.slope}};
      c.bytes = least_bytes(operands);
      c.operands = std::move(operands);
      if (*part_of) c.part_of = c.shape;
      c.runners = bench_both_devices(call);
      cases.push_back(std::move(c));
    };
    const BenchOperand in_x{.shape = {x.B, x.C, x.L}}, in_c{.shape = {x.C}, .lo = 0.5, .hi = 1};
    BenchOperand out_x = in_x, out_c = in_c, running = in_c;
    out_x.role = out_c.role = out;
    running.role = in_out;
    add("batch_norm_train", {in_x, in_c, in_c, out_c, out_c, running, running, out_x}, "layer",
        [params](Stream& s, std::span<const View> v) {
          batch_norm_train(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], params);
        });
    add("batch_norm_grad", {in_x, in_x, in_c, in_c, in_c, in_c, out_x, out_c, out_c}, "layer",
        [params](Stream& s, std::span<const View> v) {
          batch_norm_grad(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], params);
        });
    add("batch_norm_infer", {in_x, in_c, in_c, in_c, in_c, out_x}, "",
        [params](Stream& s, std::span<const View> v) {
          batch_norm_infer(s, v[0], v[1], v[2], v[3], v[4], v[5], params);
        });
  }
  return cases;
}

}  // namespace etude
