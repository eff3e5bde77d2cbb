#pragma once
// One training run of the font GAN.

#include <filesystem>

#include "engine/run/run_folder.h"
#include "models/font_gan/gan.h"
#include "models/font_gan/judge.h"

namespace etude::font_gan {

/// Trains in `folder` (resuming what is there) and leaves log.jsonl, coverage.json, the alphabets,
/// best.safetensors and last.safetensors. Does nothing if the run is complete. Returns the seconds,
/// as run_training().
double train_run(const Config& config, const FontData& data, Judge& judge,
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
