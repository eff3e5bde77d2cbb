#pragma once
#include <span>

#include "engine/nn/module.h"

namespace etude::font_gan {

/// Divides the weights of a network by their largest singular values: matrices as they are, kernels
/// of convolutions as [out, rest]; biases stay. The singular value is estimated by power iteration,
/// one per training step, from a vector u that is kept; the gradient flows through it,
/// d sigma / dW = u v^T.
/// Source: Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
/// Algorithm 1.
class SpectralNorm {
 public:
  /// Ten iterations from random vectors, so that the first step already has an estimate.
  SpectralNorm(const Module& network, Generator& random);
  /// One iteration at the network's weights.
  void iterate(const Module& network);
  /// `weights` in the order of the network's parameters, of the network or of another moment of it.
  std::vector<Tensor> normalised(std::span<const Tensor> weights) const;
  /// The vectors u.
  void state(State& s, const std::string& prefix);

 private:
  struct Pair {
    Tensor u, v;  // [out, 1], [rest, 1]; undefined for what is no matrix
  };
  std::vector<Pair> pairs_;
};

}  // namespace etude::font_gan
