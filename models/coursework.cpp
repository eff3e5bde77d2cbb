#include "models/coursework.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/error.h"

namespace etude {

namespace fs = std::filesystem;

namespace {

/// A folder that is removed unless it has been renamed.
struct TemporaryFolder {
  fs::path path;
  explicit TemporaryFolder(fs::path at) : path(std::move(at)) { fs::create_directories(path); }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

/// Unpacks a .tar.xz into `folder` without its top folder. The arguments reach tar as they are, no
/// shell reads them; tar itself refuses names that lead out of the folder.
void unpack_tar_xz(const fs::path& archive, const fs::path& folder) {
  // --force-local: a colon in the path names no other machine.
  std::vector<std::string> words = {"tar",
                                    "--extract",
                                    "--xz",
                                    "--force-local",
                                    "--no-same-owner",
                                    "--strip-components=1",
                                    "--file=" + fs::absolute(archive).string(),
                                    "--directory=" + fs::absolute(folder).string()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, "tar", nullptr, nullptr, arguments.data(), environ);
  require(problem == 0, "ee641: cannot start tar to unpack ", archive.string(), ": ",
          std::generic_category().message(problem));
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "ee641: tar cannot unpack ",
          archive.string(), " to ", folder.string(),
          ": the archive is damaged, xz is missing or the disk is full");
}

}  // namespace

fs::path find_coursework(const fs::path& data_dir, const std::string& name,
                         const std::string& what) {
  const fs::path folder = data_dir / name;
  if (fs::exists(folder)) return folder;
  const char* mirror = std::getenv("ETUDE_DATA_MIRROR");
  const std::string file = name + ".tar.xz";
  const fs::path archive = mirror && *mirror ? fs::path(mirror) / file : "";
  require(fs::exists(archive), "ee641: there is no folder ", folder.string(), ": put ", what,
          " there, or set ETUDE_DATA_MIRROR to a folder that has ", file);
  // A folder of its own per process; whoever is first gives it the name.
  const TemporaryFolder unpacked(data_dir / ("." + name + ".tmp-" + std::to_string(getpid())));
  unpack_tar_xz(archive, unpacked.path);
  std::error_code problem;
  fs::rename(unpacked.path, folder, problem);
  require(!problem || fs::exists(folder), "ee641: cannot create ", folder.string(), ": ",
          problem.message());
  return folder;
}

}  // namespace etude
