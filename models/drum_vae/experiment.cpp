#include "models/drum_vae/experiment.h"

#include <chrono>
#include <iostream>

#include "engine/run/console.h"
#include "models/driver.h"
#include "models/drum_vae/bench.h"
#include "models/drum_vae/data.h"
#include "models/drum_vae/measure.h"
#include "models/drum_vae/report.h"
#include "models/drum_vae/samples.h"
#include "models/drum_vae/train.h"
#include "models/drum_vae/transfer.h"

namespace etude {
namespace drum_vae {
namespace {

namespace fs = std::filesystem;

Config configured(const Options& options) {
  Config config;
  configure(config.all(), options, "drum_vae");
  config.strategy_list();
  return config;
}

DrumData load_data(const Config& config, const fs::path& data_dir) {
  DrumData data = load_drum_data(config.data, data_dir);
  for (const std::string& text : data.notes) note(text);
  return data;
}

/// Which dimensions the posterior left to the prior, from measure()'s result.
Json collapse(const Json& metrics) {
  const Json& test = metrics.at("test");
  Json result;
  for (const char* part : {"high", "low"}) {
    const std::string kl = std::string("kl_") + part + "_by_dimension";
    const auto values = test.at(kl).get<std::vector<double>>();
    result[kl] = values;
    for (const char* threshold : {"0.01", "0.02", "0.1"}) {
      Json indices = Json::array();
      for (std::size_t d = 0; d < values.size(); ++d) {
        if (values[d] < std::stod(threshold)) indices.push_back(d);
      }
      result[std::string("collapsed_") + part][threshold] = indices;
    }
  }
  return result;
}

/// One run of a comparison: the network with the least validation -ELBO, measured.
void reproduce_run(Config config, const std::string& strategy, std::int64_t seed, bool figures,
                   const DrumData& data, const fs::path& folder, Device device) {
  if (run_complete(folder, data.hash)) return;
  config.choose_strategy(strategy);
  config.seed = seed;
  make_folder(folder);
  write_config(folder, config.all());
  const double train_seconds = train_run(config, data, folder, device);
  const std::unique_ptr<Vae> best = load_vae(folder / "best.safetensors", device);
  const Json metrics = measure(best->model(), data, device);
  write_json(folder / "metrics.json", metrics);
  write_json(folder / "posterior_collapse.json", collapse(metrics));
  write_json(folder / "style_transfer.json", style_transfer(best->model(), data, device));
  if (figures) write_figures(best->model(), data.test, folder, device);
  write_result(folder, {{"strategy", strategy},
                        {"seed", seed},
                        {"data_hash", data.hash},
                        {"epochs", config.epochs},
                        {"train_seconds", train_seconds},
                        {"beta", config.beta},
                        {"free_bits", config.free_bits},
                        {"high_from", config.high_from},
                        {"prior", config.prior}});
}

class DrumVaeExperiment : public Experiment {
 public:
  const char* name() const override { return "drum_vae"; }
  const char* description() const override {
    return "drum patterns by a hierarchical VAE: posterior collapse, its measures and its cures";
  }

  fs::path train(const Options& options) const override {
    Config config;
    configure_training(config.all(), options, name());
    const DrumData data = load_data(config, options.data_dir);
    return train_in_folder(options, name(), config.beta, config.all(), [&](const fs::path& folder) {
      train_run(config, data, folder, options.device);
    });
  }

  std::vector<std::string> sample_options() const override { return SampleConfig().all().keys(); }

  fs::path sample(const Options& options) const override {
    return sample_in_folder<SampleConfig>(options, name(), load_vae,
                                          [](Vae& vae, const SampleConfig& config, auto... rest) {
                                            write_samples(vae.model(), config, rest...);
                                          });
  }

  fs::path eval(const Options& options) const override {
    const std::unique_ptr<Vae> vae = load_vae(options.checkpoint, options.device);
    const DrumData data = load_data(vae->config(), options.data_dir);
    const fs::path folder = output_folder(options, name(), "eval");
    make_folder(folder);
    Json result{{"checkpoint", options.checkpoint.string()}};
    result.update(measure(vae->model(), data, options.device));
    const Json transfer = style_transfer(vae->model(), data, options.device);
    result["style_transfer"] = transfer;
    std::cout << result.dump(2) << std::endl;
    write_json(folder / "metrics.json", result);
    return folder / "metrics.json";
  }

  fs::path reproduce(const Options& options) const override {
    const auto begin = std::chrono::steady_clock::now();
    Config config = configured(options);
    const DrumData data = load_data(config, options.data_dir);
    Json runs;
    const fs::path folder =
        reproduce_in_folder(options, name(), config.all(), [&](const fs::path& all_runs) {
          runs = run_variants(
              all_runs, config.strategy_list(), config.seed, config.num_seeds,
              [&](const std::string& strategy, std::int64_t seed, const fs::path& run) {
                const bool figures =
                    seed == config.seed && (strategy == "best" || strategy == "constant");
                reproduce_run(config, strategy, seed, figures, data, run, options.device);
              });
        });
    Json summary = provenance(options, name(), config.all(), begin);
    summary.update(
        {{"data", data.name}, {"data_hash", data.hash}, {"notes", data.notes}, {"runs", runs}});
    return write_report(folder, std::move(summary));
  }

  fs::path report(const fs::path& folder) const override {
    return write_report(folder, read_json(folder / "summary.json"));
  }

  StepBench step_bench(const Options& options, const std::string& networks) const override {
    return drum_vae::step_bench(configured(options), options.device, networks);
  }
};

}  // namespace
}  // namespace drum_vae

const Experiment& drum_vae_experiment() {
  static const drum_vae::DrumVaeExperiment experiment;
  return experiment;
}

}  // namespace etude
