#pragma once
// What `etude sample music_gpt` does.

#include <filesystem>
#include <string>

#include "engine/run/config.h"
#include "models/music_gpt/generate.h"
#include "models/music_gpt/train.h"

namespace etude::music_gpt {

/// What it takes beside --checkpoint, --seed and --out.
struct SampleConfig {
  std::string prompt = "none";
  std::int64_t prompt_bars = 8;
  std::int64_t bars = GenerateOptions().bars;
  double temperature = GenerateOptions().temperature;
  std::int64_t top_k = GenerateOptions().top_k;
  double top_p = GenerateOptions().top_p;
  double repetition_penalty = GenerateOptions().repetition_penalty;
  std::int64_t count = 1;

  void fields(Fields& f) {
    f("prompt", &prompt, "MIDI file whose first bars the piece begins with, or none");
    f("prompt_bars", &prompt_bars, "of the prompt that count", 1);
    f("bars", &bars, "of a piece, with the prompt's", 1, 10000);
    f("temperature", &temperature, "0: the likeliest token; 1: the model's distribution", 0, 100);
    f("top_k", &top_k, "only the k likeliest tokens; 0: all", 0);
    f("top_p", &top_p, "only the likeliest tokens of this probability", 1e-6, 1);
    f("repetition_penalty", &repetition_penalty, "on tokens that the piece has; 1: none", 1e-6,
      100);
    f("count", &count, "pieces", 1, 1000);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

/// Writes NAME.mid, .png and .wav (models/music_files.h) of a piece of `bars` bars: all of them.
void write_piece(const std::filesystem::path& folder, const std::string& name,
                 const midi::Score& score, std::int64_t bars);

/// Writes piece-N.mid, .png and .wav into `folder` and tells the speed on standard error. A piece
/// does not depend on how many there are. Errors of read_prompt() and generate().
void write_samples(Trainer& trainer, const SampleConfig& config, std::uint64_t seed,
                   const std::filesystem::path& folder);

}  // namespace etude::music_gpt
