#include "models/font_gan/spectral.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace etude::font_gan {
namespace {

Tensor as_matrix(const Tensor& w) { return reshape(w, {w.dim(0), -1}); }

Tensor unit(const Tensor& x) { return x / sqrt(sum(square(x)) + 1e-24); }

}  // namespace

SpectralNorm::SpectralNorm(const Module& network, Generator& random) {
  for (const auto& [name, w] : network.parameters()) {
    Pair& pair = pairs_.emplace_back();
    if (w.rank() < 2) continue;
    pair.u = unit(normal(random, {w.dim(0), 1}, 0, 1, w.dtype(), w.device()));
  }
  for (int i = 0; i < 10; ++i) iterate(network);
}

void SpectralNorm::iterate(const Module& network) {
  const NoGrad no_grad;
  const std::vector<Module::Named> parameters = network.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto& [u, v] = pairs_[i];
    if (!u.defined()) continue;
    const Tensor w = as_matrix(parameters[i].second);
    v = unit(matmul(transpose(w), u));
    u = unit(matmul(w, v));
  }
}

std::vector<Tensor> SpectralNorm::normalised(std::span<const Tensor> weights) const {
  require(weights.size() == pairs_.size(), "spectral norm: ", weights.size(), " weights, made for ",
          pairs_.size());
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto& [u, v] = pairs_[i];
    result.push_back(u.defined() ? weights[i] / sum(u * matmul(as_matrix(weights[i]), v))
                                 : weights[i]);
  }
  return result;
}

void SpectralNorm::state(State& s, const std::string& prefix) {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (pairs_[i].u.defined()) s.tensor(prefix + ".u" + std::to_string(i), pairs_[i].u);
  }
}

}  // namespace etude::font_gan
