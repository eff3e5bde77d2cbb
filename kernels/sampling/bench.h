#pragma once
#include <sstream>

#include "kernels/core/bench.h"
#include "kernels/sampling/cases.h"
#include "kernels/sampling/sampling.h"

namespace etude {
namespace detail {

inline std::string sampling_bench_shape(const sampling_cases::Case& x) {
  std::ostringstream text;
  text << bench_shape({x.rows, x.vocabulary});
  if (x.top_k) text << " top-k " << x.top_k;
  if (x.top_p < 1) text << " top-p " << x.top_p;
  if (x.history) text << " history " << x.history;
  return text.str();
}

}  // namespace detail

/// Every rung, and the CPU: logits, history, id, log_prob, flag.
inline std::vector<BenchCase> sampling_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const sampling_cases::Case& x : sampling_cases::benches()) {
    const auto make = [&](DType dtype) {
      BenchCase c{.operation = "sample", .shape = detail::sampling_bench_shape(x), .dtype = dtype};
      c.operands = {{.shape = {x.rows, x.vocabulary}, .lo = -x.scale, .hi = x.scale},
                    {.shape = {x.rows, x.history},
                     .dtype = DType::i32,
                     .lo = 0,
                     .hi = static_cast<double>(x.vocabulary)},
                    {.role = out, .shape = {x.rows}, .dtype = DType::i32},
                    {.role = out, .shape = {x.rows}},
                    {.role = out, .shape = {x.rows}, .dtype = DType::i32}};
      c.bytes = least_bytes(c.operands);
      c.numbers = {{"temperature", x.temperature},
                   {"top_k", static_cast<double>(x.top_k)},
                   {"top_p", x.top_p},
                   {"repetition_penalty", x.penalty}};
      return c;
    };
    const auto runner = [x](auto run) {
      return [x, run](Stream& s, std::span<const View> v) {
        SamplingParams p{x.temperature, x.top_k, x.top_p, x.penalty};
        if (x.history) p.history = v[1];
        run(s, PhiloxKey{1, 2, 3}, v[0], v[2], v[3], v[4], p);
      };
    };
    add_ladder_benches(cases, sampling_rungs(), make,
                       runner([](Stream& s, const auto&... a) { sample(s, a...); }),
                       [&](const SamplingRung& rung, bool) { return runner(rung.run); });
  }
  return cases;
}

}  // namespace etude
