#pragma once
#include "kernels/core/bench.h"
#include "kernels/embedding/cases.h"
#include "kernels/embedding/embedding.h"

namespace etude {

/// embedding (ids, w, y) and its gradient by every rung, and on the CPU (ids, dy, dw).
inline std::vector<BenchCase> embedding_benches() {
  std::vector<BenchCase> cases;
  using enum BenchOperand::Role;
  for (const embedding_cases::Case& x : embedding_cases::benches()) {
    const BenchOperand ids{.shape = {x.n},
                           .dtype = DType::i32,
                           .lo = 0,
                           .hi = x.pad == 1 ? 1 : static_cast<double>(x.rows)};
    const std::string shape = bench_shape({x.n}) + " of " + bench_shape({x.rows, x.cols}) +
                              (x.pad == 1 ? " all one id" : "");
    const auto make = [&](const char* operation, DType dtype) {
      BenchCase c{.operation = operation, .shape = shape, .dtype = dtype};
      c.numbers = {{"rows", static_cast<double>(x.rows)}};
      return c;
    };
    for (DType dtype : {DType::f32, DType::bf16}) {
      BenchCase c = make("embedding", dtype);
      const BenchOperand rows{.role = out, .shape = {x.n, x.cols}, .dtype = dtype};
      c.operands = {ids, {.shape = {x.rows, x.cols}, .dtype = dtype}, rows};
      c.bytes = ids.bytes() + 2 * rows.bytes();  // at most: ids repeat, and rows stay in a cache
      const auto call = [](Stream& s, std::span<const View> v) { embedding(s, v[0], v[1], v[2]); };
      c.runners = bench_both_devices(call);
      if (dtype == DType::bf16) c.runners.erase(c.runners.begin());
      cases.push_back(std::move(c));
    }
    const auto grad = [&](DType dtype) {
      BenchCase c = make("embedding_grad", dtype);
      c.operands = {ids,
                    {.shape = {x.n, x.cols}, .dtype = dtype},
                    {.role = out, .shape = {x.rows, x.cols}, .dtype = dtype}};
      c.bytes = least_bytes(c.operands);
      return c;
    };
    add_ladder_benches(
        cases, embedding_rungs(), grad,
        [](Stream& s, std::span<const View> v) { embedding_grad(s, v[0], v[1], v[2]); },
        [](const EmbeddingRung& rung, bool) {
          return [run = rung.run](Stream& s, std::span<const View> v) { run(s, v[0], v[1], v[2]); };
        });
  }
  return cases;
}

}  // namespace etude
