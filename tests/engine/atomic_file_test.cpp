#include "engine/io/atomic_file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace fs = std::filesystem;
using etude::AtomicFile;
using etude::Error;
using etude::message_of;
using etude::TemporaryFolder;
using etude::write_file_atomically;

namespace {

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A disk that is full after `num_bytes`, as far as one file can tell.
struct FileSizeLimit {
  rlimit before{};
  void (*handler)(int);
  explicit FileSizeLimit(rlim_t num_bytes) : handler(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit limit{num_bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
};

}  // namespace

TEST_CASE("atomic file: new content replaces old content and nothing else is left") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a.bin";
  write_file_atomically(path, "old");
  CHECK(content(path) == "old");
  const std::string binary("a\0b\n", 4);
  write_file_atomically(path, binary);
  CHECK(content(path) == binary);
  write_file_atomically(path, "");
  CHECK(content(path).empty());
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: readers see the old file until commit") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a.bin";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write("half of the ");
    CHECK(content(path) == "old");
  }  // given up
  CHECK(content(path) == "old");
  CHECK(folder.entries() == 1);

  AtomicFile file(path);
  file.write("first, ");
  file.write("second");
  file.commit();
  CHECK(content(path) == "first, second");
  CHECK_THROWS_AS(file.write("late"), Error);
  CHECK_THROWS_AS(file.commit(), Error);
}

TEST_CASE("atomic file: two writers of one file do not mix") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a.bin";
  AtomicFile one(path), two(path);
  one.write("one");
  two.write("two");
  one.commit();
  two.commit();
  CHECK(content(path) == "two");
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: a full disk leaves the old file and no temporary") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a.bin";
  write_file_atomically(path, "old");
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = message_of([&] { write_file_atomically(path, std::string(10000, 'x')); });
  }
  CHECK(message == "cannot write " + path.string() + ": File too large");
  CHECK(content(path) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: impossible places are named") {
  const TemporaryFolder folder;
  const fs::path nowhere = folder.path / "missing" / "a.bin";
  CHECK(message_of([&] { write_file_atomically(nowhere, "x"); }) ==
        "cannot write " + nowhere.string() + ": No such file or directory");

  const fs::path taken = folder.path / "folder";
  fs::create_directories(taken / "full");
  CHECK(message_of([&] { write_file_atomically(taken, "x"); }) ==
        "cannot replace " + taken.string() + ": Is a directory");
  CHECK(folder.entries() == 1);
  CHECK_THROWS_AS(write_file_atomically("", "x"), Error);
}
