#pragma once
#include "kernels/core/bench.h"
#include "kernels/softmax/cases.h"
#include "kernels/softmax/softmax.h"

namespace etude {

/// softmax and log_softmax (x, y); cross entropy (x, target, loss), its gradient (x, target, dloss,
/// dx), and their sum.
inline std::vector<BenchCase> softmax_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const softmax_cases::Case& x : softmax_cases::benches()) {
    const auto add = [&](const char* name, std::vector<BenchOperand> operands, bool layer,
                         auto call) {
      BenchCase c{.operation = name, .shape = bench_shape({x.rows, x.cols})};
      c.bytes = least_bytes(operands);
      c.operands = std::move(operands);
      if (layer) c.part_of = "cross_entropy " + c.shape;
      c.runners = bench_both_devices(call);
      cases.push_back(std::move(c));
    };
    const BenchOperand in_x{.shape = {x.rows, x.cols}, .lo = -x.scale, .hi = x.scale};
    const BenchOperand target{
        .shape = {x.rows}, .dtype = DType::i32, .lo = 0, .hi = static_cast<double>(x.cols)};
    const BenchOperand in_loss{.shape = {x.rows}};
    BenchOperand out_x = in_x, out_loss = in_loss;
    out_x.role = out_loss.role = out;
    add("softmax", {in_x, out_x}, false,
        [](Stream& s, std::span<const View> v) { softmax(s, v[0], v[1]); });
    add("log_softmax", {in_x, out_x}, false,
        [](Stream& s, std::span<const View> v) { log_softmax(s, v[0], v[1]); });
    add("cross_entropy", {in_x, target, out_loss}, true,
        [](Stream& s, std::span<const View> v) { cross_entropy(s, v[0], v[1], v[2]); });
    add("cross_entropy_grad", {in_x, target, in_loss, out_x}, true,
        [](Stream& s, std::span<const View> v) { cross_entropy_grad(s, v[0], v[1], v[2], v[3]); });
  }
  return cases;
}

}  // namespace etude
