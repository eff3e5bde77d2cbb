#include <ctime>

#include "engine/error.h"
#include "engine/run/run_folder.h"
#include "models/drum_vae/experiment.h"
#include "models/experiment.h"
#include "models/font_gan/experiment.h"
#include "models/music_gpt/experiment.h"
#include "models/performance_lstm/experiment.h"

namespace etude {

std::span<const Experiment* const> experiments() {
  static const Experiment* const all[] = {&font_gan_experiment(), &drum_vae_experiment(),
                                          &performance_lstm_experiment(), &music_gpt_experiment()};
  return all;
}

const Experiment& find_experiment(const std::string& name) {
  std::string known;
  for (const Experiment* experiment : experiments()) {
    if (name == experiment->name()) return *experiment;
    known += (known.empty() ? "" : ", ") + std::string(experiment->name());
  }
  fail("unknown model ", name, "; the models are: ", known);
}

std::filesystem::path output_folder(const Options& options, const std::string& model,
                                    const std::string& what) {
  if (!options.out.empty()) return options.out;
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", std::localtime(&now));
  const std::filesystem::path runs = std::filesystem::path("runs") / model;
  const std::string name = std::string(text) + "-" + what;
  make_folder(runs);
  // Runs that start in the same second get folders of their own.
  std::filesystem::path folder = runs / name;
  for (int k = 2; !std::filesystem::create_directory(folder); ++k) {
    folder = runs / (name + "-" + std::to_string(k));
  }
  return folder;
}

}  // namespace etude
