#include "engine/ops/shape.h"

#include "engine/ops/reduce.h"
#include "kernels/copy/copy.h"

namespace etude {
namespace {

int normalized_dim(const char* op, const Tensor& x, int dim) {
  const int at = dim < 0 ? dim + x.rank() : dim;
  require(at >= 0 && at < x.rank(), op, ": no dimension ", dim, " in shape ", x.shape());
  return at;
}

/// x as a part of a larger tensor of zeros: the gradient of slice.
Tensor pad_zeros(const Tensor& x, int dim, std::int64_t begin, const Dims& shape) {
  Tensor y = Tensor::zeros(shape, x.dtype(), x.device());
  const Tensor window = y.alias(x.shape(), y.strides(), begin * y.strides()[dim]);
  copy(y.stream(), x.view(), window.view());
  return record("pad_zeros", y, {x}, [dim, begin, n = x.dim(dim)](const Tensor& dy, Needs) {
    return Grads{slice(dy, dim, begin, begin + n)};
  });
}

}  // namespace

Dims broadcast_shape(const char* op, const Dims& a, const Dims& b) {
  Dims shape = a.rank >= b.rank ? a : b;
  for (int i = 1; i <= std::min(a.rank, b.rank); ++i) {
    const std::int64_t m = a[a.rank - i], n = b[b.rank - i];
    require(m == n || m == 1 || n == 1, op, ": shapes ", a, " and ", b, " do not broadcast");
    shape[shape.rank - i] = m == 1 ? n : m;
  }
  return shape;
}

View broadcast_view(const Tensor& x, const Dims& shape) {
  View view = x.view();
  Dims strides = shape;
  for (int i = 0; i < shape.rank; ++i) {
    const int from = i - (shape.rank - x.rank());
    strides[i] = from < 0 || view.shape[from] == 1 ? 0 : view.strides[from];
  }
  // An extent of 1 that stays 1 keeps the row-major stride, so that a contiguous view stays so.
  if (x.shape() == shape) return view;
  return {view.data, view.dtype, shape, strides};
}

Tensor reshape(const Tensor& x, const Dims& shape) {
  Dims result = shape;
  std::int64_t known = 1;
  int inferred = -1;
  for (int i = 0; i < shape.rank; ++i) {
    if (shape[i] == -1) {
      require(inferred < 0, "reshape: more than one -1 in ", shape);
      inferred = i;
    } else {
      known *= shape[i];
    }
  }
  if (inferred >= 0) {
    require(known > 0 && x.numel() % known == 0, "reshape: ", x.shape(), " does not fit ", shape);
    result[inferred] = x.numel() / known;
  }
  require(numel(result) == x.numel(), "reshape: ", x.shape(), " does not fit ", shape);
  const Tensor packed = contiguous(x);
  return record("reshape", packed.alias(result, contiguous_strides(result), packed.impl().offset),
                {packed},
                [from = x.shape()](const Tensor& dy, Needs) { return Grads{reshape(dy, from)}; });
}

Tensor permute(const Tensor& x, const Dims& order) {
  require(order.rank == x.rank(), "permute: order ", order, " for shape ", x.shape());
  Dims shape = order, strides = order, inverse = order;
  unsigned seen = 0;
  for (int i = 0; i < order.rank; ++i) {
    const std::int64_t from = order[i];
    require(from >= 0 && from < order.rank && !(seen >> from & 1), "permute: ", order,
            " is not an order of the dimensions");
    seen |= 1u << from;
    shape[i] = x.shape()[static_cast<int>(from)];
    strides[i] = x.strides()[static_cast<int>(from)];
    inverse[static_cast<int>(from)] = i;
  }
  return record("permute", x.alias(shape, strides, x.impl().offset), {x},
                [inverse](const Tensor& dy, Needs) { return Grads{permute(dy, inverse)}; });
}

Tensor transpose(const Tensor& x, int a, int b) {
  Dims order = x.shape();
  for (int i = 0; i < order.rank; ++i) order[i] = i;
  std::swap(order[normalized_dim("transpose", x, a)], order[normalized_dim("transpose", x, b)]);
  return permute(x, order);
}

Tensor slice(const Tensor& x, int dim, std::int64_t begin, std::int64_t end) {
  const int at = normalized_dim("slice", x, dim);
  require(0 <= begin && begin <= end && end <= x.dim(at), "slice: [", begin, ", ", end,
          ") of dimension ", at, " in shape ", x.shape());
  Dims shape = x.shape();
  shape[at] = end - begin;
  const std::int64_t offset = x.impl().offset + begin * x.strides()[at];
  return record("slice", x.alias(shape, x.strides(), offset), {x},
                [at, begin, from = x.shape()](const Tensor& dy, Needs) {
                  return Grads{pad_zeros(dy, at, begin, from)};
                });
}

Tensor expand(const Tensor& x, const Dims& shape) {
  require(broadcast_shape("expand", x.shape(), shape) == shape, "expand: ", x.shape(),
          " does not repeat to ", shape);
  const View view = broadcast_view(x, shape);
  return record("expand", x.alias(shape, view.strides, x.impl().offset), {x},
                [from = x.shape()](const Tensor& dy, Needs) { return Grads{sum_to(dy, from)}; });
}

Tensor contiguous(const Tensor& x) {
  if (x.contiguous()) return x;
  return record("contiguous", x.clone(), {x}, [](const Tensor& dy, Needs) { return Grads{dy}; });
}

Tensor concat(std::span<const Tensor> parts, int dim) {
  require(!parts.empty(), "concat: no tensors");
  const int at = normalized_dim("concat", parts[0], dim);
  Dims shape = parts[0].shape();
  Dims sizes;
  std::int64_t total = 0;
  std::vector<std::int64_t> begins;
  for (const Tensor& part : parts) {
    require(part.rank() == shape.rank && part.dtype() == parts[0].dtype() &&
                part.device() == parts[0].device(),
            "concat: parts differ in rank, dtype or device: ", parts[0].shape(), " and ",
            part.shape());
    for (int i = 0; i < shape.rank; ++i) {
      require(i == at || part.shape()[i] == shape[i], "concat: ", parts[0].shape(), " and ",
              part.shape(), " differ outside dimension ", at);
    }
    begins.push_back(total);
    total += part.dim(at);
  }
  begins.push_back(total);
  shape[at] = total;
  Tensor y = Tensor::empty(shape, parts[0].dtype(), parts[0].device());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Tensor window = y.alias(parts[i].shape(), y.strides(), begins[i] * y.strides()[at]);
    copy(y.stream(), parts[i].view(), window.view());
  }
  return record("concat", y, parts, [at, begins](const Tensor& dy, Needs needs) {
    Grads grads;
    for (std::size_t i = 0; i + 1 < begins.size(); ++i) {
      grads.push_back(needs[static_cast<int>(i)] ? slice(dy, at, begins[i], begins[i + 1])
                                                 : Tensor());
    }
    return grads;
  });
}

Tensor sum_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank;
  std::vector<int> dims;
  for (int i = 0; i < x.rank(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && x.dim(i) != 1)) dims.push_back(i);
  }
  return reshape(sum(x, dims, true), shape);
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const Tensor y = Tensor::empty(x.shape(), dtype, x.device());
  copy(y.stream(), x.view(), y.view());
  if (!is_float(dtype) || !is_float(x.dtype())) return y;
  return record("cast", y, {x},
                [from = x.dtype()](const Tensor& dy, Needs) { return Grads{cast(dy, from)}; });
}

Tensor to_device(const Tensor& x, Device device) {
  if (x.device() == device) return x;
  Tensor y = Tensor::empty(x.shape(), x.dtype(), device);
  y.copy_(x);
  return record("to_device", y, {x}, [from = x.device()](const Tensor& dy, Needs) {
    return Grads{to_device(dy, from)};
  });
}

Tensor take_rows(const Tensor& x, std::span<const std::int64_t> rows) {
  require(x.rank() >= 1 && x.contiguous(), "take_rows: x must be contiguous with rows, not ",
          x.shape());
  Dims shape = x.shape();
  shape[0] = static_cast<std::int64_t>(rows.size());
  const Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  const std::int64_t bytes = x.dim(0) ? x.view().bytes() / x.dim(0) : 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require(rows[i] >= 0 && rows[i] < x.dim(0), "take_rows: row ", rows[i], " of ", x.dim(0));
    copy_bytes(x.stream(),
               static_cast<std::byte*>(y.view().data) + static_cast<std::int64_t>(i) * bytes,
               x.device(), static_cast<const std::byte*>(x.view().data) + rows[i] * bytes,
               x.device(), static_cast<std::size_t>(bytes));
  }
  return y;
}

}  // namespace etude
