#pragma once
// What `etude sample performance_lstm` does.

#include <filesystem>
#include <string>

#include "engine/run/config.h"
#include "models/performance_lstm/train.h"

namespace etude::performance_lstm {

/// Sound and picture of a piece end here, seconds; its MIDI file is whole.
inline constexpr double kExcerpt = 30;

/// What it takes beside --checkpoint, --seed and --out.
struct SampleConfig {
  std::string primer = "none";
  std::int64_t primer_length = 200;
  double temperature = 1;
  std::int64_t length = 1000;
  double tempo = 1;
  std::int64_t top_k = 0;
  double top_p = 1;
  std::int64_t count = 1;
  bool refeed_last_token = false;

  void fields(Fields& f) {
    f("primer", &primer, "MIDI file that the piece begins with, or none");
    f("primer_length", &primer_length, "events of the primer that count", 1);
    f("temperature", &temperature, "0: the likeliest event; 1: the model's distribution", 0, 100);
    f("length", &length, "events of a piece, with the primer", 1, 1000000);
    f("tempo", &tempo, "factor of times that a model with tempo conditioning is told", 0.1, 10);
    f("top_k", &top_k, "only the k likeliest events; 0: all", 0);
    f("top_p", &top_p, "only the likeliest events of this probability", 1e-6, 1);
    f("count", &count, "pieces", 1, 1000);
    f("refeed_last_token", &refeed_last_token, "feeds the primer's last event twice");
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

/// Writes piece-N.mid, .png and .wav into `folder` and tells the speed on standard error. Throws
/// Error for a primer that is no music, and for a tempo that the model would ignore.
void write_samples(Trainer& trainer, const SampleConfig& config, std::uint64_t seed,
                   const std::filesystem::path& folder);

}  // namespace etude::performance_lstm
