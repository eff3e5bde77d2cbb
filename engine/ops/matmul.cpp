#include "engine/ops/matmul.h"

#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "kernels/matmul/matmul.h"

namespace etude {
namespace {

/// Whether the kernel can read x's matrices in place.
bool matrix_layout(const Tensor& x) {
  const std::int64_t rows = x.dim(-2), cols = x.dim(-1);
  const std::int64_t row_stride = x.strides()[x.rank() - 2], col_stride = x.strides()[x.rank() - 1];
  return (col_stride == 1 && row_stride >= cols) || (row_stride == 1 && col_stride >= rows);
}

Tensor as_matrices(const Tensor& x) { return matrix_layout(x) ? x : contiguous(x); }

/// [.., M, K] -> [batch, M, K].
Tensor fold_batch(const Tensor& x) {
  return x.rank() <= 3 ? x : reshape(x, {-1, x.dim(-2), x.dim(-1)});
}

/// Both operands of rank 2, or one of rank 3 and the other of rank 2 or 3 with the same batch.
Tensor matmul_folded(const Tensor& a0, const Tensor& b0) {
  const Tensor a = as_matrices(a0), b = as_matrices(b0);
  Dims shape = a.rank() >= b.rank() ? a.shape() : b.shape();
  shape[shape.rank - 2] = a.dim(-2);
  shape[shape.rank - 1] = b.dim(-1);
  const Tensor y = Tensor::empty(shape, a.dtype(), a.device());
  const auto with_batch = [&](const Tensor& t) {
    if (t.rank() == shape.rank) return t.view();
    const View v = t.view();
    return View(v.data, v.dtype, {shape[0], v.shape[0], v.shape[1]},
                {0, v.strides[0], v.strides[1]});
  };
  matmul(y.stream(), with_batch(a), with_batch(b), y.view());
  return record("matmul", y, {a, b}, [a = saved(a), b = saved(b)](const Tensor& dy, Needs needs) {
    // A matrix shared by the batch gets the sum over it.
    return Grads{needs[0] ? sum_to(matmul(dy, transpose(b)), a.get().shape()) : Tensor(),
                 needs[1] ? sum_to(matmul(transpose(a), dy), b.get().shape()) : Tensor()};
  });
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  require(a.rank() >= 2 && b.rank() >= 2 && a.dim(-1) == b.dim(-2), "matmul: ", a.shape(), " x ",
          b.shape(), " do not fit: columns of the first must equal rows of the second");
  require_together("matmul", a, b);
  if (a.rank() == 2 && b.rank() == 2) return matmul_folded(a, b);
  Dims shape = a.rank() >= b.rank() ? a.shape() : b.shape();
  if (a.rank() > 2 && b.rank() > 2) {
    bool same = a.rank() == b.rank();
    for (int i = 0; same && i < a.rank() - 2; ++i) same = a.shape()[i] == b.shape()[i];
    require(same, "matmul: leading dimensions of ", a.shape(), " and ", b.shape(), " differ");
  }
  shape[shape.rank - 2] = a.dim(-2);
  shape[shape.rank - 1] = b.dim(-1);
  // Many rows against one matrix are one product of tall shape.
  if (b.rank() == 2 && a.contiguous()) {
    return reshape(matmul_folded(reshape(a, {-1, a.dim(-1)}), b), shape);
  }
  return reshape(matmul_folded(fold_batch(a), fold_batch(b)), shape);
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) {
  require(w.rank() == 2 && x.rank() >= 1 && x.dim(-1) == w.dim(1), "linear: x has shape ",
          x.shape(), ", the weight [out, in] = ", w.shape(), ": the last extent of x must be in");
  require(!b.defined() || b.shape() == Dims{w.dim(0)}, "linear: bias of shape ",
          b.defined() ? b.shape() : Dims{}, " for ", w.dim(0), " outputs");
  require_together("linear", x, w);
  if (b.defined()) require_together("linear", x, b);
  const Tensor rows = contiguous(reshape(x, {-1, x.dim(-1)}));
  const Tensor y = Tensor::empty({rows.dim(0), w.dim(0)}, x.dtype(), x.device());
  const Tensor weight = as_matrices(w), bias = b.defined() ? contiguous(b) : b;
  matmul(y.stream(), rows.view(), transpose(weight.detach()).view(), y.view(),
         {.bias = bias.defined() ? bias.view() : View()});
  const Tensor result =
      record("linear", y, {rows, weight, bias},
             [rows = saved(rows), w = saved(weight)](const Tensor& dy, Needs needs) {
               return Grads{needs[0] ? matmul(dy, w) : Tensor(),
                            needs[1] ? matmul(transpose(dy), rows) : Tensor(),
                            needs[2] ? sum(dy, {0}) : Tensor()};
             });
  Dims shape = x.shape();
  shape[shape.rank - 1] = w.dim(0);
  return reshape(result, shape);
}

}  // namespace etude
