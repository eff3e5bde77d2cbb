#pragma once
#include <cmath>

#include "kernels/core/bench.h"
#include "kernels/lstm/cases.h"
#include "kernels/lstm/lstm.h"

namespace etude {
namespace detail {

/// x, w_ih, w_hh, bias, h0, c0, y, gates, cells; then h_end, c_end, or what the gradient has.
inline BenchCase lstm_bench(const lstm_cases::Case& n, DType dtype, bool backward) {
  using enum BenchOperand::Role;
  const DType cell = dtype == DType::bf16 ? DType::f32 : dtype;
  BenchCase c{.operation = backward ? "lstm_grad" : "lstm", .shape = n.name(), .dtype = dtype};
  const double bound = n.H > 0 ? 1 / std::sqrt(static_cast<double>(n.H)) : 1;
  const auto add = [&](BenchOperand::Role role, const Dims& shape, DType type, double scale = 1) {
    c.operands.push_back({.role = role, .shape = shape, .dtype = type, .lo = -scale, .hi = scale});
  };
  const Dims w_ih{4 * n.H, n.I}, w_hh{4 * n.H, n.H}, bias{4 * n.H}, state{n.B, n.H};
  const Dims x{n.T, n.B, n.I}, y{n.T, n.B, n.H}, gates{n.T, n.B, 4 * n.H};
  const auto saved = backward ? in : out;
  add(in, x, dtype), add(in, w_ih, dtype, bound), add(in, w_hh, dtype, bound);
  add(in, bias, dtype, bound), add(in, state, dtype), add(in, state, cell);
  add(saved, y, dtype), add(saved, gates, dtype), add(saved, y, cell);
  if (backward) {
    add(in, y, dtype), add(in, state, dtype), add(in, state, cell);
    add(out, gates, dtype), add(out, x, dtype), add(out, w_ih, dtype), add(out, w_hh, dtype);
    add(out, bias, dtype);
  }
  add(out, state, dtype), add(out, state, cell);
  const double products = 8.0 * n.T * n.B * n.H * (n.I + n.H);
  c.flops = backward ? 2 * products : products;
  c.bytes = least_bytes(c.operands);
  c.part_of = "lstm layer " + c.shape;
  return c;
}

inline LstmForward lstm_forward_of(std::span<const View> v) {
  return {.x = v[0],
          .w_ih = v[1],
          .w_hh = v[2],
          .bias = v[3],
          .h0 = v[4],
          .c0 = v[5],
          .lengths = {},
          .y = v[6],
          .h_end = v[9],
          .c_end = v[10],
          .gates = v[7],
          .cells = v[8]};
}
inline LstmBackward lstm_backward_of(std::span<const View> v) {
  return {.x = v[0],
          .w_ih = v[1],
          .w_hh = v[2],
          .h0 = v[4],
          .c0 = v[5],
          .lengths = {},
          .y = v[6],
          .gates = v[7],
          .cells = v[8],
          .dy = v[9],
          .dh_end = v[10],
          .dc_end = v[11],
          .dgates = v[12],
          .dx = v[13],
          .dw_ih = v[14],
          .dw_hh = v[15],
          .dbias = v[16],
          .dh0 = v[17],
          .dc0 = v[18]};
}

}  // namespace detail

/// One layer forward, and its gradient.
inline std::vector<BenchCase> lstm_benches() {
  std::vector<BenchCase> cases;
  for (const lstm_cases::Case& n : lstm_cases::benches()) {
    add_ladder_benches(
        cases, lstm_rungs(), [&](DType dtype) { return detail::lstm_bench(n, dtype, false); },
        [](Stream& s, std::span<const View> v) { lstm_forward(s, detail::lstm_forward_of(v)); },
        [](const LstmRung& rung, bool) {
          return [run = rung.forward](Stream& s, std::span<const View> v) {
            run(s, detail::lstm_forward_of(v));
          };
        });
    add_ladder_benches(
        cases, lstm_rungs(), [&](DType dtype) { return detail::lstm_bench(n, dtype, true); },
        [](Stream& s, std::span<const View> v) { lstm_backward(s, detail::lstm_backward_of(v)); },
        [](const LstmRung& rung, bool) {
          return [run = rung.backward](Stream& s, std::span<const View> v) {
            run(s, detail::lstm_backward_of(v));
          };
        });
  }
  return cases;
}

}  // namespace etude
