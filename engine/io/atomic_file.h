#pragma once
// Files that are either the old version or the complete new one, whatever happens meanwhile.

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace etude {

/// A file under construction: the bytes go to a hidden temporary file in the folder of `path`;
/// commit() makes them durable and gives them their name in one step. Whoever reads `path` sees
/// the old content or the new one, never a part, also after a crash or a power cut. Destroyed
/// without commit(), it removes the temporary file and leaves `path` as it was.
///
///   AtomicFile file(path);
///   file.write(bytes);
///   file.commit();
///
/// Every failure throws Error with the step, the path and the system's reason, e.g.
/// "cannot write runs/a/last.safetensors: No space left on device". A new file gets the mode that
/// the umask allows; the mode of a file that is replaced is not kept.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes`. Several calls make one file.
  void write(std::string_view bytes);
  void write(const void* bytes, std::size_t num_bytes);

  /// fsync of the file, rename, fsync of the folder; at most once, and no write() after it.
  void commit();

 private:
  [[noreturn]] void fail_with_errno(const char* step) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// The common case: the whole content at once.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace etude
