#include "models/driver.h"

#include "engine/build_id.h"
#include "engine/io/atomic_file.h"
#include "engine/io/safetensors.h"
#include "engine/run/machine.h"

namespace etude {

namespace fs = std::filesystem;

void write_config(const fs::path& folder, const Fields& fields) {
  write_file_atomically(folder / "config.toml", fields.to_toml());
}

namespace {

/// A folder for new work or, with the same settings, for work that was begun in it.
fs::path begin_folder(const Options& options, const std::string& model, const std::string& run,
                      const Fields& fields) {
  const fs::path folder = output_folder(options, model, run);
  make_folder(folder);
  const fs::path file = folder / "config.toml";
  require(!fs::exists(file) || read_text_file(file) == fields.to_toml(), folder.string(),
          ": holds runs with other settings (see config.toml there); choose another --out");
  write_config(folder, fields);
  return folder;
}

/// Takes back what begin_folder() made for training that never began.
void forget_folder(const fs::path& folder) {
  std::error_code error;  // the one that is on its way to the user says more
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename() != "config.toml") return;
  }
  fs::remove(folder / "config.toml", error);
  fs::remove(folder, error);
}

}  // namespace

void configure(Fields fields, const Options& options, const std::string& model) {
  fields.load_toml(preset_toml(model, options.preset),
                   "models/" + model + "/configs/" + options.preset + ".toml");
  for (const std::string& assignment : options.sets) fields.set(assignment);
  if (options.seed) fields.set("seed=" + std::to_string(*options.seed));
}

void configure_training(Fields fields, const Options& options, const std::string& model) {
  if (options.resume.empty()) {
    configure(fields, options, model);
    require(options.out.empty() || !fs::exists(options.out / "last.safetensors"),
            options.out.string(), ": holds a run already; continue it with --resume ",
            options.out.string(), " or choose another --out");
    return;
  }
  const fs::path file = options.resume / "config.toml";
  require(fs::exists(file), options.resume.string(), ": not a run folder (no config.toml)");
  require(options.sets.empty() && !options.seed && options.out.empty(),
          "--resume continues with the run's own settings; --set, --seed and --out do not apply");
  fields.load_toml(read_text_file(file), file.string());
}

fs::path train_in_folder(const Options& options, const std::string& model, const std::string& run,
                         const Fields& fields, const std::function<void(const fs::path&)>& train) {
  const bool begins = options.resume.empty();
  const fs::path folder = begins ? begin_folder(options, model, run, fields) : options.resume;
  try {
    train(folder);
  } catch (const Interrupted&) {
    throw Interrupted{"etude train " + model + " --resume " + shell_word(folder.string()) +
                      " --data " + shell_word(options.data_dir.string()) + " --device " +
                      options.device_name};
  } catch (...) {
    if (begins) forget_folder(folder);
    throw;
  }
  return folder;
}

fs::path reproduce_in_folder(const Options& options, const std::string& model, const Fields& fields,
                             const std::function<void(const fs::path&)>& work) {
  const fs::path folder = begin_folder(options, model, options.preset, fields);
  try {
    work(folder);
  } catch (const Interrupted&) {
    throw Interrupted{options.command_line +
                      (options.out.empty() ? " --out " + shell_word(folder.string()) : "")};
  }
  return folder;
}

Json run_variants(const std::filesystem::path& folder, const std::vector<std::string>& variants,
                  std::int64_t first_seed, std::int64_t num_seeds,
                  const std::function<void(const std::string&, std::int64_t,
                                           const std::filesystem::path&)>& run) {
  Json names = Json::array();
  for (std::int64_t seed = first_seed; seed < first_seed + num_seeds; ++seed) {
    for (const std::string& variant : variants) {
      const std::string name = variant + "-" + std::to_string(seed);
      run(variant, seed, folder / name);
      names.push_back(name);
    }
  }
  return names;
}

Json provenance(const Options& options, const std::string& model, const Fields& fields,
                std::chrono::steady_clock::time_point begin) {
  return {{"model", model},
          {"preset", options.preset},
          {"command", options.command_line},
          {"commit", build_id()},
          {"machine", machine_description()},
          {"date", today()},
          {"device", options.device == Device::cpu ? "cpu" : gpu_description()},
          {"seconds", seconds_since(begin)},
          {"config", fields.to_toml()}};
}

bool run_complete(const fs::path& folder, const std::string& data_hash) {
  const fs::path file = folder / "result.json";
  if (!fs::exists(file)) return false;
  require(read_json(file).value("data_hash", data_hash) == data_hash, file.string(),
          ": is of other data than there is now; bring that back, or choose another --out");
  return true;
}

void write_result(const fs::path& folder, Json result) {
  result.update({{"commit", build_id()}, {"machine", machine_description()}, {"date", today()}});
  write_json(folder / "result.json", result);
}

void name_model(State& s, const std::string& model) {
  std::string name = model;
  s.text("model", name);
  require(name == model, "a checkpoint of model ", name, ", not of ", model);
}

void save_model(const fs::path& path, const std::string& model, const Fields& fields,
                const std::function<void(State&)>& state) {
  Checkpoint checkpoint;
  checkpoint.info["config"] = fields.to_toml();
  State s = State::collect(checkpoint);
  name_model(s, model);
  state(s);
  save_safetensors(path, checkpoint);
}

void same_data(State& s, const std::string& hash, const std::string& data) {
  std::string then = hash;
  s.text("data_hash", then);
  require(then == hash, "the data has changed since the run began (", data,
          "): bring it back, or begin another run");
}

KeptResults::KeptResults(fs::path file) : file_(std::move(file)) {
  if (fs::exists(file_)) all_ = read_json(file_);
}

const Json& KeptResults::entry(const Json::json_pointer& place, const std::function<Json()>& make) {
  if (!all_.contains(place)) {
    all_[place] = make();
    if (!file_.empty()) write_json(file_, all_);
  }
  return all_[place];
}

void BestNetwork::offer(double loss, const std::function<void(State&)>& network) {
  if (!(loss < least_)) return;
  least_ = loss;
  save_model(path_, model_, fields_, network);
}

Checkpoint load_model(const fs::path& path, const std::string& model, Fields fields) {
  Checkpoint checkpoint = load_safetensors(path);
  auto& info = checkpoint.info;
  require(info.contains("model") && info.contains("config"), path.string(),
          ": not a checkpoint of Etude (it names no model)");
  require(info["model"] == model, path.string(), ": a checkpoint of model ", info["model"],
          ", not of ", model);
  fields.load_toml(info["config"], path.string() + " (config)");
  return checkpoint;
}

}  // namespace etude
