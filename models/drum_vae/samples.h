#pragma once
// Patterns made with a trained drum VAE, and the files to look at and to listen to.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/run/config.h"
#include "models/drum_vae/decode.h"
#include "models/drum_vae/model.h"
#include "models/drum_vae/music.h"

namespace etude::drum_vae {

/// What `etude sample drum_vae` takes beside --checkpoint, --seed and --out.
struct SampleConfig {
  std::string style = "all";
  std::string blend = "none";
  std::int64_t count = 10;
  double temperature = 1, complexity = 1, humanise = 0, bpm = 120;

  void fields(Fields& f) {
    f.choice("style", style, "of the patterns; any: whatever the prior gives",
             "all|any|rock|jazz|hiphop|electronic|latin");
    f.choice("blend", blend, "a second style: from the first to it in `count` patterns",
             "none|rock|jazz|hiphop|electronic|latin");
    f("count", &count, "patterns of each style", 1, 1000);
    f("temperature", &temperature, "0: the likeliest cells; 1: the model's distribution", 0, 100);
    f("complexity", &complexity, "factor of the expected number of hits", 0.01, 100);
    f("humanise", &humanise, "deviations of time and velocity from the grid", 0, 1);
    f("bpm", &bpm, "tempo, quarter notes per minute", 20, 400);
  }
  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
};

/// z_high [count, 4] of one style (normal, with the style's mean and deviation), or of style -1
/// from the prior.
Tensor draw_high(const DrumVae& model, int style, std::int64_t count, Generator& random);

/// Logits [count, 16, 9] of z_high [count, 4] with z_low ~ p(z_low | z_high).
Tensor decode_high(DrumVae& model, const Tensor& z_high, Generator& random);

/// Logits [steps, 16, 9] from the middle of one style to that of another: z_high on the straight
/// line, z_low the same draw all along, as deviation from what z_high leads to expect.
Tensor blend(DrumVae& model, int from, int to, std::int64_t steps, Generator& random);

/// Writes NAME.png (the piano rolls), NAME.mid and, where the build can, NAME.wav of the patterns
/// one after the other.
void write_music(const std::filesystem::path& folder, const std::string& name,
                 const std::vector<Pattern>& patterns, const MusicOptions& music);

/// What `sample` does. Returns nothing else than the files in `folder`.
void write_samples(DrumVae& model, const SampleConfig& config, std::uint64_t seed,
                   const std::filesystem::path& folder);

/// The pictures of the report: ten samples of each style as rolls, MIDI and sound, a sweep of each
/// dimension of z_high, ten-step interpolations in z_high and in z_low, a blend of jazz and rock,
/// three complexities, and t-SNE maps of the test patterns' latents (embedding.json).
void write_figures(DrumVae& model, const Patterns& test, const std::filesystem::path& folder,
                   Device device);

}  // namespace etude::drum_vae
