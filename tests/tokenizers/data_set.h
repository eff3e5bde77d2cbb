#pragma once
// The corpora that a checkout may have, for the tests.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

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

}  // namespace etude
