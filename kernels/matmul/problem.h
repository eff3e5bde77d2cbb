#pragma once
// The checked views of a product as plain numbers, in one form for every backend.

#include <algorithm>

#include "kernels/matmul/matmul.h"

namespace etude {

/// Strides of one operand in elements.
struct MatrixStrides {
  std::int64_t row, col, batch;
};

struct MatmulProblem {
  std::int64_t batch, m, n, k;
  MatrixStrides a, b;  // c is contiguous

  bool empty() const { return batch == 0 || m == 0 || n == 0; }
};

namespace detail {

/// An extent of 1 leaves its stride open; here it becomes the one that BLAS would ask for.
inline MatrixStrides matrix_strides(const View& x) {
  const int r = x.rank();
  MatrixStrides s{x.strides[r - 2], x.strides[r - 1], r == 3 ? x.strides[0] : 0};
  if (x.dim(r - 1) <= 1) s.col = 1;
  if (x.dim(r - 2) <= 1) s.row = s.col == 1 ? x.dim(r - 1) : 1;
  return s;
}

}  // namespace detail

/// Folds the batch into the rows where b is shared and a's rows run on from matrix to matrix, as in
/// a linear layer over [B, T, C]: one large product is faster than many small ones.
inline MatmulProblem matmul_problem(const View& a, const View& b, const View& c,
                                    const MatmulOptions& options) {
  const int r = c.rank();
  MatmulProblem p{.batch = r == 3 ? c.dim(0) : 1,
                  .m = c.dim(r - 2),
                  .n = c.dim(r - 1),
                  .k = options.alpha == 0 ? 0 : a.dim(r - 1),
                  .a = detail::matrix_strides(a),
                  .b = detail::matrix_strides(b)};
  const bool run_on = p.m == 1 || p.a.batch == p.m * p.a.row;
  if (p.batch > 1 && p.b.batch == 0 && p.a.col == 1 && run_on) {
    if (p.m == 1) p.a.row = p.a.batch;
    p.m *= p.batch;
    p.batch = 1;
  }
  return p;
}

/// An operand as BLAS takes it: row-major (or its transpose) with a leading dimension.
struct BlasMatrix {
  bool transposed;
  std::int64_t leading;
  bool valid;  // false: rows overlap (a broadcast or sliding window), which BLAS refuses

  BlasMatrix(const MatrixStrides& s, std::int64_t rows, std::int64_t cols)
      : transposed(s.col != 1),
        leading(transposed ? s.col : s.row),
        valid(leading >= std::max<std::int64_t>(1, transposed ? rows : cols)) {}
};

/// Threads for a product on the CPU: one where the work would not pay for waking more, and inside a
/// parallel region of the caller.
int matmul_threads(const MatmulProblem&);

}  // namespace etude
