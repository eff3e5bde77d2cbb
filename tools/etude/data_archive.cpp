#include "tools/etude/data_archive.h"

#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "engine/error.h"
#include "engine/run/console.h"

#ifdef ETUDE_HAVE_ARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

namespace etude {

namespace fs = std::filesystem;

#ifdef ETUDE_HAVE_ARCHIVE

namespace {

/// An archive that is read once from its beginning to its end.
class Reader {
 public:
  explicit Reader(const fs::path& path) : path_(path) {
    require(archive_ != nullptr, "libarchive: out of memory");
    archive_read_support_filter_gzip(archive_.get());
    archive_read_support_filter_xz(archive_.get());
    archive_read_support_format_tar(archive_.get());
    archive_read_support_format_zip(archive_.get());
    check(archive_read_open_filename(archive_.get(), path.c_str(), 1 << 16));
  }

  /// Calls `visit` with each regular file's path, without "./" at its front. Error for paths that
  /// lead out of the folder, whatever they are of.
  void each_file(const std::function<void(const std::string& path)>& visit) {
    archive_entry* entry = nullptr;
    while (check(archive_read_next_header(archive_.get(), &entry))) {
      leave_if_stopped();
      const char* name = archive_entry_pathname(entry);
      if (name == nullptr) continue;  // not of this locale, so none of ours
      std::string path = name;
      require(stays_inside(path), path_.string(), ": holds the path ", path,
              ", which leads out of the folder it is unpacked to; nothing was unpacked");
      while (path.starts_with("./")) path.erase(0, 2);
      if (archive_entry_filetype(entry) == AE_IFREG) visit(path);
    }
  }

  /// The bytes of the file that is being visited.
  void write_to(const fs::path& path) {
    fs::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    std::array<char, 1 << 16> bytes;
    for (la_ssize_t count = 0;
         (count = archive_read_data(archive_.get(), bytes.data(), bytes.size())) != 0;) {
      check(count < 0 ? static_cast<int>(count) : ARCHIVE_OK);
      if (count > 0) file.write(bytes.data(), count);
    }
    file.close();
    require(file.good(), path.string(), ": cannot be written; is the disk full?");
  }

 private:
  /// False at the end.
  bool check(int status) const {
    require(status == ARCHIVE_OK || status == ARCHIVE_WARN || status == ARCHIVE_EOF, path_.string(),
            ": is no archive, or a damaged one: ", archive_error_string(archive_.get()));
    return status != ARCHIVE_EOF;
  }

  fs::path path_;
  std::unique_ptr<archive, decltype(&archive_read_free)> archive_{archive_read_new(),
                                                                  archive_read_free};
};

/// What stands before `file` in the archive; the shortest if there are several.
std::string top_folder(const fs::path& archive, const std::string& file) {
  std::optional<std::string> top;
  Reader(archive).each_file([&](const std::string& path) {
    if (path != file && !path.ends_with("/" + file)) return;
    if (!top || path.size() < top->size() + file.size())
      top = path.substr(0, path.size() - file.size());
  });
  require(top.has_value(), archive.string(), ": does not hold ", file,
          ", so it is not the data set that was expected");
  return *top;
}

}  // namespace

void unpack(const fs::path& archive, const std::vector<DataFile>& files, const fs::path& folder) {
  const std::string top = top_folder(archive, files.front().path);
  std::set<std::string> wanted;
  for (const DataFile& file : files) wanted.insert(top + file.path);
  Reader reader(archive);
  reader.each_file([&](const std::string& path) {
    if (wanted.contains(path)) reader.write_to(folder / path.substr(top.size()));
  });
}

#else

void unpack(const fs::path&, const std::vector<DataFile>&, const fs::path&) {
  fail(
      "etude data: this build has no libarchive to unpack with: install libarchive-dev "
      "(tools/setup does) and build again");
}

#endif

}  // namespace etude
