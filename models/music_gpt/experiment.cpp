#include "models/music_gpt/experiment.h"

#include <algorithm>
#include <chrono>
#include <iostream>

#include "engine/run/console.h"
#include "models/driver.h"
#include "models/midi_music.h"
#include "models/music_gpt/bench.h"
#include "models/music_gpt/hugging_face.h"
#include "models/music_gpt/measure.h"
#include "models/music_gpt/report.h"
#include "models/music_gpt/samples.h"

namespace etude {
namespace music_gpt {
namespace {

namespace fs = std::filesystem;

Music load_and_note(const Config& config, const fs::path& data_dir) {
  Music music = load_music(config, data_dir);
  for (const std::string& text : music.notes) note(text);
  return music;
}

void measure_milestones(const Config& config, std::uint64_t seed, const fs::path& folder,
                        Device device, KeptResults kept) {
  const Json::json_pointer milestones("/milestones");
  kept.entry(milestones, [] { return Json::object(); });
  for (const std::int64_t percent : config.milestone_list()) {
    kept.entry(milestones / std::to_string(percent), [&] {
      const auto then = load_trainer(folder / milestone_file(percent), device);
      return measure_milestone(*then, seed);
    });
  }
}

/// Paths as they are from anywhere, since a run keeps them.
void make_absolute(Config& config) {
  if (config.start_from != "none") config.start_from = fs::absolute(config.start_from).string();
  if (config.prompts != "auto") config.prompts = fs::absolute(config.prompts).string();
}

/// One run of a comparison: trained and measured.
void reproduce_run(Config config, const std::string& variant, std::int64_t seed, bool figures,
                   const fs::path& data_dir, const fs::path& folder, Device device) {
  if (fs::exists(folder / "result.json")) return;
  config.choose_variant(variant);
  config.seed = seed;
  const Music music = load_music(config, data_dir);
  make_folder(folder);
  write_config(folder, config.all());
  const double train_seconds = train_run(config, music, folder, device);
  const std::unique_ptr<Trainer> best = load_trainer(folder / "best.safetensors", device);
  const auto draws = static_cast<std::uint64_t>(seed);
  const fs::path metrics = folder / "metrics.json";  // whole when result.json is there
  measure(*best, music, prompts(config, best->tokenizer(), music, data_dir), draws,
          figures ? folder : fs::path(), KeptResults(metrics));
  measure_milestones(config, draws, folder, device, KeptResults(metrics));
  Json result = result_on(music, variant, seed);
  result.update(
      {{"train_tokens", music.train_tokens()},
       {"tokenizer", best->tokenizer().name() + " " + best->tokenizer().options()},
       {"vocabulary", best->tokenizer().vocabulary_size()},
       {"parameters", best->model().num_parameters()},
       {"bars", config.bars},
       {"iterations", config.iterations},
       {"tokens_seen", config.iterations * config.accumulate * config.batch * config.context},
       {"layers", config.layers},
       {"heads", config.heads},
       {"width", config.width},
       {"context", config.context},
       {"compute", config.options(device).compute == DType::bf16 ? "bf16" : "f32"},
       {"train_seconds", train_seconds}});
  write_result(folder, std::move(result));
}

void check_start(const Config& config) {
  if (config.start_from == "none") return;
  const GptShape given = hugging_face_shape(config.start_from), own = config.shape(1);
  require(given.layers == own.layers && given.heads == own.heads && given.width == own.width,
          "start_from=", config.start_from, ": has layers=", given.layers, ", heads=", given.heads,
          ", width=", given.width, "; set these to the same");
}

/// Finds out what music "auto" is, and what is wrong with the settings and the data of any variant.
/// Measures the real music.
Json check_before_hours(Config& config, const std::vector<std::string>& variants,
                        const fs::path& data_dir) {
  config.milestone_list();
  settings(config);
  require(config.width % config.heads == 0, "heads=", config.heads,
          " do not divide width=", config.width);
  const bool text = std::ranges::any_of(
      variants, [](const std::string& name) { return name.ends_with("_text"); });
  require(text || config.start_from == "none", "start_from=", config.start_from,
          ": none of the variants ", config.variants,
          " begins with it; add those that do, e.g. --set variants=remi,remi_text");
  Json real;
  for (const std::string& variant : variants) {
    Config own = config;
    own.choose_variant(variant);
    check_start(own);
    const Music music = load_music(own, data_dir);
    prompts(own, *own.make_tokenizer(), music, data_dir);
    if (!real.is_null()) continue;
    for (const std::string& text : music.notes) note(text);
    config.data = music.data;
    real = measure_real(own, music, static_cast<std::uint64_t>(config.seed));
  }
  return real;
}

class MusicGptExperiment : public Experiment {
 public:
  const char* name() const override { return "music_gpt"; }
  const char* description() const override {
    return "music as tokens by a transformer: three tokenizers, continuations of prompts";
  }

  fs::path train(const Options& options) const override {
    Config config;
    configure_training(config.all(), options, name());
    make_absolute(config);
    const Music music = load_and_note(config, options.data_dir);
    config.data = music.data;
    const std::string run = music.name + "-" + config.tokenizer;
    return train_in_folder(options, name(), run, config.all(), [&](const fs::path& folder) {
      train_run(config, music, folder, options.device);
    });
  }

  std::vector<std::string> sample_options() const override { return SampleConfig().all().keys(); }

  fs::path sample(const Options& options) const override {
    return sample_in_folder<SampleConfig>(options, name(), load_trainer, write_samples);
  }

  fs::path eval(const Options& options) const override {
    const std::unique_ptr<Trainer> trainer = load_trainer(options.checkpoint, options.device);
    const Config& config = trainer->config();
    const Music music = load_and_note(config, options.data_dir);
    const auto seed = options.seed.value_or(static_cast<std::uint64_t>(config.seed));
    const fs::path folder = output_folder(options, name(), "eval");
    make_folder(folder);
    Json result{{"checkpoint", options.checkpoint.string()}};
    result["real"] = measure_real(config, music, seed);
    result.update(measure(*trainer, music,
                          prompts(config, trainer->tokenizer(), music, options.data_dir), seed));
    std::cout << result.dump(2) << std::endl;
    write_json(folder / "metrics.json", result);
    return folder / "metrics.json";
  }

  fs::path reproduce(const Options& options) const override {
    const auto begin = std::chrono::steady_clock::now();
    Config config;
    configure(config.all(), options, name());
    make_absolute(config);
    const std::vector<std::string> variants = config.variant_list();
    const Json real = check_before_hours(config, variants, options.data_dir);
    Json runs;
    const fs::path folder =
        reproduce_in_folder(options, name(), config.all(), [&](const fs::path& all_runs) {
          write_json(all_runs / "real.json", real);
          runs =
              run_variants(all_runs, variants, config.seed, config.num_seeds,
                           [&](const std::string& variant, std::int64_t seed, const fs::path& run) {
                             reproduce_run(config, variant, seed, seed == config.seed,
                                           options.data_dir, run, options.device);
                           });
        });
    Json summary = provenance(options, name(), config.all(), begin);
    summary["runs"] = runs;
    return write_report(folder, std::move(summary));
  }

  fs::path report(const fs::path& folder) const override {
    return write_report(folder, read_json(folder / "summary.json"));
  }

  StepBench step_bench(const Options& options, const std::string& networks) const override {
    Config config;
    configure(config.all(), options, name());
    return music_gpt::step_bench(config, options.device, networks);
  }
};

}  // namespace
}  // namespace music_gpt

const Experiment& music_gpt_experiment() {
  static const music_gpt::MusicGptExperiment experiment;
  return experiment;
}

}  // namespace etude
