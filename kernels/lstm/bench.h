#pragma once
#include <cmath>

#include "kernels/core/bench.h"
#include "kernels/lstm/cases.h"
#include "kernels/lstm/lstm.h"

namespace etude {
namespace detail {

/// Per layer x (of the first), w_ih, w_hh, bias, h0, c0, y, gates, cells; then h_end, c_end, or
/// what the gradient has: dy (of the last), dh_end, dc_end, and the results.
inline BenchCase lstm_bench(const lstm_cases::Case& n, DType dtype, bool backward) {
  using enum BenchOperand::Role;
  const DType cell = dtype == DType::bf16 ? DType::f32 : dtype;
  const std::string operation = n.layers > 1 ? "lstm_stack" : "lstm";
  BenchCase c{.operation = operation + (backward ? "_grad" : ""), .shape = n.name()};
  c.dtype = dtype;
  const double bound = n.H > 0 ? 1 / std::sqrt(static_cast<double>(n.H)) : 1;
  const auto add = [&](BenchOperand::Role role, const Dims& shape, DType type, double scale = 1) {
    c.operands.push_back({.role = role, .shape = shape, .dtype = type, .lo = -scale, .hi = scale});
  };
  const auto saved = backward ? in : out;
  for (int l = 0; l < n.layers; ++l) {
    const std::int64_t I = l == 0 ? n.I : n.H;
    const Dims w_ih{4 * n.H, I}, w_hh{4 * n.H, n.H}, bias{4 * n.H}, state{n.B, n.H};
    const Dims x{n.T, n.B, I}, y{n.T, n.B, n.H}, gates{n.T, n.B, 4 * n.H};
    if (l == 0) add(in, x, dtype);
    add(in, w_ih, dtype, bound), add(in, w_hh, dtype, bound), add(in, bias, dtype, bound);
    add(in, state, dtype), add(in, state, cell);
    add(saved, y, dtype), add(saved, gates, dtype), add(saved, y, cell);
    if (backward) {
      if (l + 1 == n.layers) add(in, y, dtype);
      add(in, state, dtype), add(in, state, cell);
      add(out, gates, dtype), add(out, x, dtype), add(out, w_ih, dtype), add(out, w_hh, dtype);
      add(out, bias, dtype);
    }
    add(out, state, dtype), add(out, state, cell);
    const double products = 8.0 * n.T * n.B * n.H * (I + n.H);
    c.flops += backward ? 2 * products : products;
  }
  c.bytes = least_bytes(c.operands);
  c.part_of = (n.layers > 1 ? "lstm stack " : "lstm layer ") + c.shape;
  return c;
}

inline std::vector<LstmForward> lstm_forward_of(std::span<const View> v, int layers) {
  std::vector<LstmForward> all;
  auto take = [&, i = std::size_t{0}]() mutable { return v[i++]; };
  for (int l = 0; l < layers; ++l) {
    LstmForward p;
    p.x = l == 0 ? take() : all.back().y;
    p.w_ih = take(), p.w_hh = take(), p.bias = take(), p.h0 = take(), p.c0 = take();
    p.y = take(), p.gates = take(), p.cells = take(), p.h_end = take(), p.c_end = take();
    all.push_back(p);
  }
  return all;
}
inline std::vector<LstmBackward> lstm_backward_of(std::span<const View> v, int layers) {
  std::vector<LstmBackward> all;
  auto take = [&, i = std::size_t{0}]() mutable { return v[i++]; };
  for (int l = 0; l < layers; ++l) {
    LstmBackward p;
    p.x = l == 0 ? take() : all.back().y;
    p.w_ih = take(), p.w_hh = take();
    take();  // the bias
    p.h0 = take(), p.c0 = take(), p.y = take(), p.gates = take(), p.cells = take();
    if (l + 1 == layers) p.dy = take();
    p.dh_end = take(), p.dc_end = take(), p.dgates = take(), p.dx = take();
    p.dw_ih = take(), p.dw_hh = take(), p.dbias = take(), p.dh0 = take(), p.dc0 = take();
    if (l > 0) all.back().dy = p.dx;
    all.push_back(p);
  }
  return all;
}

}  // namespace detail

/// A layer or a stack forward, and its gradient.
inline std::vector<BenchCase> lstm_benches() {
  std::vector<BenchCase> cases;
  for (const lstm_cases::Case& n : lstm_cases::benches()) {
    add_ladder_benches(
        cases, lstm_rungs(), [&](DType dtype) { return detail::lstm_bench(n, dtype, false); },
        [L = n.layers](Stream& s, std::span<const View> v) {
          lstm_stack_forward(s, detail::lstm_forward_of(v, L));
        },
        [L = n.layers](const LstmRung& rung, bool) {
          return [run = rung.forward, L](Stream& s, std::span<const View> v) {
            run(s, detail::lstm_forward_of(v, L), {});
          };
        });
    add_ladder_benches(
        cases, lstm_rungs(), [&](DType dtype) { return detail::lstm_bench(n, dtype, true); },
        [L = n.layers](Stream& s, std::span<const View> v) {
          lstm_stack_backward(s, detail::lstm_backward_of(v, L));
        },
        [L = n.layers](const LstmRung& rung, bool) {
          return [run = rung.backward, L](Stream& s, std::span<const View> v) {
            run(s, detail::lstm_backward_of(v, L), {});
          };
        });
  }
  return cases;
}

}  // namespace etude
