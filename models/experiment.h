#pragma once
// What the program can do with a model. One experiment per folder; models/experiments.cpp lists
// them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace etude {

/// What the command line gave, for every command.
struct Options {
  std::string preset = "quick";       // a file of the model's configs/
  std::vector<std::string> sets;      // "key=value", in order
  std::optional<std::uint64_t> seed;  // of the run; for reproduce, of the first run
  Device device = Device::cpu;
  std::string device_name = "auto";  // as typed
  std::filesystem::path out;         // empty: runs/<model>/<time>-<command>
  std::filesystem::path resume;      // train: a run folder to continue
  std::filesystem::path checkpoint;  // sample, eval
  std::filesystem::path data_dir = "data";
  std::string command_line;  // as typed, for the records
};

/// One training step for `etude bench step`.
struct StepBench {
  std::function<void()> step;
  double flops = 0;        // multiply-adds counted twice, products and convolutions only
  std::int64_t items = 0;  // samples per step
  std::string description;
};

class Experiment {
 public:
  virtual ~Experiment() = default;
  virtual const char* name() const = 0;
  virtual const char* description() const = 0;
  /// One run: trains, writes checkpoints, log and figures. Returns the run's folder.
  virtual std::filesystem::path train(const Options& options) const = 0;
  /// The options that sample() takes beside --checkpoint, --seed and --out, without "--"; their
  /// values reach it in options.sets, as "key=value".
  virtual std::vector<std::string> sample_options() const { return {}; }
  /// New samples from a checkpoint, as files. Returns their folder.
  virtual std::filesystem::path sample(const Options& options) const = 0;
  /// The metrics of a checkpoint, as a file and on standard output. Returns the file.
  virtual std::filesystem::path eval(const Options& options) const = 0;
  /// Everything from data to report.html. Returns its folder.
  virtual std::filesystem::path reproduce(const Options& options) const = 0;
  /// Writes report.html again from what a reproduce folder holds. Returns the page.
  virtual std::filesystem::path report(const std::filesystem::path& folder) const = 0;
  /// `networks`: which of the model's networks; empty is the experiment's own.
  virtual StepBench step_bench(const Options& options, const std::string& networks) const = 0;
};

std::span<const Experiment* const> experiments();
/// Error lists the names there are.
const Experiment& find_experiment(const std::string& name);

/// The text of models/<model>/configs/<preset>.toml, built into the program. Error lists the
/// presets.
std::string preset_toml(const std::string& model, const std::string& preset);

/// options.out, or a new folder runs/<model>/<local time>-<what>.
std::filesystem::path output_folder(const Options& options, const std::string& model,
                                    const std::string& what);

}  // namespace etude
