#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/config.h"

namespace etude::performance_lstm {

/// The settings of one run, and of a comparison of several. Defaults are the course's, with a
/// third layer.
struct Config {
  std::string data = "auto";
  std::int64_t seed = 1;
  std::int64_t iterations = 20000;
  std::int64_t batch = 64;
  std::int64_t window = 200;
  double lr = 1e-3;
  std::string lr_schedule = "constant";
  double clip = 1;

  std::int64_t embedding = 240;
  std::int64_t hidden = 512;
  std::int64_t layers = 3;
  double dropout = 0;

  std::string conditioning = "none";
  bool augmentation = false;
  bool random_state = false;
  bool carry_residual = false;
  bool loop = true;

  std::int64_t eval_every = 500;
  std::int64_t checkpoint_every = 500;

  std::string variants = "baseline,both,conditioning,augmentation,corpus";
  std::int64_t num_seeds = 1;
  std::string temperatures = "0.6,0.8,1,1.2,1.4";
  std::int64_t pieces = 20;
  std::int64_t primer = 200;
  std::string corpus = "auto";
  std::int64_t corpus_iterations = 20000;
  double corpus_dropout = 0.3;

  /// Settings of a named run of a comparison: "baseline" leaves all as they are; "conditioning" is
  /// told a random tempo, "augmentation" trains on the piece at five tempos, "both" does both, as
  /// the report; "tempo" is told the tempo that it is trained at; "corpus" trains on
  /// many pieces that are no loops, with its own iterations and dropout and a falling learning
  /// rate. Error lists the names.
  void choose_variant(const std::string& name);
  /// `variants` as a list. Error for an unknown name.
  std::vector<std::string> variant_list() const;
  /// `temperatures` as numbers. Error for what is none, or below 0.
  std::vector<double> temperature_list() const;

  void fields(Fields& f) {
    f("data", &data,
      "music: bwv888 or smd (Saarland Music Data), giantmidi_eval, tunes (Debian's packages), a "
      "MIDI file, a folder of them, or auto: bwv888 if it is there, else one of the tunes");
    f("seed", &seed, "of every random number of the run", 0);
    f("iterations", &iterations, "training steps", 1);
    f("batch", &batch, "windows per step", 1);
    f("window", &window, "events that a window predicts", 1);
    f("lr", &lr, "learning rate of Adam", 0);
    f.choice("lr_schedule", lr_schedule, "course of the learning rate; cosine: down to 0",
             "constant|cosine");
    f("clip", &clip, "greatest norm of the gradient", 1e-9);
    f("embedding", &embedding, "numbers that stand for an event", 1);
    f("hidden", &hidden, "units of a layer", 1);
    f("layers", &layers, "LSTM layers", 1);
    f("dropout", &dropout, "share of the units left out between layers and before the logits", 0,
      0.99);
    f.choice("conditioning", conditioning,
             "tempo that is added to each embedding; random: from 0.7 to 1.3, whatever is played, "
             "as in the report; factor: that of the augmentation",
             "none|random|factor");
    f("augmentation", &augmentation, "trains on the music with its times by 0.8, 0.9, 1, 1.1, 1.2");
    f("random_state", &random_state, "windows start from a normal state instead of zeros");
    f("carry_residual", &carry_residual, "of the tokenizer: keeps pieces from shrinking");
    f("loop", &loop, "a window goes on at a piece's start where it passes its end");
    f("eval_every", &eval_every, "steps between evaluations on the held-out pieces", 1);
    f("checkpoint_every", &checkpoint_every, "steps", 1);
    f("variants", &variants, "of reproduce: the runs to compare, by commas");
    f("num_seeds", &num_seeds, "of reproduce: runs of each variant", 1);
    f("temperatures", &temperatures,
      "of the measures: what pieces are generated at, by commas; variants that the report has at 1 "
      "alone are measured at 1, the corpus at 0.8 and 1");
    f("pieces", &pieces, "of the measures: pieces generated for each row of the tables", 1);
    f("primer", &primer, "of the measures: events of the true piece that prime", 1);
    f("corpus", &corpus,
      "data of the variant corpus; auto: giantmidi_eval if it is there, else tunes");
    f("corpus_iterations", &corpus_iterations, "iterations of the variant corpus", 1);
    f("corpus_dropout", &corpus_dropout, "dropout of the variant corpus", 0, 0.99);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

}  // namespace etude::performance_lstm
