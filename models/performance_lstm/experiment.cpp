#include "models/performance_lstm/experiment.h"

#include <chrono>
#include <iostream>
#include <set>

#include "engine/run/console.h"
#include "models/driver.h"
#include "models/midi_music.h"
#include "models/music_files.h"
#include "models/performance_lstm/bench.h"
#include "models/performance_lstm/measure.h"
#include "models/performance_lstm/report.h"
#include "models/performance_lstm/samples.h"
#include "tokenizers/performance/performance.h"

namespace etude {
namespace performance_lstm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFigureStream = 10;

Music load_and_note(const Config& config, const fs::path& data_dir) {
  Music music = load_music(config, data_dir);
  for (const std::string& text : music.notes) note(text);
  return music;
}

/// One generated piece of every setting, as files.
void write_figures(Trainer& trainer, const Music& music, const fs::path& folder) {
  const Config& config = trainer.config();
  const Piece& piece = primer_piece(music);
  const std::vector<Note> truth = playable_notes(piece.score);
  const PerformanceTokenizer tokenizer({.carry_residual = config.carry_residual});
  // As the model is to sound.
  write_music(folder, "truth", tokenizer.decode(piece.own_ids()), kExcerpt);
  for (const Setting& setting : settings(config, music, piece)) {
    Generator random(static_cast<std::uint64_t>(config.seed), kFigureStream);
    const auto ids = generate(trainer.model(), 1, setting.options, random);
    write_music(folder, file_name(setting.name), tokenizer.decode(ids[0]), kExcerpt, truth);
  }
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
  write_json(folder / "metrics.json", measure(*best, music, static_cast<std::uint64_t>(seed)));
  if (figures) write_figures(*best, music, folder);
  Json result = result_on(music, variant, seed);
  result.update({{"iterations", config.iterations},
                 {"conditioning", config.conditioning},
                 {"augmentation", config.augmentation},
                 {"parameters", best->model().num_parameters()},
                 {"train_seconds", train_seconds}});
  write_result(folder, std::move(result));
}

/// Finds out what music "auto" is, and what is wrong with the settings and the data of any variant.
void check_before_hours(Config& config, const std::vector<std::string>& variants,
                        const fs::path& data_dir) {
  config.temperature_list();
  config.corpus = corpus_name(config.corpus, data_dir);
  std::set<std::string> noted;
  for (const std::string& variant : variants) {
    Config own = config;
    own.choose_variant(variant);
    const Music music = load_music(own, data_dir);
    (variant == "corpus" ? config.corpus : config.data) = music.data;
    for (const std::string& text : music.notes) {
      if (noted.insert(text).second) note(text);
    }
  }
}

class PerformanceLstmExperiment : public Experiment {
 public:
  const char* name() const override { return "performance_lstm"; }
  const char* description() const override {
    return "piano performances by an LSTM: temperature, primers, tempo";
  }

  fs::path train(const Options& options) const override {
    Config config;
    configure_training(config.all(), options, name());
    const Music music = load_and_note(config, options.data_dir);
    config.data = music.data;
    return train_in_folder(options, name(), music.name, config.all(), [&](const fs::path& folder) {
      train_run(config, music, folder, options.device);
    });
  }

  std::vector<std::string> sample_options() const override { return SampleConfig().all().keys(); }

  fs::path sample(const Options& options) const override {
    return sample_in_folder<SampleConfig>(options, name(), load_trainer, write_samples);
  }

  fs::path eval(const Options& options) const override {
    const std::unique_ptr<Trainer> trainer = load_trainer(options.checkpoint, options.device);
    const Music music = load_and_note(trainer->config(), options.data_dir);
    const fs::path folder = output_folder(options, name(), "eval");
    make_folder(folder);
    Json result{{"checkpoint", options.checkpoint.string()}};
    result.update(
        measure(*trainer, music,
                options.seed.value_or(static_cast<std::uint64_t>(trainer->config().seed))));
    std::cout << result.dump(2) << std::endl;
    write_json(folder / "metrics.json", result);
    return folder / "metrics.json";
  }

  fs::path reproduce(const Options& options) const override {
    const auto begin = std::chrono::steady_clock::now();
    Config config;
    configure(config.all(), options, name());
    const std::vector<std::string> variants = config.variant_list();
    check_before_hours(config, variants, options.data_dir);
    Json runs;
    const fs::path folder =
        reproduce_in_folder(options, name(), config.all(), [&](const fs::path& all_runs) {
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
    return performance_lstm::step_bench(config, options.device, networks);
  }
};

}  // namespace
}  // namespace performance_lstm

const Experiment& performance_lstm_experiment() {
  static const performance_lstm::PerformanceLstmExperiment experiment;
  return experiment;
}

}  // namespace etude
