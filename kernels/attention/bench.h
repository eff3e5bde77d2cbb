#pragma once
#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/attention/cases.h"
#include "kernels/core/bench.h"

namespace etude {
namespace detail {

inline AttentionOptions attention_bench_options(const attention_cases::Case& n) {
  return {.causal = n.causal,
          .scale = 1 / std::sqrt(static_cast<double>(n.D)),
          .dropout = n.dropout,
          .key = {1, 2, 3}};
}

/// q, k, v, parts of one projection [B, T, 3, H, D]; y, as [B, T, H, D], lse; then dy, dq, dk, dv.
inline BenchCase attention_bench(const attention_cases::Case& n, DType dtype, bool backward) {
  using enum BenchOperand::Role;
  BenchCase c{
      .operation = backward ? "attention_grad" : "attention", .shape = n.name(), .dtype = dtype};
  const auto add = [&](BenchOperand::Role role, std::int64_t rows, std::int64_t parts) {
    c.operands.push_back({.role = role,
                          .shape = {n.B, n.H, rows, n.D},
                          .dtype = dtype,
                          .strides = {rows * parts * n.H * n.D, n.D, parts * n.H * n.D, 1}});
  };
  const auto saved = backward ? in : out;
  add(in, n.T, 3), add(in, n.S, 3), add(in, n.S, 3), add(saved, n.T, 1);
  // In the gradient large enough for probabilities below 1.
  c.operands.push_back({.role = saved, .shape = {n.B, n.H, n.T}, .lo = 8, .hi = 9});
  if (backward) add(in, n.T, 1), add(out, n.T, 3), add(out, n.S, 3), add(out, n.S, 3);
  // The scores that some query sees; a product of them and the heads' dimensions costs 2 * D each.
  const double seen = n.causal ? (n.S - n.T) + (n.T + 1) / 2.0 : static_cast<double>(n.S);
  c.flops = (backward ? 10.0 : 4.0) * n.B * n.H * n.T * seen * n.D;
  c.bytes = least_bytes(c.operands);
  c.numbers = {{"causal", n.causal ? 1.0 : 0.0},
               {"scale", attention_bench_options(n).scale},
               {"dropout", n.dropout}};
  c.part_of = "attention " + c.shape;
  return c;
}

inline AttentionForward attention_forward_of(std::span<const View> v, const AttentionOptions& o) {
  return {.q = v[0], .k = v[1], .v = v[2], .y = v[3], .lse = v[4], .options = o};
}
inline AttentionBackward attention_backward_of(std::span<const View> v, const AttentionOptions& o) {
  return {.q = v[0],
          .k = v[1],
          .v = v[2],
          .y = v[3],
          .lse = v[4],
          .dy = v[5],
          .dq = v[6],
          .dk = v[7],
          .dv = v[8],
          .options = o};
}

/// q, k, v, lengths, y: caches that are full.
inline BenchCase attention_decode_bench(const attention_cases::DecodeCase& n, DType dtype) {
  using enum BenchOperand::Role;
  BenchCase c{.operation = "attention_decode", .shape = n.name(), .dtype = dtype};
  const auto full = static_cast<double>(n.capacity);
  c.operands = {{.shape = {n.B, n.H, n.D}, .dtype = dtype},
                {.shape = {n.B, n.H, n.capacity, n.D}, .dtype = dtype},
                {.shape = {n.B, n.H, n.capacity, n.D}, .dtype = dtype},
                {.shape = {n.B}, .dtype = DType::i32, .lo = full, .hi = full + 1},
                {.role = out, .shape = {n.B, n.H, n.D}, .dtype = dtype}};
  c.bytes = least_bytes(c.operands);
  c.numbers = {{"scale", 1 / std::sqrt(static_cast<double>(n.D))}};
  return c;
}

inline AttentionDecode attention_decode_of(std::span<const View> v) {
  const auto D = static_cast<double>(v[0].dim(2));
  return {.q = v[0], .k = v[1], .v = v[2], .lengths = v[3], .y = v[4], .scale = 1 / std::sqrt(D)};
}

}  // namespace detail

/// Forward, the gradient, and a step of a generation.
inline std::vector<BenchCase> attention_benches() {
  std::vector<BenchCase> cases;
  for (const attention_cases::Case& n : attention_cases::benches()) {
    const AttentionOptions o = detail::attention_bench_options(n);
    const auto forward = [o](auto run) {
      return [o, run](Stream& s, std::span<const View> v) {
        run(s, detail::attention_forward_of(v, o));
      };
    };
    const auto backward = [o](auto run) {
      return [o, run](Stream& s, std::span<const View> v) {
        run(s, detail::attention_backward_of(v, o));
      };
    };
    add_ladder_benches(
        cases, attention_rungs(), [&](DType t) { return detail::attention_bench(n, t, false); },
        forward(attention_forward),
        [&](const AttentionRung& rung, bool) { return forward(rung.forward); });
    add_ladder_benches(
        cases, attention_rungs(), [&](DType t) { return detail::attention_bench(n, t, true); },
        backward(attention_backward),
        [&](const AttentionRung& rung, bool) { return backward(rung.backward); });
  }
  for (const attention_cases::DecodeCase& n : attention_cases::decode_benches()) {
    const auto runner = [](auto run) {
      return [run](Stream& s, std::span<const View> v) { run(s, detail::attention_decode_of(v)); };
    };
    add_ladder_benches(
        cases, attention_decode_rungs(),
        [&](DType t) { return detail::attention_decode_bench(n, t); }, runner(attention_decode),
        [&](const AttentionDecodeRung& rung, bool) { return runner(rung.run); });
  }
  return cases;
}

}  // namespace etude
