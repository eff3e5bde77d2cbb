#include "engine/gradcheck.h"

#include <cmath>
#include <sstream>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/random.h"

namespace etude {
namespace {

std::vector<Tensor> as_leaves(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) {
    require(input.dtype() == DType::f64 && input.device() == Device::cpu,
            "gradcheck: inputs must be f64 on the cpu, not ", name_of(input.dtype()), " on ",
            name_of(input.device()));
    leaves.push_back(input.clone().set_requires_grad(true));
  }
  return leaves;
}

double value_at(const TensorFunction& f, const std::vector<Tensor>& leaves, const Tensor& weights) {
  // Not under NoGrad: f may differentiate inside.
  return sum(mul(f(leaves).detach(), weights)).item();
}

/// d(sum(weights * f)) / d(element) by 4-point central differences, the element moved in place.
double numeric_gradient(const TensorFunction& f, const std::vector<Tensor>& leaves,
                        const Tensor& weights, double& element, double step) {
  const double centre = element;
  const auto at = [&](double offset) {
    element = centre + offset;
    return value_at(f, leaves, weights);
  };
  const double d = (at(-2 * step) - 8 * at(-step) + 8 * at(step) - at(2 * step)) / (12 * step);
  element = centre;
  return d;
}

}  // namespace

GradcheckResult gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs, double step) {
  const std::vector<Tensor> leaves = as_leaves(inputs);
  Generator generator(1234, 0);
  const Tensor y = f(leaves);
  const Tensor weights = uniform(generator, y.shape(), -1, 1, DType::f64);
  const std::vector<Tensor> grads = grad(sum(mul(y, weights)), leaves);
  GradcheckResult result;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::vector<double> analytic =
        grads[i].defined() ? grads[i].to_vector<double>()
                           : std::vector<double>(static_cast<std::size_t>(leaves[i].numel()), 0.0);
    for (std::size_t k = 0; k < analytic.size(); ++k) {
      double& element = leaves[i].view().as<double>()[k];
      const double numeric = numeric_gradient(f, leaves, weights, element, step);
      const double error = std::abs(analytic[k] - numeric) /
                           std::max({1.0, std::abs(analytic[k]), std::abs(numeric)});
      if (error > result.max_error || std::isnan(error)) {
        std::ostringstream text;
        text << "input " << i << " element " << k << ": analytic " << analytic[k] << ", numeric "
             << numeric;
        result = {std::isnan(error) ? INFINITY : error, text.str()};
      }
    }
  }
  return result;
}

GradcheckResult gradcheck_second_order(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                       double step) {
  Generator generator(4321, 0);
  std::vector<Tensor> all = inputs;
  all.push_back(uniform(generator, f(inputs).shape(), -1, 1, DType::f64));
  const std::size_t n = inputs.size();
  const TensorFunction gradient = [&f, n](const std::vector<Tensor>& x) {
    const GradMode recording(true);
    const std::vector<Tensor> leaves(x.begin(), x.begin() + static_cast<long>(n));
    const Tensor y = f(leaves);
    const std::vector<Tensor> grads = grad(sum(mul(y, x[n])), leaves, true);
    std::vector<Tensor> flat;
    for (const Tensor& g : grads) {
      if (g.defined()) flat.push_back(reshape(g, {-1}));
    }
    return concat(flat, 0);
  };
  return gradcheck(gradient, all, step);
}

}  // namespace etude
