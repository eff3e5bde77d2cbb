#pragma once
// One training run of the font GAN.

#include <filesystem>

#include "engine/optim/adam.h"
#include "engine/run/run_folder.h"
#include "models/font_gan/judge.h"

namespace etude::font_gan {

/// Both networks with their optimizers and random streams: the whole state of a run.
class Gan {
 public:
  Gan(const Config& config, Device device);

  /// One discriminator and one generator update on a batch. real: [B, 1, 28, 28], letters: one-hot
  /// [B, 26] or undefined. Returns [6] on the device: d_loss, g_loss, mean D(x), mean D(G(z)), and
  /// the gradient norms of D and G.
  Tensor step(const Tensor& real, const Tensor& letters);

  /// [count, 1, 28, 28] from latents that depend only on the run's seed; a conditional network
  /// draws the letters A, B, ... in turn.
  Tensor samples(std::int64_t count);
  /// Draws samples() from other latents than the run's own.
  void reseed_samples(std::uint64_t seed) { sample_seed_ = seed; }

  void state(State& s);
  LetterGenerator& generator() { return g_; }

 private:
  Tensor discriminator_loss(const Tensor& real, const Tensor& fake, const Tensor& letters,
                            std::vector<Tensor>& values);
  Tensor generator_loss(const Tensor& real, const Tensor& fake, const Tensor& letters);

  Config config_;
  Device device_;
  std::uint64_t sample_seed_;
  Generator weights_, latents_, dropout_;
  LetterGenerator g_;
  Discriminator d_;
  Adam optimize_g_, optimize_d_;
};

/// The names of what Gan::step returns, in order.
inline constexpr const char* kStepValues[] = {"d_loss", "g_loss",      "d_real",
                                              "d_fake", "d_grad_norm", "g_grad_norm"};

/// Trains in `folder` (resuming what is there) and leaves log.jsonl, coverage.json, the alphabets,
/// best.safetensors and last.safetensors. Does nothing if the run is complete.
void train_run(const Config& config, const FontData& data, Judge& judge,
               const std::filesystem::path& folder, Device device);

/// The generator of a checkpoint file of this model, and the settings it was trained with. Error if
/// the file is not one.
struct LoadedGan {
  Config config;
  std::unique_ptr<Gan> gan;
};
LoadedGan load_gan(const std::filesystem::path& checkpoint, Device device);

/// Samples [N, 1, 28, 28] as an alphabet: 26 columns, in each the `rows` samples that the judge is
/// surest of; a letter with fewer samples leaves blanks.
void write_alphabet(const std::filesystem::path& path, const Tensor& samples, Judge& judge,
                    int rows = 4);

}  // namespace etude::font_gan
