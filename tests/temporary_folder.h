#pragma once
// A folder that lives as long as a test.

#include <unistd.h>

#include <filesystem>
#include <string>

namespace etude {

/// Empty at first, of its own for each process and each object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path); }

  long entries() const { return std::distance(std::filesystem::directory_iterator(path), {}); }

  const std::filesystem::path path = std::filesystem::temp_directory_path() / name();

 private:
  static std::string name() {
    static int made = 0;
    return "etude-test-" + std::to_string(getpid()) + "-" + std::to_string(made++);
  }
};

}  // namespace etude
