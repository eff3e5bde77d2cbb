#include "tools/etude/data.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <system_error>
#include <vector>

#include "engine/error.h"
#include "engine/run/config.h"
#include "engine/run/console.h"
#include "engine/run/run_folder.h"
#include "tools/etude/data_archive.h"
#include "tools/etude/data_download.h"
#include "tools/etude/data_manifest.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

struct DataSet {
  std::string name, content, licence, page, url, by_hand;
  std::vector<DataFile> files;
};

DataSet parse_data_set(const std::string& name, const std::string& toml, const std::string& sha256,
                       const std::string& source) {
  DataSet set;
  set.name = name;
  Fields fields;
  fields("content", &set.content, "what it is and how large");
  fields("licence", &set.licence, "its short name");
  fields("page", &set.page, "where a reader finds it");
  fields("url", &set.url, "of the official .zip, .tar.gz or .tar.xz");
  fields("by_hand", &set.by_hand, "where there is none: how to get the files from the page");
  fields.load_toml(toml, source + ".toml");
  require(!set.content.empty() && !set.licence.empty() && !set.page.empty() &&
              set.url.empty() != set.by_hand.empty(),
          source, ".toml: content, licence, page and either url or by_hand must be given");
  set.files = parse_manifest(sha256, source + ".sha256");
  return set;
}

/// In the order of their names.
std::vector<DataSet> data_sets() {
  std::vector<DataSet> sets;
  const char* own = std::getenv("ETUDE_DATASETS");
  if (own == nullptr || *own == '\0') {
    for (const DataSetText& text : data_set_texts()) {
      const std::string name = text.name;
      sets.push_back(parse_data_set(name, text.toml, text.sha256, "tools/datasets/" + name));
    }
    return sets;
  }
  require(fs::is_directory(own), "ETUDE_DATASETS: there is no folder ", own);
  for (const auto& entry : fs::directory_iterator(own)) {
    if (entry.path().extension() != ".toml") continue;
    const fs::path stem = entry.path().parent_path() / entry.path().stem();
    sets.push_back(parse_data_set(stem.filename().string(), read_text_file(entry.path()),
                                  read_text_file(stem.string() + ".sha256"), stem.string()));
  }
  std::ranges::sort(sets, {}, &DataSet::name);
  return sets;
}

DataSet find_data_set(const std::string& name) {
  std::string names;
  for (DataSet& set : data_sets()) {
    if (set.name == name) return std::move(set);
    names += (names.empty() ? "" : ", ") + set.name;
  }
  fail("etude data get: there is no data set ", name, "; there are: ", names);
}

/// Holds `folder` against other processes that fetch data to it.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    require(descriptor_ >= 0, folder.string(), ": cannot be opened");
    if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    close(descriptor_);
    fail(folder.string(), ": another `etude data get` is at work there");
  }
  ~FolderLock() { close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

/// A folder that is empty at first and removed at the end.
struct ScratchFolder {
  fs::path path;
  explicit ScratchFolder(fs::path at) : path(std::move(at)) {
    fs::remove_all(path);  // of a killed process
    fs::create_directories(path);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
};

/// The mirror's archive of the set, if there is one.
std::optional<fs::path> mirrored(const DataSet& set) {
  const char* mirror = std::getenv("ETUDE_DATA_MIRROR");
  if (mirror == nullptr || *mirror == '\0') return {};
  const fs::path archive = fs::path(mirror) / (set.name + ".tar.xz");
  return fs::exists(archive) ? std::optional(archive) : std::nullopt;
}

/// Unpacks and verifies `archive` in a hidden folder, then gives that its name.
void install(const DataSet& set, const fs::path& archive, const fs::path& data_dir) {
  const ScratchFolder scratch(data_dir / ("." + set.name + ".unpacked"));
  unpack(archive, set.files, scratch.path);
  const std::string difference = first_difference(set.files, scratch.path);
  require(difference.empty(), archive.string(), ": is not the data set ", set.name,
          " that this version knows: ", difference);
  fs::rename(scratch.path, data_dir / set.name);
}

void fetch(const DataSet& set, const fs::path& data_dir) {
  const fs::path archive = data_dir / ("." + set.name + ".archive");
  const auto forget_download = [&] {
    std::error_code ignored;
    fs::remove(archive, ignored);
    fs::remove(unfinished(archive), ignored);
  };
  if (const auto mirror = mirrored(set)) {
    install(set, *mirror, data_dir);
  } else if (set.url.empty()) {
    fail("etude data get ", set.name, ": it is published without an archive to download; from ",
         set.page, " ", set.by_hand, ", to ", (data_dir / set.name).string(),
         ", then the same command verifies them. ETUDE_DATA_MIRROR names a folder with ", set.name,
         ".tar.xz to use instead");
  } else {
    if (!fs::exists(archive)) download(set.url, archive, set.name);
    try {
      install(set, archive, data_dir);
    } catch (const Error& error) {  // not Interrupted: then the archive is good for the next call
      forget_download();
      fail(error.what(), " (downloaded from ", set.url, ", and removed)");
    }
  }
  forget_download();
}

}  // namespace

void list_data(const fs::path& data_dir) {
  for (const DataSet& set : data_sets()) {
    const bool present = fs::exists(data_dir / set.name);
    std::cout << set.name << (present ? "  (in " + (data_dir / set.name).string() + ")" : "")
              << "\n  " << set.content << "\n  " << set.licence << "; " << set.page << "\n";
  }
  std::cout << std::flush;
}

void get_data(const std::string& name, const fs::path& data_dir) try {
  stop_requested();  // from here on Ctrl-C is answered
  const DataSet set = find_data_set(name);
  const fs::path folder = data_dir / set.name;
  make_folder(data_dir);
  const FolderLock lock(data_dir);
  if (!fs::exists(folder)) {
    fetch(set, data_dir);
  } else {
    const std::string difference = first_difference(set.files, folder);
    require(difference.empty(), folder.string(), ": ", difference, "; remove the folder, then run ",
            "`etude data get ", name, "` again");
  }
  note(name + ": " + std::to_string(set.files.size()) + " files verified");
  std::cout << folder.string() << std::endl;
} catch (const Interrupted&) {
  throw Interrupted{"etude data get " + name + " --data " + shell_word(data_dir.string())};
} catch (const fs::filesystem_error& error) {
  fail("etude data get ", name, ": ", error.what());
}

}  // namespace etude
