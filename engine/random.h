#pragma once
// Random tensors. Every draw is a pure function of (seed, stream, offset): see
// kernels/core/philox.h.

#include "engine/autograd.h"
#include "engine/tensor.h"
#include "kernels/core/philox.h"

namespace etude {

/// A position in one random sequence. Give each purpose (weights, latents, dropout, data order) its
/// own stream number of the run's seed: then adding a draw to one does not move the others.
/// `offset` is the whole state; saving and restoring it resumes the sequence.
class Generator {
 public:
  Generator(std::uint64_t seed, std::uint64_t stream) : key_{seed, stream, 0} {}

  /// A key for `draws` 32-bit draws; advances past them.
  PhiloxKey take(std::int64_t draws);
  std::uint64_t offset() const { return key_.offset; }
  void set_offset(std::uint64_t offset) { key_.offset = offset; }
  /// A uniform integer in [0, below), without bias.
  std::uint64_t below(std::uint64_t below);
  /// A random order of 0 .. n-1 (Fisher & Yates).
  std::vector<std::int64_t> permutation(std::int64_t n);

 private:
  PhiloxKey key_;
};

Tensor uniform(Generator& generator, const Dims& shape, double lo = 0, double hi = 1,
               DType dtype = DType::f32, Device device = Device::cpu);
Tensor normal(Generator& generator, const Dims& shape, double mean = 0, double sd = 1,
              DType dtype = DType::f32, Device device = Device::cpu);

/// Zeroes each element with probability p and scales the rest by 1 / (1 - p), after an optional
/// leaky ReLU. With `per_channel` (x: [B, C, ...]) whole channels are dropped together.
/// Differentiable any number of times: the mask is drawn again, not stored.
/// Source: Srivastava et al. 2014; channels: Tompson et al. 2015, section 3.2.
Tensor dropout(Generator& generator, const Tensor& x, double p, bool per_channel = false,
               double slope = 1);

}  // namespace etude
