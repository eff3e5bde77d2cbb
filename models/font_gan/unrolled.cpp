#include "models/font_gan/unrolled.h"

#include <cmath>

#include "engine/ops/elementwise.h"

namespace etude::font_gan {
namespace {

/// b x + (1 - b) y, y undefined for 0.
Tensor blend(double b, const Tensor& x, const Tensor& y) {
  return y.defined() ? x * b + y * (1 - b) : x * b;
}

}  // namespace

std::vector<Tensor> unrolled(
    const Adam& optimizer, std::span<const Tensor> weights, std::int64_t steps, bool through,
    const std::function<Tensor(std::int64_t, std::span<const Tensor>)>& loss) {
  const AdamOptions& o = optimizer.options();
  require(o.weight_decay == 0, "unrolled: an optimizer with weight decay is not supported");
  Adam::Moments moments = optimizer.moments();
  require(moments.first.size() == weights.size(), "unrolled: ", weights.size(),
          " weights, the optimizer has ", moments.first.size());
  const auto leaf = [](const Tensor& w) { return w.detach().set_requires_grad(true); };
  std::vector<Tensor> now, leaves;
  for (const Tensor& w : weights) now.push_back(leaf(w));
  leaves = now;
  for (std::int64_t t = 0; t < steps; ++t) {
    const std::vector<Tensor> gradients = grad(loss(t, now), now, through);
    const GradMode recording(through);
    const auto count = static_cast<double>(optimizer.steps() + t + 1);
    const double first_scale = 1 / (1 - std::pow(o.beta1, count));
    const double second_scale = 1 / (1 - std::pow(o.beta2, count));
    for (std::size_t i = 0; i < now.size(); ++i) {
      Tensor& m = moments.first[i];
      Tensor& v = moments.second[i];
      const Tensor& g = gradients[i];
      m = blend(o.beta1, m, g);
      v = blend(o.beta2, v, g.defined() ? square(g) : g);
      const Tensor step = m * pow(affine(v, second_scale, o.eps * o.eps), -0.5);
      now[i] = now[i] - step * (o.lr * first_scale);
      if (!through) now[i] = leaf(now[i]);
    }
  }
  // The present weights are constants of the result: backward() is not to collect their gradients.
  for (Tensor& w : leaves) w.set_requires_grad(false);
  if (!through) {
    for (Tensor& w : now) w.set_requires_grad(false);
  }
  return now;
}

}  // namespace etude::font_gan
