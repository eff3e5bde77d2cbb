#pragma once
// The corpora that a checkout may have, for the tests.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tokenizers/midi/score.h"

namespace etude {

/// A folder for one test.
struct Scratch {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("tokenizers_test_" + std::to_string(std::random_device{}()));
  ~Scratch() { std::filesystem::remove_all(path); }
};

/// The set's folder: in data/, or unpacked from the mirror to `scratch`; empty, with a message, if
/// it is nowhere.
inline std::filesystem::path data_set(const std::string& name,
                                      const std::filesystem::path& scratch) {
  if (std::filesystem::exists("data/" + name)) return "data/" + name;
  const char* mirror = std::getenv("ETUDE_DATA_MIRROR");
  const std::filesystem::path archive =
      std::filesystem::path(mirror ? mirror : "") / (name + ".tar.xz");
  if (!mirror || !std::filesystem::exists(archive)) {
    MESSAGE("skipped: there is no data/", name, " (etude data get ", name,
            "), nor ETUDE_DATA_MIRROR");
    return {};
  }
  std::filesystem::create_directories(scratch);
  const std::string command = "tar -xJf '" + archive.string() + "' -C '" + scratch.string() + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  return scratch;
}

/// do_with(score, path) for every MIDI file of the set, in the order of their paths. Returns their
/// number; 0 if the set is nowhere.
template <class Do>
int for_each_score(const std::string& name, const Do& do_with) {
  namespace fs = std::filesystem;
  const Scratch scratch;
  const fs::path folder = data_set(name, scratch.path);
  if (folder.empty()) return 0;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".mid") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    CAPTURE(file.string());
    do_with(midi::score(midi::read(file)), file);
  }
  return static_cast<int>(files.size());
}

}  // namespace etude
