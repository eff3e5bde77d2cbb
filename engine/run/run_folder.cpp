#include "engine/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <system_error>

#include "engine/io/atomic_file.h"
#include "engine/io/safetensors.h"
#include "engine/run/config.h"
#include "engine/run/console.h"

namespace etude {
namespace fs = std::filesystem;

namespace {

/// An open file descriptor.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : value(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    require(value >= 0, path.string(), ": cannot be opened");
  }
  ~Descriptor() { close(value); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int value;
};

/// Files that a killed process was writing (see AtomicFile).
void remove_unfinished_files(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".") && name.find(".tmp-") != std::string::npos) fs::remove(entry.path());
  }
}

/// One line, or indented. Bytes that are not UTF-8, as in a file's name, become U+FFFD: a result
/// is not lost for them.
std::string text_of(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// Error unless every setting of `then`, TOML that a checkpoint was made with, is one of `now`.
void require_same_settings(const std::string& then, const std::string& now, const fs::path& file) {
  std::istringstream lines(then);
  for (std::string line; std::getline(lines, line);) {
    const bool setting = !line.empty() && line[0] != '#';
    require(!setting || ("\n" + now).find("\n" + line + "\n") != std::string::npos, file.string(),
            ": was made with ", line,
            ", which config.toml beside it no longer says; put it back, "
            "or begin another run");
  }
}

/// The seconds of earlier starts; NaN where that is not known.
double read_clock(const fs::path& file) {
  try {
    return read_json(file).at("seconds").get<double>();
  } catch (const std::exception&) {  // how long it took is no reason not to go on
    note(file.string() + ": is missing or damaged: the time of earlier starts is not known");
    return NAN;
  }
}

}  // namespace

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, path.string(), ": cannot be created: ", error.message());
  require(fs::is_directory(path), path.string(), ": is not a folder");
  require(access(path.c_str(), W_OK | X_OK) == 0, path.string(),
          ": cannot be written to; choose another folder with --out");
}

void write_json(const fs::path& path, const Json& value) {
  write_file_atomically(path, text_of(value, 2) + "\n");
}

Json read_json(const fs::path& path) {
  try {
    return Json::parse(read_text_file(path));
  } catch (const Json::exception& error) {
    fail(path.string(), ": not valid JSON: ", error.what());
  }
}

JsonLog::JsonLog(fs::path path, std::int64_t keep_bytes) : path_(std::move(path)) {
  if (fs::exists(path_)) {
    const auto size = static_cast<std::int64_t>(fs::file_size(path_));
    require(size >= keep_bytes, path_.string(), ": has ", size, " bytes, the checkpoint knew of ",
            keep_bytes, "; it was changed. Start again in a new folder");
    fs::resize_file(path_, static_cast<std::uintmax_t>(keep_bytes));
  } else {
    require(keep_bytes == 0, path_.string(), ": is missing, but the checkpoint continues it");
  }
  file_.open(path_, std::ios::binary | std::ios::app);
  require(file_.good(), path_.string(), ": cannot be opened for writing");
}

void JsonLog::append(const Json& entry) {
  file_ << text_of(entry) << '\n';
  require(file_.good(), path_.string(), ": cannot be written; is the disk full?");
}

std::int64_t JsonLog::flush() {
  file_.flush();
  require(file_.good() && fsync(Descriptor(path_, O_WRONLY).value) == 0, path_.string(),
          ": cannot be written; is the disk full?");
  return static_cast<std::int64_t>(fs::file_size(path_));
}

std::vector<Json> JsonLog::read(const fs::path& path) {
  std::vector<Json> entries;
  std::istringstream lines(read_text_file(path));
  std::int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    Json entry = Json::parse(line, nullptr, false);
    require(!entry.is_discarded(), path.string(), ":", number, ": not valid JSON");
    entries.push_back(std::move(entry));
  }
  return entries;
}

double run_training(const fs::path& folder, const TrainingJob& job) {
  require(job.checkpoint_every > 0 && job.step && job.flush && job.state,
          "run_training: the job is incomplete");
  stop_requested();  // from here on Ctrl-C saves
  make_folder(folder);
  const Descriptor lock(folder / "lock", O_RDWR | O_CREAT);
  require(flock(lock.value, LOCK_EX | LOCK_NB) == 0, folder.string(),
          ": another process is training in it");
  remove_unfinished_files(folder);
  const fs::path last = folder / "last.safetensors";
  std::int64_t step = 0, log_bytes = 0;
  const auto visit = [&](State& s) {
    s.number("run.step", step);
    s.number("run.log_bytes", log_bytes);
    job.state(s);
  };
  const fs::path clock = folder / "seconds.json";
  double seconds_before = 0;
  if (fs::exists(last)) {
    seconds_before = read_clock(clock);
    const Checkpoint checkpoint = load_safetensors(last);
    const auto settings = checkpoint.info.find("config");
    if (settings != checkpoint.info.end())
      require_same_settings(settings->second, job.config, last);
    State s = State::restore(checkpoint, last.string());
    visit(s);
    s.finish();
  }
  JsonLog log(folder / "log.jsonl", log_bytes);
  const auto begin = std::chrono::steady_clock::now();
  double total = seconds_before;  // up to the last checkpoint
  const auto save = [&] {
    job.flush(log);
    log_bytes = log.flush();
    Checkpoint checkpoint;
    checkpoint.info["config"] = job.config;
    State s = State::collect(checkpoint);
    visit(s);
    total = seconds_before + seconds_since(begin);
    if (!std::isnan(total)) write_json(clock, {{"seconds", total}});
    save_safetensors(last, checkpoint);
  };
  Progress progress(job.label, job.num_steps, step);
  while (step < job.num_steps) {
    const std::string status = job.step(step, log);
    ++step;
    const bool stop = stop_requested();
    if (stop || step == job.num_steps || step % job.checkpoint_every == 0) save();
    progress.update(step, status);
    if (stop && step < job.num_steps) throw Interrupted{folder.string()};
  }
  return total;
}

}  // namespace etude
