#include "engine/ops/embedding.h"

#include "engine/ops/shape.h"
#include "kernels/embedding/embedding.h"

namespace etude {
namespace {

Tensor rows_of(const Tensor& w, const Tensor& ids);

/// dw[v] = sum of dy[n] over ids[n] = v; linear in dy, with embedding as its transpose.
Tensor sum_by_id(const Tensor& dy0, const Tensor& ids, std::int64_t rows) {
  const Tensor dy = contiguous(dy0);
  const Tensor dw = Tensor::empty({rows, dy.dim(1)}, dy.dtype(), dy.device());
  embedding_grad(dy.stream(), ids.view(), dy.view(), dw.view());
  return record("embedding_grad", dw, {dy},
                [ids = saved(ids)](const Tensor& ddw, Needs) { return Grads{rows_of(ddw, ids)}; });
}

/// ids: [N], contiguous.
Tensor rows_of(const Tensor& w0, const Tensor& ids) {
  const Tensor w = contiguous(w0);
  const Tensor y = Tensor::empty({ids.dim(0), w.dim(1)}, w.dtype(), w.device());
  embedding(w.stream(), ids.view(), w.view(), y.view());
  return record("embedding", y, {w}, [ids = saved(ids), rows = w.dim(0)](const Tensor& dy, Needs) {
    return Grads{sum_by_id(dy, ids, rows)};
  });
}

}  // namespace

Tensor embedding(const Tensor& w, const Tensor& ids) {
  require(w.rank() == 2, "embedding: the table must be [V, E], not ", w.shape());
  require(ids.dtype() == DType::i32, "embedding: ids must be i32, not ", name_of(ids.dtype()));
  require(ids.device() == w.device(), "embedding: the table is on ", name_of(w.device()),
          ", ids on ", name_of(ids.device()));
  Dims shape = ids.shape();
  shape.push_back(w.dim(1));
  return reshape(rows_of(w, contiguous(reshape(ids, {ids.numel()}))), shape);
}

}  // namespace etude
