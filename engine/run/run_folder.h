#pragma once
// The folder of one run and the loop that trains in it: checkpoints, log, resume, Ctrl-C.

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/state.h"

namespace etude {

/// Key order as written.
using Json = nlohmann::ordered_json;

/// Error unless `path` is, or can be made, a folder that can be written to.
void make_folder(const std::filesystem::path& path);
/// Writes `value` indented, atomically.
void write_json(const std::filesystem::path& path, const Json& value);
/// Error names the file and what is wrong with it.
Json read_json(const std::filesystem::path& path);

/// log.jsonl: one JSON object per line, appended. After a crash the lines beyond the last
/// checkpoint are cut off, so a resumed run logs each step once.
class JsonLog {
 public:
  /// Keeps the first `keep_bytes` bytes of what is there.
  JsonLog(std::filesystem::path path, std::int64_t keep_bytes);
  void append(const Json& entry);
  /// Length after all appended so far reached the disk.
  std::int64_t flush();

  static std::vector<Json> read(const std::filesystem::path& path);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

/// What a model gives to be trained.
struct TrainingJob {
  std::string label;  // of the progress line
  std::int64_t num_steps = 0;
  std::int64_t checkpoint_every = 1;  // steps
  std::string config;                 // TOML, stored in each checkpoint
  /// Step number `step` (from 0): one update of everything. Returns a short status for the progress
  /// line.
  std::function<std::string(std::int64_t step, JsonLog& log)> step;
  /// Called before each checkpoint: appends what was held back on the device.
  std::function<void(JsonLog& log)> flush;
  /// All that the next step depends on.
  std::function<void(State&)> state;
};

/// Every member of the job is required. Runs the job in `folder` from its last.safetensors if there
/// is one, else from the start, writing last.safetensors (atomically) every checkpoint_every steps
/// and at the end, and log.jsonl. A process killed at any moment and run again ends bit-identical
/// to one left alone. On Ctrl-C saves and throws Interrupted. Error if another process trains in
/// the folder. Returns the seconds that training took, those of earlier starts up to their last
/// checkpoint with them (kept in seconds.json); NaN where that record is missing. Error if the
/// checkpoint was made with other settings than job.config.
double run_training(const std::filesystem::path& folder, const TrainingJob& job);

}  // namespace etude
