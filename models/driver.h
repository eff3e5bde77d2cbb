#pragma once
// What all experiments do around their training: settings from preset and command line, folders,
// the words for how to go on after Ctrl-C, the record of how a result was made, networks as files.

#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/config.h"
#include "engine/run/console.h"
#include "engine/run/run_folder.h"
#include "models/experiment.h"

namespace etude {

/// The preset's values, then --set, then --seed, in the fields of a config of `model`.
void configure(Fields fields, const Options& options, const std::string& model);

/// configure() for a new run; for --resume the run's own config.toml. Error where options
/// contradict each other or what the folders hold.
void configure_training(Fields fields, const Options& options, const std::string& model);

/// Trains in the folder that --resume or --out names, or a new one, `run` in its name; makes it
/// and writes config.toml. A start that fails before training leaves no folder. Ctrl-C leaves as
/// Interrupted, with the command that goes on. Returns the folder.
std::filesystem::path train_in_folder(
    const Options& options, const std::string& model, const std::string& run, const Fields& fields,
    const std::function<void(const std::filesystem::path&)>& train);

/// `etude sample` of a model: write(network, settings, seed, folder) with --set's settings, the
/// network of the checkpoint and a folder made for it. Returns the folder.
template <class Settings, class Load, class Write>
std::filesystem::path sample_in_folder(const Options& options, const std::string& model, Load load,
                                       Write write) {
  Settings settings;
  for (const std::string& assignment : options.sets) settings.all().set(assignment, "etude sample");
  const auto network = load(options.checkpoint, options.device);
  const std::filesystem::path folder = output_folder(options, model, "sample");
  make_folder(folder);
  write(*network, settings, options.seed.value_or(1), folder);
  return folder;
}

/// A folder for `reproduce`, new or, with the same settings, begun before; `work` does the runs
/// that are missing. Ctrl-C as above. Returns the folder.
std::filesystem::path reproduce_in_folder(
    const Options& options, const std::string& model, const Fields& fields,
    const std::function<void(const std::filesystem::path&)>& work);

/// The runs of a comparison in `folder`: every variant with the first seed, then with the next
/// ones. run(variant, seed, its folder) trains and measures what is not there yet. Returns the
/// folders' names, for the summary.
Json run_variants(
    const std::filesystem::path& folder, const std::vector<std::string>& variants,
    std::int64_t first_seed, std::int64_t num_seeds,
    const std::function<void(const std::string&, std::int64_t, const std::filesystem::path&)>& run);

/// How a result was made: model, preset, command, commit, machine, date, device, the seconds since
/// `begin`, and the settings.
Json provenance(const Options& options, const std::string& model, const Fields& fields,
                std::chrono::steady_clock::time_point begin);

/// Whether a run of a comparison has ended, with result.json. Error if that is of other data.
bool run_complete(const std::filesystem::path& folder, const std::string& data_hash);

/// Writes result.json, which a run of a comparison ends with, and into it by which commit and
/// machine it was made, and when.
void write_result(const std::filesystem::path& folder, Json result);

/// Writes a run's settings as config.toml.
void write_config(const std::filesystem::path& folder, const Fields& fields);

/// The model's name as a part of a run's state: Error if what is restored is another model's.
void name_model(State& s, const std::string& model);

/// Writes what `state` visits, with the model's name and the settings. Error as save_safetensors().
void save_model(const std::filesystem::path& path, const std::string& model, const Fields& fields,
                const std::function<void(State&)>& state);

/// Error if the data is not what it was when the run began: `hash` is of the one at hand, from the
/// data set or folder `data`. A part of the run's state.
void same_data(State& s, const std::string& hash, const std::string& data);

/// Results that take long, entry by entry in a JSON file: what was interrupted goes on where it
/// was.
class KeptResults {
 public:
  /// Takes over what the file holds; without a file they are kept here alone.
  explicit KeptResults(std::filesystem::path file = {});
  /// The entry at `place`: made, and the file written, unless it is there.
  const Json& entry(const Json::json_pointer& place, const std::function<Json()>& make);
  const Json& all() const { return all_; }

 private:
  std::filesystem::path file_;
  Json all_ = Json::object();
};

/// The network of a run that was best so far, as a file.
class BestNetwork {
 public:
  BestNetwork(std::filesystem::path path, std::string model, Fields fields)
      : path_(std::move(path)), model_(std::move(model)), fields_(std::move(fields)) {}

  /// Writes what `network` visits, as save_model(), if `loss` is less than all before it.
  void offer(double loss, const std::function<void(State&)>& network);
  /// A part of the run's state.
  void state(State& s) { s.number("best", least_); }

 private:
  std::filesystem::path path_;
  std::string model_;
  Fields fields_;
  double least_ = std::numeric_limits<double>::max();
};

/// Reads what save_model() or a run wrote: its settings into `fields`, the rest to restore from.
/// Error if the file is no checkpoint, or another model's.
Checkpoint load_model(const std::filesystem::path& path, const std::string& model, Fields fields);

/// The network of such a file: a Network of the settings there, with the state of its model().
/// Error as load_model().
template <class Network, class Config>
std::unique_ptr<Network> load_network(const std::filesystem::path& path, const std::string& model,
                                      Device device) {
  Config config;
  const Checkpoint checkpoint = load_model(path, model, config.all());
  auto network = std::make_unique<Network>(config, device);
  State s = State::restore(checkpoint, path.string());
  network->model().state(s, "model");
  return network;
}

}  // namespace etude
