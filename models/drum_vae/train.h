#pragma once
// One training run of the drum VAE.

#include <filesystem>
#include <memory>

#include "engine/optim/adam.h"
#include "engine/run/run_folder.h"
#include "models/drum_vae/data.h"
#include "models/drum_vae/model.h"

namespace etude::drum_vae {

/// [N, 16, 9] of 0 and 1.
Tensor to_tensor(const Patterns& patterns, Device device);

/// Weight of the KL terms at `progress` in [0, 1] of the run: constant 1; linear from 0 to 1;
/// cyclical, 4 cycles whose first half is a ramp (Fu et al. 2019); sigmoid, around the middle;
/// warmup, linear until 60 %, then 1.
double beta_at(const std::string& schedule, double progress);
/// 2.0 to 0.5, geometrically.
double temperature_at(double progress);

/// The network with its optimizer and random streams: the whole state of a run.
class Vae {
 public:
  Vae(const Config& config, Device device);

  /// One update on x: [B, 16, 9]. Returns [4] on the device: -ELBO at beta = 1, reconstruction, and
  /// the KL terms of z_low and z_high, in nats per pattern.
  Tensor step(const Tensor& x, double progress);

  void state(State& s);
  /// The network to evaluate and to keep: the averaged one if the settings ask for it.
  DrumVae& model() { return averaged_ ? *averaged_ : model_; }
  const Config& config() const { return config_; }

 private:
  Config config_;
  Generator weights_, noise_, dropout_;
  DrumVae model_;
  std::unique_ptr<DrumVae> averaged_;
  Adam optimize_;
};

inline constexpr const char* kStepValues[] = {"negative_elbo", "reconstruction", "kl_low",
                                              "kl_high"};

/// -ELBO at beta = 1 over a set of patterns, averaged over draws of the latents.
struct Evaluation {
  double reconstruction = 0;
  std::vector<double> kl_low, kl_high;  // by dimension, nats

  double low() const;
  double high() const;
  double negative_elbo() const { return reconstruction + low() + high(); }
  Json to_json() const;
};
Evaluation evaluate(DrumVae& model, const Tensor& x, int draws = 1);

/// Sets the model's style_mean and style_deviation from draws of z_high of the patterns. A style
/// without patterns gets the prior.
void learn_styles(DrumVae& model, const Patterns& patterns, Device device);

/// Trains in `folder` (resuming what is there) and leaves log.jsonl, best.safetensors (least
/// validation -ELBO) and last.safetensors. Returns the seconds, as run_training().
double train_run(const Config& config, const DrumData& data, const std::filesystem::path& folder,
                 Device device);

/// The network of a checkpoint file of this model. Error if the file is not one.
std::unique_ptr<Vae> load_vae(const std::filesystem::path& checkpoint, Device device);

}  // namespace etude::drum_vae
