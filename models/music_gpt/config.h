#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/config.h"
#include "models/music_gpt/model.h"
#include "tokenizers/miditok/miditok.h"

namespace etude::music_gpt {

/// The settings of one run, and of a comparison of several. Defaults are the report's, `small`,
/// with whole pieces instead of their first 1024 tokens.
struct Config {
  std::string data = "auto";
  std::int64_t seed = 1;
  std::int64_t iterations = 100000;
  std::int64_t batch = 8;
  std::int64_t accumulate = 1;
  std::int64_t context = 1024;
  double lr = 4e-4;
  double rise = 0.1;
  double weight_decay = 1e-5;
  double clip = 1;
  std::int64_t pitch_shift = 0;

  std::int64_t layers = 12;
  std::int64_t heads = 12;
  std::int64_t width = 768;
  double dropout = 0.1;
  std::string positions = "learned";
  std::string compute = "auto";
  bool recompute = false;
  std::string start_from = "none";
  std::string token_rows = "fresh";

  std::string tokenizer = "remi";
  std::int64_t velocities = 16;
  bool chords = true;
  bool tempos = true;
  bool rests = false;
  bool programs = false;

  std::int64_t eval_every = 1000;
  std::int64_t checkpoint_every = 1000;

  std::string variants = "remi,remi_plus,midilike";
  std::int64_t num_seeds = 1;
  std::string milestones = "10,30,50,70,90,100";
  std::string settings = "default,balanced,creative,conservative,plain,nucleus";
  std::int64_t pieces = 20;
  std::int64_t bars = 32;
  std::string prompts = "auto";
  std::int64_t prompt_bars = 8;

  /// Settings of a named run of a comparison: a tokenizer, "remi", "remi_plus" or "midilike", whose
  /// network begins with random weights; with "_text" after it, with those of `start_from`. Error
  /// lists the names, and for "_text" where start_from is none.
  void choose_variant(const std::string& name);
  /// `variants` as a list. Error for an unknown name.
  std::vector<std::string> variant_list() const;
  /// `milestones` as percentages, ascending. Error for what is none, or another order.
  std::vector<std::int64_t> milestone_list() const;

  /// The tokenizer of these settings; note ends are said after twelve beats at the latest.
  std::unique_ptr<const MidiTokTokenizer> make_tokenizer() const;
  GptShape shape(std::int64_t vocabulary) const;
  /// On `device`: bf16 is the GPU's where nothing else is asked.
  GptOptions options(Device device) const;

  void fields(Fields& f) {
    f("data", &data,
      "music: pop1k7, pop909, tunes (Debian's packages), a MIDI file, a folder of them, or auto: "
      "the first of these that is there");
    f("seed", &seed, "of every random number of the run", 0);
    f("iterations", &iterations, "training steps", 1);
    f("batch", &batch, "windows at a time", 1);
    f("accumulate", &accumulate, "batches whose gradients make one step", 1);
    f("context", &context, "tokens of a window, and the most that the network sees back", 2);
    f("lr", &lr, "greatest learning rate of AdamW, on one cycle", 0);
    f("rise", &rise, "share of the steps in which it rises, from a thousandth", 0, 1);
    f("weight_decay", &weight_decay, "of AdamW", 0);
    f("clip", &clip, "greatest norm of the gradient", 1e-9);
    f("pitch_shift", &pitch_shift, "windows are transposed by up to so many semitones", 0, 24);
    f("layers", &layers, "blocks", 1);
    f("heads", &heads, "of attention, in each", 1);
    f("width", &width, "numbers that stand for a token", 1);
    f("dropout", &dropout, "of embeddings, attention and what blocks add", 0, 0.99);
    f.choice("positions", positions, "a table, or queries and keys turned", "learned|rotary");
    f.choice("compute", compute, "numbers of products and attention; auto: bf16 on a GPU",
             "auto|f32|bf16");
    f("recompute", &recompute, "keeps only the inputs of blocks for the gradient: less memory");
    f("start_from", &start_from,
      "folder with config.json and model.safetensors of a GPT-2 to begin with, or none");
    f.choice("token_rows", token_rows, "of such a start: what tokens begin with", "fresh|reused");
    f.choice("tokenizer", tokenizer, "how notes are written", "remi|remi_plus|midilike");
    f("velocities", &velocities, "of the tokenizer: how many it tells apart", 1, 127);
    f("chords", &chords, "of the tokenizer: names them");
    f("tempos", &tempos, "of the tokenizer: says them");
    f("rests", &rests, "of the tokenizer: says them");
    f("programs", &programs,
      "of the tokenizer: says instruments, drums among them; without, all but drums is one piano");
    f("eval_every", &eval_every, "steps between evaluations on the held-out pieces", 1);
    f("checkpoint_every", &checkpoint_every, "steps", 1);
    f("variants", &variants, "of reproduce: the runs to compare, by commas");
    f("num_seeds", &num_seeds, "of reproduce: runs of each variant", 1);
    f("milestones", &milestones,
      "of the measures: percentages of the steps after which pieces are generated, by commas");
    f("settings", &settings, "of the measures: ways to generate, by commas");
    f("pieces", &pieces, "of the measures: pieces generated for each row of the tables", 1);
    f("bars", &bars, "of the measures: of each piece", 2);
    f("prompts", &prompts,
      "of the measures: folder of MIDI files to continue; auto: prompt_songs in the data folder if "
      "it is there, else three of the held-out pieces");
    f("prompt_bars", &prompt_bars, "of the measures: bars that are taken of each", 1);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

}  // namespace etude::music_gpt
