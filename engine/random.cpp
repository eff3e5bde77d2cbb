#include "engine/random.h"

#include <numeric>

#include "engine/ops/shape.h"
#include "kernels/random/random.h"

namespace etude {
namespace {

struct Mask {
  PhiloxKey key;
  double p;
  std::int64_t group;
  double slope;
};

/// dy through the mask and the activation at x; linear in dy, so its own gradient is itself.
Tensor masked_grad(const Tensor& dy0, const Tensor& x, const Mask& m) {
  const Tensor dy = contiguous(dy0);
  const Tensor dx = Tensor::empty_like(dy);
  dropout_grad(dy.stream(), m.key, dy.view(), x.view(), dx.view(), m.p, m.group, m.slope);
  return record("dropout_grad", dx, {dy}, [x = saved(x), m](const Tensor& ddx, Needs) {
    return Grads{masked_grad(ddx, x, m)};
  });
}

}  // namespace

PhiloxKey Generator::take(std::int64_t draws) {
  const PhiloxKey key = key_;
  key_.offset += philox_blocks(draws);
  return key;
}

std::uint64_t Generator::below(std::uint64_t below) {
  require(below > 0, "Generator::below: the range is empty");
  // Draws from the last, incomplete multiple of `below` are rejected.
  const std::uint64_t limit = ~std::uint64_t{0} / below * below;
  for (;;) {
    const Philox4 block = philox(take(4), 0);
    const std::uint64_t draw = std::uint64_t{block.word[0]} << 32 | block.word[1];
    if (draw < limit) return draw % below;
  }
}

std::vector<std::int64_t> Generator::permutation(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t i = n - 1; i > 0; --i) {
    std::swap(order[i], order[below(static_cast<std::uint64_t>(i) + 1)]);
  }
  return order;
}

Tensor uniform(Generator& generator, const Dims& shape, double lo, double hi, DType dtype,
               Device device) {
  const Tensor y = Tensor::empty(shape, dtype, device);
  fill_uniform(y.stream(), generator.take(y.numel()), y.view(), lo, hi);
  return y;
}

Tensor normal(Generator& generator, const Dims& shape, double mean, double sd, DType dtype,
              Device device) {
  const Tensor y = Tensor::empty(shape, dtype, device);
  fill_normal(y.stream(), generator.take(y.numel()), y.view(), mean, sd);
  return y;
}

Tensor dropout(Generator& generator, const Tensor& x0, double p, bool per_channel, double slope) {
  require(p >= 0 && p < 1, "dropout: p = ", p, " is not in [0, 1)");
  require(!per_channel || x0.rank() >= 2, "dropout: channels of shape ", x0.shape());
  const Tensor x = contiguous(x0);
  const std::int64_t channels = per_channel ? x.dim(0) * x.dim(1) : x.numel();
  const std::int64_t group = channels ? x.numel() / channels : 1;
  const Mask m{generator.take(channels), p, std::max<std::int64_t>(1, group), slope};
  const Tensor y = Tensor::empty_like(x);
  dropout(x.stream(), m.key, x.view(), y.view(), m.p, m.group, m.slope);
  return record("dropout", y, {x}, [x = saved(x), m](const Tensor& dy, Needs) {
    return Grads{masked_grad(dy, x, m)};
  });
}

}  // namespace etude
