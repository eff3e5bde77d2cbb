#include "engine/io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "engine/error.h"

namespace etude {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// Unique among the threads of this process and the processes of this machine; O_EXCL settles the
/// rest (other machines on a network file system).
std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<unsigned> count = 0;
  return folder_of(path) / ("." + path.filename().string() + ".tmp-" + std::to_string(getpid()) +
                            "-" + std::to_string(count++));
}

/// Makes the renamed entry durable. Some file systems have no fsync for folders and answer EINVAL:
/// then there is nothing more to do.
bool sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;
  const int reason = errno;
  close(descriptor);
  errno = reason;
  return synced;
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(temporary_beside(path_)) {
  require(path_.has_filename(), "cannot write \"", path_.string(), "\": it names no file");
  const auto create = [&] {
    return open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  };
  // A killed process with the same number (in a container always 1) may have left its file.
  while ((descriptor_ = create()) < 0 && errno == EEXIST) temporary_ = temporary_beside(path_);
  if (descriptor_ < 0) fail_with_errno("write");
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

void AtomicFile::write(const void* bytes, std::size_t num_bytes) {
  require(descriptor_ >= 0, "write to ", path_.string(), " after its commit");
  const char* next = static_cast<const char*>(bytes);
  while (num_bytes > 0) {
    // Linux moves at most 2 GiB in one call.
    const ssize_t written = ::write(descriptor_, next, std::min(num_bytes, std::size_t{1} << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_with_errno("write");
    }
    next += written;
    num_bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, "second commit of ", path_.string());
  if (fsync(descriptor_) != 0) fail_with_errno("write");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail_with_errno("replace");
  // From here on there is no temporary file that the destructor would have to remove.
  const bool closed = close(std::exchange(descriptor_, -1)) == 0;
  if (!closed) fail_with_errno("close");
  if (!sync_folder(folder_of(path_))) fail_with_errno("sync the folder of");
}

void AtomicFile::fail_with_errno(const char* step) const {
  const int reason = errno;
  fail("cannot ", step, " ", path_.string(), ": ", std::generic_category().message(reason));
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace etude
