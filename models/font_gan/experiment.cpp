#include "models/font_gan/experiment.h"

#include <chrono>
#include <iostream>
#include <optional>

#include "engine/ops/shape.h"
#include "engine/run/console.h"
#include "eval/png.h"
#include "models/driver.h"
#include "models/font_gan/bench.h"
#include "models/font_gan/report.h"
#include "models/font_gan/train.h"

namespace etude {
namespace font_gan {
namespace {

namespace fs = std::filesystem;

Config configured(const Options& options) {
  Config config;
  configure(config.all(), options, "font_gan");
  return config;
}

/// Lists are checked before any work begins.
void check_lists(const Config& config) {
  config.check();
  config.variant_list();
  config.image_epoch_list();
}

FontData load_data(const Config& config, const fs::path& data_dir) {
  // Always the same images: a run's seed must not change what it is compared on.
  FontData data = load_font_data(config.data, data_dir, 1);
  for (const std::string& text : data.notes) note(text);
  return data;
}

/// One run of a comparison, with its final scores in result.json.
void reproduce_run(Config config, const std::string& variant, std::int64_t seed,
                   const FontData& data, Judge& judge, const fs::path& folder, Device device) {
  if (fs::exists(folder / "result.json")) return;
  config.choose_variant(variant);
  config.seed = seed;
  make_folder(folder);
  write_config(folder, config.all());
  const bool resumed = fs::exists(folder / "last.safetensors");
  const auto begin = std::chrono::steady_clock::now();
  train_run(config, data, judge, folder, device);
  const double train_seconds = seconds_since(begin);
  // The last generator, not the best: the question is what training leads to.
  LoadedGan last = load_gan(folder / "last.safetensors", device);
  const Scores scores = judge.score(last.gan->samples(config.final_samples));
  Json result{{"variant", variant},
              {"seed", seed},
              {"epochs", config.epochs},
              {"train_seconds", resumed ? Json() : Json(train_seconds)},
              {"scores", scores.to_json()}};
  write_json(folder / "result.json", result);
}

class FontGanExperiment : public Experiment {
 public:
  const char* name() const override { return "font_gan"; }
  const char* description() const override {
    return "capital letters by GANs: mode collapse, its measures and its cures";
  }

  fs::path train(const Options& options) const override {
    Config config;
    configure_training(config.all(), options, name());
    check_lists(config);
    const FontData data = load_data(config, options.data_dir);
    Judge judge(data, config, options.data_dir, options.device);
    return train_in_folder(
        options, name(), config.variant(), config.all(),
        [&](const fs::path& folder) { train_run(config, data, judge, folder, options.device); });
  }

  fs::path sample(const Options& options) const override {
    LoadedGan loaded = load_gan(options.checkpoint, options.device);
    if (options.seed) loaded.gan->reseed_samples(*options.seed);
    const fs::path folder = output_folder(options, name(), "sample");
    make_folder(folder);
    const Tensor images = to_device(loaded.gan->samples(26 * 8), Device::cpu);
    write_png(folder / "samples.png", grid(images.to_vector<float>(), 1, kPixels, kPixels,
                                           {.columns = 26, .padding = 2, .invert = true}));
    return folder;
  }

  fs::path eval(const Options& options) const override {
    LoadedGan loaded = load_gan(options.checkpoint, options.device);
    const FontData data = load_data(loaded.config, options.data_dir);
    Judge judge(data, loaded.config, options.data_dir, options.device);
    if (options.seed) loaded.gan->reseed_samples(*options.seed);
    const fs::path folder = output_folder(options, name(), "eval");
    make_folder(folder);
    const Tensor samples = loaded.gan->samples(loaded.config.final_samples);
    Json result{{"checkpoint", options.checkpoint.string()},
                {"variant", loaded.config.variant()},
                {"classifier_accuracy", judge.accuracy()},
                {"scores", judge.score(samples).to_json()}};
    std::cout << result.dump(2) << std::endl;
    write_json(folder / "scores.json", result);
    write_alphabet(folder / "alphabet.png", samples, judge);
    return folder / "scores.json";
  }

  fs::path reproduce(const Options& options) const override {
    const auto begin = std::chrono::steady_clock::now();
    Config config = configured(options);
    check_lists(config);
    const FontData data = load_data(config, options.data_dir);
    std::optional<Judge> judge;
    Json runs;
    const fs::path folder =
        reproduce_in_folder(options, name(), config.all(), [&](const fs::path& all_runs) {
          judge.emplace(data, config, options.data_dir, options.device);
          runs = run_variants(
              all_runs, config.variant_list(), config.seed, config.num_seeds,
              [&](const std::string& variant, std::int64_t seed, const fs::path& run) {
                reproduce_run(config, variant, seed, data, *judge, run, options.device);
              });
        });
    Json summary = provenance(options, name(), config.all(), begin);
    summary.update({{"data", data.name},
                    {"data_hash", data.hash},
                    {"data_defects", data.defects},
                    {"classifier_accuracy", judge->accuracy()},
                    {"confusion", judge->confusion()},
                    {"runs", runs}});
    return write_report(folder, std::move(summary));
  }

  fs::path report(const fs::path& folder) const override {
    return write_report(folder, read_json(folder / "summary.json"));
  }

  StepBench step_bench(const Options& options, const std::string& networks) const override {
    return font_gan::step_bench(configured(options), options.device, networks);
  }
};

}  // namespace
}  // namespace font_gan

const Experiment& font_gan_experiment() {
  static const font_gan::FontGanExperiment experiment;
  return experiment;
}

}  // namespace etude
