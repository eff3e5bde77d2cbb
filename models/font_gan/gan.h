#pragma once
// The game: two networks with their optimizers and random streams, and one step of it.

#include <memory>
#include <optional>

#include "engine/optim/adam.h"
#include "models/font_gan/losses.h"
#include "models/font_gan/spectral.h"

namespace etude::font_gan {

/// The networks that the settings ask for.
std::unique_ptr<GeneratorNetwork> make_generator(const Config& config, Init init);
std::unique_ptr<DiscriminatorNetwork> make_discriminator(const Config& config, Generator& dropout,
                                                         Init init);

/// The whole state of a run.
class Gan {
 public:
  /// Error for settings that exclude each other.
  Gan(const Config& config, Device device);

  /// Before training: the mean of the images to learn. See GeneratorNetwork.
  void begin_at(double brightness);
  /// The discriminator's updates, each on a batch of its own, then one generator update, on the
  /// last. real: [discriminator_updates() B, 1, 28, 28], letters: one-hot [.., 26] or undefined.
  /// Returns [6] on the device: the last d_loss, g_loss, means over the last batch of what D says
  /// of x and of G(z), as probabilities unless config.scores(), and the gradient norms of D and G.
  Tensor step(const Tensor& real, const Tensor& letters);

  /// [count, 1, 28, 28] from latents that depend only on the run's seed; a conditional network
  /// draws the letters A, B, ... in turn. With `average` the averaged generator makes them.
  Tensor samples(std::int64_t count);
  /// What the sampling generator makes of latents [N, 100] and, in a conditional network, letters
  /// [N, 26], rows that sum to 1. Gradients reach latents that ask for them, not the weights.
  Tensor images(const Tensor& z, const Tensor& letters);
  bool conditional() const { return config_.conditional; }
  Device device() const { return device_; }
  /// Draws samples() from other latents than the run's own.
  void reseed_samples(std::uint64_t seed) { sample_seed_ = seed; }

  void state(State& s);
  /// The part of it that samples() needs.
  void sampler_state(State& s);

 private:
  /// Copy number i of the discriminator at `weights`, normalised where the settings say so.
  DiscriminatorNetwork& copy_at(std::size_t i, std::span<const Tensor> weights);
  /// What the discriminator's weights are in the game, in and out of the graph with them.
  DiscriminatorNetwork& present();
  /// Whom the generator plays against: present(), or the unrolled one.
  DiscriminatorNetwork& opponent(const Batch& batch);
  DiscriminatorLoss update_discriminator(const Batch& batch, Tensor& norm);
  void follow();
  GeneratorNetwork& sampler() { return average_ ? *average_ : *g_; }

  Config config_;
  Device device_;
  std::uint64_t sample_seed_;
  Generator weights_, latents_, dropout_, points_;
  std::unique_ptr<GeneratorNetwork> g_, average_;
  std::unique_ptr<DiscriminatorNetwork> d_;
  std::vector<std::unique_ptr<DiscriminatorNetwork>> copies_;
  std::optional<SpectralNorm> spectral_;
  Adam optimize_g_, optimize_d_;
};

/// The names of what Gan::step returns, in order.
/// d_real, d_fake: mean probability of being real; of Config::scores() mean score.
inline constexpr const char* kStepValues[] = {"d_loss", "g_loss",      "d_real",
                                              "d_fake", "d_grad_norm", "g_grad_norm"};

}  // namespace etude::font_gan
