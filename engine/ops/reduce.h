#pragma once
// Sums, means, extremes. `dims` may hold negative numbers; empty means all dimensions.

#include <span>
#include <vector>

#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

/// With keep, reduced dimensions stay with extent 1; else they go. A sum of bf16 is rounded once.
Tensor sum(const Tensor& x, const std::vector<int>& dims = {}, bool keep = false);
Tensor mean(const Tensor& x, const std::vector<int>& dims = {}, bool keep = false);
/// The gradient is shared equally among equal maxima.
Tensor max(const Tensor& x, const std::vector<int>& dims = {}, bool keep = false);
/// Index of the first maximum of each row; x: [rows, cols] -> [rows] i32. No gradient.
Tensor argmax(const Tensor& x);

}  // namespace etude
