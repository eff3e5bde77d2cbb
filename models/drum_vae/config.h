#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/config.h"

namespace etude::drum_vae {

/// The settings of one run, and of a comparison of several. Defaults are the best known; a
/// comparison's other runs replace some of them (choose_strategy).
struct Config {
  std::string data = "synthetic";
  std::int64_t seed = 1;
  std::int64_t epochs = 300;
  std::int64_t batch = 32;
  double lr = 2e-3;
  std::string lr_schedule = "tail";
  double weight_decay = 0.01;
  double dropout = 0.1;

  std::string high_from = "features";
  std::string prior = "conditional";
  std::string beta = "warmup";
  double free_bits = 0.032;
  double low_weight = 5;
  double input_noise = 0.04;
  double spread_penalty = 0.015;
  double average = 0.98;
  bool train_temperature = false;

  std::int64_t eval_every = 5;
  std::int64_t checkpoint_every = 1000;

  std::string strategies = "best";
  std::int64_t num_seeds = 1;

  /// Settings of a named run of a comparison: "best" leaves all as they are; the others are the
  /// reports' model, "constant", "linear", "cyclical" and "sigmoid" by the course of beta, each
  /// also with free bits ("linear+free_bits"). Error lists the names.
  void choose_strategy(const std::string& name);
  /// `strategies` as a list. Error for an unknown name.
  std::vector<std::string> strategy_list() const;

  void fields(Fields& f) {
    f.choice("data", data, "patterns", "synthetic|ee641|groove");
    f("seed", &seed, "of every random number of the run", 0);
    f("epochs", &epochs, "passes over the training patterns", 1);
    f("batch", &batch, "patterns per step", 1);
    f("lr", &lr, "learning rate", 0);
    f.choice("lr_schedule", lr_schedule,
             "course of the learning rate; tail: constant, then a cosine over the last 30 %",
             "constant|cosine|tail");
    f("weight_decay", &weight_decay, "of AdamW", 0);
    f("dropout", &dropout, "share of the hidden units left out", 0, 0.99);
    f.choice("high_from", high_from, "what z_high is encoded from", "low|features");
    f.choice("prior", prior, "of z_low: N(0, 1), or a network of z_high", "standard|conditional");
    f.choice("beta", beta, "course of the weight of the KL terms; warmup: linear to 1 at 60 %",
             "constant|linear|cyclical|sigmoid|warmup");
    f("free_bits", &free_bits, "nats of each dimension of z_high that cost nothing (0: none)", 0);
    f("low_weight", &low_weight,
      "factor of z_low's KL until 30 % of the run, then falling to 1 at 70 %: keeps what both "
      "could "
      "say in z_high",
      0);
    f("input_noise", &input_noise, "share of the cells that the encoder sees flipped in training",
      0, 0.5);
    f("spread_penalty", &spread_penalty,
      "nats per logit between a pattern's logits and the batch's mean, in the second half: cells "
      "differ only where the data insist",
      0);
    f("average", &average,
      "moving average of the weights, share kept every 10 steps, for evaluation (0: none)", 0, 1);
    f("train_temperature", &train_temperature,
      "logits are divided by a temperature, 2.0 falling to 0.5 over the run; it stays with the "
      "model");
    f("eval_every", &eval_every, "epochs between evaluations", 1);
    f("checkpoint_every", &checkpoint_every, "steps between checkpoints", 1);
    f("strategies", &strategies, "of reproduce: the runs to compare, by commas");
    f("num_seeds", &num_seeds, "of reproduce: runs of each strategy", 1);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

}  // namespace etude::drum_vae
