#include "models/font_gan/experiment.h"

#include <chrono>
#include <ctime>
#include <iostream>

#include "engine/build_id.h"
#include "engine/io/atomic_file.h"
#include "engine/ops/shape.h"
#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "eval/png.h"
#include "models/font_gan/bench.h"
#include "models/font_gan/report.h"
#include "models/font_gan/train.h"

namespace etude {
namespace font_gan {
namespace {

namespace fs = std::filesystem;

Config configured(const Options& options) {
  Config config;
  Fields fields = config.all();
  fields.load_toml(preset_toml("font_gan", options.preset),
                   "models/font_gan/configs/" + options.preset + ".toml");
  for (const std::string& assignment : options.sets) fields.set(assignment);
  if (options.seed) config.seed = static_cast<std::int64_t>(*options.seed);
  // Lists are checked before any work begins.
  config.variant_list();
  config.image_epoch_list();
  return config;
}

FontData load_data(const Config& config, const fs::path& data_dir) {
  // Always the same images: a run's seed must not change what it is compared on.
  FontData data = load_font_data(config.data, data_dir, 1);
  for (const std::string& text : data.notes) note(text);
  return data;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::localtime(&now));
  return text;
}

/// One run of a comparison, with its final scores in result.json.
void reproduce_run(Config config, const std::string& variant, std::int64_t seed,
                   const FontData& data, Judge& judge, const fs::path& folder, Device device) {
  if (fs::exists(folder / "result.json")) return;
  config.choose_variant(variant);
  config.seed = seed;
  make_folder(folder);
  write_file_atomically(folder / "config.toml", config.all().to_toml());
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
    fs::path folder = options.resume;
    if (folder.empty()) {
      config = configured(options);
      require(options.out.empty() || !fs::exists(options.out / "last.safetensors"),
              options.out.string(), ": holds a run already; continue it with --resume ",
              options.out.string(), " or choose another --out");
    } else {
      require(fs::exists(folder / "config.toml"), folder.string(),
              ": not a run folder (no config.toml)");
      require(
          options.sets.empty() && !options.seed && options.out.empty(),
          "--resume continues with the run's own settings; --set, --seed and --out do not apply");
      config.all().load_toml(read_text_file(folder / "config.toml"),
                             (folder / "config.toml").string());
    }
    const FontData data = load_data(config, options.data_dir);
    if (options.resume.empty()) {
      folder = output_folder(options, name(), config.variant());
      make_folder(folder);
      write_file_atomically(folder / "config.toml", config.all().to_toml());
    }
    Judge judge(data, config, options.data_dir, options.device);
    try {
      train_run(config, data, judge, folder, options.device);
    } catch (const Interrupted&) {
      throw Interrupted{"etude train font_gan --resume " + folder.string() + " --data " +
                        options.data_dir.string() + " --device " + options.device_name};
    }
    return folder;
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
    const Config config = configured(options);
    const std::vector<std::string> variants = config.variant_list();
    const FontData data = load_data(config, options.data_dir);
    const fs::path folder = output_folder(options, name(), options.preset);
    make_folder(folder);
    start_or_continue(folder, config);
    Judge judge(data, config, options.data_dir, options.device);
    Json runs = Json::array();
    try {
      for (std::int64_t k = 0; k < config.num_seeds; ++k) {
        for (const std::string& variant : variants) {
          const std::int64_t seed = config.seed + k;
          const std::string run = variant + "-" + std::to_string(seed);
          reproduce_run(config, variant, seed, data, judge, folder / run, options.device);
          runs.push_back(run);
        }
      }
    } catch (const Interrupted&) {
      throw Interrupted{options.command_line +
                        (options.out.empty() ? " --out " + folder.string() : "")};
    }
    Json summary = {{"model", name()},
                    {"preset", options.preset},
                    {"command", options.command_line},
                    {"commit", build_id()},
                    {"machine", machine_description()},
                    {"date", today()},
                    {"device", options.device == Device::cpu ? "cpu" : gpu_description()},
                    {"seconds", seconds_since(begin)},
                    {"data", data.name},
                    {"data_hash", data.hash},
                    {"data_defects", data.defects},
                    {"classifier_accuracy", judge.accuracy()},
                    {"confusion", judge.confusion()},
                    {"config", config_text(config)},
                    {"runs", runs}};
    return write_report(folder, std::move(summary));
  }

  fs::path report(const fs::path& folder) const override {
    return write_report(folder, read_json(folder / "summary.json"));
  }

  StepBench step_bench(const Options& options, const std::string& networks) const override {
    return font_gan::step_bench(configured(options), options.device, networks);
  }

 private:
  static std::string config_text(Config config) { return config.all().to_toml(); }

  /// A folder that was interrupted goes on where it stopped, with the same settings only.
  static void start_or_continue(const fs::path& folder, const Config& config) {
    const fs::path file = folder / "config.toml";
    if (fs::exists(file)) {
      require(read_text_file(file) == config_text(config), folder.string(),
              ": holds runs with other settings (see config.toml there); choose another --out");
    } else {
      write_file_atomically(file, config_text(config));
    }
  }
};

}  // namespace
}  // namespace font_gan

const Experiment& font_gan_experiment() {
  static const font_gan::FontGanExperiment experiment;
  return experiment;
}

}  // namespace etude
