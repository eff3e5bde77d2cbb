#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/config.h"

namespace etude::drum_vae {

/// The settings of one run. Defaults are configs/full.toml.
struct Config {
  std::string data = "synthetic";
  std::int64_t seed = 1;
  std::int64_t epochs = 150;
  std::int64_t batch = 32;
  double lr = 2e-3;
  std::string lr_schedule = "cosine";
  double weight_decay = 0.3;
  double dropout = 0.3;

  std::string high_from = "features";
  std::string prior = "conditional";
  std::string beta = "constant";
  double free_bits = 0.1, free_bits_low = 0;
  double low_weight = 1;
  double input_noise = 0;
  bool train_temperature = false;

  std::int64_t eval_every = 5;
  std::int64_t checkpoint_every = 500;

  void fields(Fields& f) {
    f.choice("data", data, "patterns", "synthetic|ee641|groove");
    f("seed", &seed, "of every random number of the run", 0);
    f("epochs", &epochs, "passes over the training patterns", 1);
    f("batch", &batch, "patterns per step", 1);
    f("lr", &lr, "learning rate", 0);
    f.choice("lr_schedule", lr_schedule, "course of the learning rate", "constant|cosine");
    f("weight_decay", &weight_decay, "of AdamW", 0);
    f("dropout", &dropout, "share of the hidden units left out", 0, 0.99);
    f.choice("high_from", high_from, "what z_high is encoded from", "low|features");
    f.choice("prior", prior, "of z_low: N(0, 1), or a network of z_high", "standard|conditional");
    f.choice("beta", beta, "course of the weight of the KL terms",
             "constant|linear|cyclical|sigmoid");
    f("free_bits", &free_bits, "nats of each dimension of z_high that cost nothing (0: none)", 0);
    f("free_bits_low", &free_bits_low, "the same for z_low", 0);
    f("low_weight", &low_weight,
      "factor of z_low's KL in training, to keep what it shares in z_high", 0);
    f("input_noise", &input_noise, "share of the cells that the encoder sees flipped in training",
      0, 0.5);
    f("train_temperature", &train_temperature,
      "logits are divided by the annealed temperature in training too");
    f("eval_every", &eval_every, "epochs between evaluations", 1);
    f("checkpoint_every", &checkpoint_every, "steps between checkpoints", 1);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

}  // namespace etude::drum_vae
