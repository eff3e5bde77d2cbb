#include "models/font_gan/experiment.h"

#include <chrono>
#include <iostream>
#include <optional>

#include "engine/ops/shape.h"
#include "engine/run/console.h"
#include "engine/run/step_values.h"
#include "eval/png.h"
#include "models/driver.h"
#include "models/font_gan/analysis.h"
#include "models/font_gan/bench.h"
#include "models/font_gan/codes.h"
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
  config.variant_lists();
  config.image_epoch_list();
}

FontData load_data(const std::string& name, const fs::path& data_dir) {
  // Always the same images: a run's seed must not change what it is compared on.
  FontData data = load_font_data(name, data_dir, 1);
  for (const std::string& text : data.notes) note(text);
  return data;
}

/// Images with those who judge what is made after them.
struct Judged {
  Judged(const Config& config, FontData images, const Options& options)
      : data(std::move(images)),
        judge(data, config, options.data_dir, options.device),
        second(data, config, options.data_dir, options.device, kSecondJudgeSeed) {}

  Json describe() {
    return {{"data", data.name},
            {"data_hash", data.hash},
            {"data_defects", data.defects},
            {"classifier_accuracy", judge.accuracy()},
            {"second_accuracy", second.accuracy()},
            {"confusion", judge.confusion()},
            {"letters", letters_of(data, judge).to_json()},
            {"validation", judge.score(judge.judge(images_tensor(data.val_images))).to_json()}};
  }

  FontData data;
  Judge judge, second;
};

/// The figures and measures of one run's last generator: result.json.
void measure_run(const Config& config, Judged& on, double train_seconds, bool figures,
                 const fs::path& folder) {
  // The last generator, not the best: the question is what training leads to.
  LoadedGan last = load_gan(folder / "last.safetensors", on.judge.device());
  const Tensor samples = last.gan->samples(config.final_samples);
  const Judgement seen = on.judge.judge(samples);
  const auto seed = static_cast<std::uint64_t>(config.seed);
  Json result{{"variant", config.variant()},
              {"seed", config.seed},
              {"data", on.data.name},
              {"data_hash", on.data.hash},
              {"epochs", config.epochs},
              {"train_seconds", train_seconds},
              {"discriminator", config.scores() ? "scores" : "probabilities"},
              {"scores", on.judge.score(seen).to_json()},
              {"second", second_opinion(seen, on.second.judge(samples)).to_json()}};
  if (last.gan->conditional()) result["obeyed"] = obeyed_share(seen);
  if (figures) {
    const Codes codes = find_codes(*last.gan, on.judge, seed);
    write_interpolation(folder / "interpolation.png", *last.gan, codes, seed);
    result["code_confidences"] = codes.confidence;
    if (last.gan->conditional()) {
      const StyleConsistency style =
          style_consistency(*last.gan, on.data, seed, folder / "styles.png");
      result["style"] = {{"share", style.share}, {"chance", style.chance}, {"judge", style.judge}};
    }
  }
  write_result(folder, std::move(result));
}

/// One run of a comparison, trained and measured.
void reproduce_run(Config config, const std::string& variant, std::int64_t seed, bool figures,
                   Judged& on, const fs::path& folder, Device device) {
  if (run_complete(folder, on.data.hash)) return;
  config.data = on.data.name;
  config.choose_variant(variant);
  config.seed = seed;
  make_folder(folder);
  write_config(folder, config.all());
  try {
    const double seconds = train_run(config, on.data, on.judge, folder, device);
    measure_run(config, on, seconds, figures, folder);
  } catch (const Diverged& error) {  // is a result too, and no reason to lose the other runs
    note(error.what());
    write_result(folder, {{"variant", variant},
                          {"seed", seed},
                          {"data", on.data.name},
                          {"data_hash", on.data.hash},
                          {"epochs", config.epochs},
                          {"diverged", error.what()}});
  }
}

/// `seeds` runs of each variant; those of other images than config.data are named after them.
/// Returns the names.
Json run_all(const fs::path& folder, Judged& on, const std::vector<std::string>& variants,
             const Config& config, std::int64_t seeds, Device device) {
  const std::string prefix = on.data.name == config.data ? "" : on.data.name + "-";
  std::vector<std::string> names;
  for (const std::string& variant : variants) names.push_back(prefix + variant);
  return run_variants(folder, names, config.seed, seeds,
                      [&](const std::string& name, std::int64_t seed, const fs::path& run) {
                        reproduce_run(config, name.substr(prefix.size()), seed, seed == config.seed,
                                      on, run, device);
                      });
}

/// The reports' own images, if they are at hand.
std::optional<FontData> load_ee641(const fs::path& data_dir) {
  try {
    return load_data("ee641", data_dir);
  } catch (const Error& error) {
    note(std::string("ee641_variants: left out: ") + error.what());
    return std::nullopt;
  }
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
    const FontData data = load_data(config.data, options.data_dir);
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
    const FontData data = load_data(loaded.config.data, options.data_dir);
    Judge judge(data, loaded.config, options.data_dir, options.device);
    if (options.seed) loaded.gan->reseed_samples(*options.seed);
    const fs::path folder = output_folder(options, name(), "eval");
    make_folder(folder);
    const Tensor samples = loaded.gan->samples(loaded.config.final_samples);
    const Judgement seen = judge.judge(samples);
    Json result{{"checkpoint", options.checkpoint.string()},
                {"variant", loaded.config.variant()},
                {"classifier_accuracy", judge.accuracy()},
                {"scores", judge.score(seen).to_json()}};
    if (loaded.gan->conditional()) result["obeyed"] = obeyed_share(seen);
    std::cout << result.dump(2) << std::endl;
    write_json(folder / "scores.json", result);
    write_alphabet(folder / "alphabet.png", samples, judge);
    return folder / "scores.json";
  }

  fs::path reproduce(const Options& options) const override {
    const auto begin = std::chrono::steady_clock::now();
    Config config = configured(options);
    check_lists(config);
    require(config.variant() == "vanilla", "font_gan: reproduce switches by its lists: name ",
            config.variant(), " among --set variants=... instead");
    const Config::Variants lists = config.variant_lists();
    FontData data = load_data(config.data, options.data_dir);
    std::optional<FontData> ee641;
    if (!lists.ee641.empty() && config.data != "ee641") ee641 = load_ee641(options.data_dir);
    Json runs = Json::array(), sets = Json::array();
    const fs::path folder =
        reproduce_in_folder(options, name(), config.all(), [&](const fs::path& all_runs) {
          // All judges first: one that falls short is an error before the hours of training.
          Judged on(config, std::move(data), options);
          std::optional<Judged> reports;
          if (ee641) reports.emplace(config, *std::move(ee641), options);
          const auto run = [&](Judged& judged, const std::vector<std::string>& variants,
                               const Config& own, std::int64_t seeds) {
            const Json names = run_all(all_runs, judged, variants, own, seeds, options.device);
            runs.insert(runs.end(), names.begin(), names.end());
          };
          run(on, lists.main, config, config.num_seeds);
          Config fewer = config;
          if (config.other_epochs > 0) fewer.epochs = config.other_epochs;
          run(on, lists.others, fewer, config.other_seeds);
          sets.push_back(on.describe());
          if (!reports) return;
          run(*reports, lists.ee641, config, config.ee641_seeds);
          sets.push_back(reports->describe());
        });
    Json summary = provenance(options, name(), config.all(), begin);
    summary.update({{"sets", sets}, {"runs", runs}});
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
