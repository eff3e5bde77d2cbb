#pragma once
#include "kernels/core/bench.h"
#include "kernels/matmul/cases.h"
#include "kernels/matmul/matmul.h"

namespace etude {
namespace detail {

/// A factor [(batch,) rows, cols]; `column` has its columns without gaps instead of its rows.
inline BenchOperand bench_matrix(DType dtype, std::int64_t batch, std::int64_t rows,
                                 std::int64_t cols, matmul_cases::Layout layout) {
  using enum matmul_cases::Layout;
  require(layout == row || layout == column, "matmul_benches: a case may be row or column");
  BenchOperand x{.shape = {rows, cols}, .dtype = dtype};
  Dims strides = layout == row ? Dims{cols, 1} : Dims{1, rows};
  if (batch) {
    x.shape = {batch, rows, cols};
    strides = {rows * cols, strides[0], strides[1]};
  }
  x.strides = strides;
  return x;
}

inline BenchCase matmul_bench(const matmul_cases::Case& x, DType dtype) {
  BenchCase c{.operation = "matmul", .dtype = dtype};
  const bool a_t = x.a == matmul_cases::Layout::column, b_t = x.b == matmul_cases::Layout::column;
  c.shape = (x.batch ? std::to_string(x.batch) + " of " : "") + bench_shape({x.m, x.n, x.k}) +
            (a_t ? " a^T" : "") + (b_t ? " b^T" : "");
  const std::int64_t batch = std::max<std::int64_t>(1, x.batch);
  c.flops = 2.0 * batch * x.m * x.n * x.k;
  c.operands = {bench_matrix(dtype, x.batch, x.m, x.k, x.a),
                bench_matrix(dtype, x.batch, x.k, x.n, x.b),
                bench_matrix(dtype, x.batch, x.m, x.n, matmul_cases::Layout::row)};
  c.operands[2].role = BenchOperand::Role::out;
  c.bytes = least_bytes(c.operands);
  return c;
}

}  // namespace detail

/// Products m x n x k of operands a, b, c.
inline std::vector<BenchCase> matmul_benches() {
  std::vector<BenchCase> cases;
  for (const matmul_cases::Case& x : matmul_cases::benches()) {
    const MatmulOptions options{.alpha = x.alpha, .beta = x.beta};
    add_ladder_benches(
        cases, matmul_rungs(), [&](DType dtype) { return detail::matmul_bench(x, dtype); },
        [options](Stream& s, std::span<const View> v) { matmul(s, v[0], v[1], v[2], options); },
        [options](const MatmulRung& rung, bool tf32) {
          MatmulOptions own = options;
          own.tf32 = tf32;
          return [run = rung.run, own](Stream& s, std::span<const View> v) {
            run(s, v[0], v[1], v[2], own);
          };
        });
  }
  return cases;
}

}  // namespace etude
