#include "engine/ops/reduce.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "kernels/reduce/reduce.h"

namespace etude {
namespace {

/// x's shape with the reduced dimensions set to 1.
Dims kept_shape(const char* op, const Tensor& x, const std::vector<int>& dims) {
  Dims shape = x.shape();
  for (int dim : dims) {
    const int at = dim < 0 ? dim + shape.rank : dim;
    require(at >= 0 && at < shape.rank, op, ": no dimension ", dim, " in shape ", x.shape());
    shape[at] = 1;
  }
  if (dims.empty()) {
    for (int i = 0; i < shape.rank; ++i) shape[i] = 1;
  }
  return shape;
}

/// The result's shape without the reduced dimensions.
Dims dropped_shape(const Tensor& x, const std::vector<int>& dims) {
  Dims shape;
  for (int i = 0; i < x.rank(); ++i) {
    bool reduced = dims.empty();
    for (int dim : dims) reduced |= i == (dim < 0 ? dim + x.rank() : dim);
    if (!reduced) shape.push_back(x.dim(i));
  }
  return shape;
}

Tensor scaled_sum(const char* op, const Tensor& x, const std::vector<int>& dims, bool keep,
                  double scale) {
  const Tensor y = Tensor::empty(kept_shape(op, x, dims), x.dtype(), x.device());
  reduce(x.stream(), Reduction::sum, x.view(), y.view(), scale);
  const Tensor result = record(op, y, {x}, [from = x.shape(), scale](const Tensor& dy, Needs) {
    return Grads{expand(scale == 1 ? dy : dy * scale, from)};
  });
  return keep ? result : reshape(result, dropped_shape(x, dims));
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& dims, bool keep) {
  if (x.dtype() == DType::bf16) return cast(sum(cast(x, DType::f32), dims, keep), DType::bf16);
  return scaled_sum("sum", x, dims, keep, 1);
}

Tensor mean(const Tensor& x, const std::vector<int>& dims, bool keep) {
  const std::int64_t n = x.numel() / std::max<std::int64_t>(1, numel(kept_shape("mean", x, dims)));
  require(n > 0, "mean: no elements in ", x.shape());
  return scaled_sum("mean", x, dims, keep, 1.0 / static_cast<double>(n));
}

Tensor max(const Tensor& x, const std::vector<int>& dims, bool keep) {
  const Tensor y = Tensor::empty(kept_shape("max", x, dims), x.dtype(), x.device());
  reduce(x.stream(), Reduction::max, x.view(), y.view());
  const Tensor hit = equal(x, y);
  const Tensor result = record("max", y, {x}, [hit, dims](const Tensor& dy, Needs) {
    return Grads{mul(hit, div(dy, sum(hit, dims, true)))};
  });
  return keep ? result : reshape(result, dropped_shape(x, dims));
}

Tensor argmax(const Tensor& x) {
  const Tensor y = Tensor::empty({x.dim(0)}, DType::i32, x.device());
  const NoGrad no_grad;
  argmax(x.stream(), contiguous(x).view(), y.view());
  return y;
}

}  // namespace etude
