#pragma once
// Views and movements: what changes a tensor's shape, place or dtype but no value.

#include <span>

#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// A view of the same elements in row-major order (a copy if x is not contiguous). One extent may
/// be -1: it is inferred.
Tensor reshape(const Tensor& x, const Dims& shape);
/// Dimension i of the result is dimension order[i] of x. A view.
Tensor permute(const Tensor& x, const Dims& order);
/// Swaps two dimensions (negative: from the end). A view.
Tensor transpose(const Tensor& x, int a = -2, int b = -1);
/// Elements [begin, end) of a dimension. A view.
Tensor slice(const Tensor& x, int dim, std::int64_t begin, std::int64_t end);
/// x repeated along dimensions of extent 1 and new leading ones, by stride 0. A view.
Tensor expand(const Tensor& x, const Dims& shape);
/// x itself, or a row-major copy if it is not contiguous.
Tensor contiguous(const Tensor& x);
/// Tensors that differ only in dimension `dim`, one after the other.
Tensor concat(std::span<const Tensor> parts, int dim);
inline Tensor concat(std::initializer_list<Tensor> parts, int dim) {
  return concat(std::span(parts.begin(), parts.size()), dim);
}
/// Sums over what broadcasting `shape` to x's shape repeated; the gradient of expand.
Tensor sum_to(const Tensor& x, const Dims& shape);
/// A copy in another dtype; x itself if it has it.
Tensor cast(const Tensor& x, DType dtype);
/// A copy on another device; x itself if it is there.
Tensor to_device(const Tensor& x, Device device);
/// Rows of x: [N, ...] by index, as a copy: y[i] = x[rows[i]]. Outside the graph (for data).
Tensor take_rows(const Tensor& x, std::span<const std::int64_t> rows);

/// The shape two operands broadcast to; Error that names `op` if they do not.
Dims broadcast_shape(const char* op, const Dims& a, const Dims& b);
/// x as the kernels see it when broadcast to `shape`.
View broadcast_view(const Tensor& x, const Dims& shape);

}  // namespace etude
