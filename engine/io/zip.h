#pragma once
// Zip archives in memory, the container of .npz: stored and deflated entries, checksums verified.
// Source: PKWARE APPNOTE 6.3.3, sections 4.3 and 4.4.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace etude {

struct ZipEntry {
  std::string name;
  std::uint16_t flags, method;
  std::uint32_t crc;
  std::uint64_t packed_bytes, bytes, offset;  // offset: of its local header in the archive
};

/// The directory of the archive `zip`; `name` stands for the file in messages. Throws Error for
/// what is no zip archive, is truncated, in several parts or over 4 GiB, or whose entries together
/// claim more packed bytes than the archive has or more than 4 GiB unpacked.
std::vector<ZipEntry> zip_directory(std::string_view zip, const std::string& name);

/// The content of one entry. Throws Error when it is encrypted, truncated, damaged (CRC-32),
/// compressed in another way, or claims a size that its packed bytes cannot have.
std::string unzip(std::string_view zip, const ZipEntry& entry, const std::string& name);

/// Builds an archive; the same entries in the same order give the same bytes.
class ZipWriter {
 public:
  /// Appends one entry, deflated where that is smaller. Throws Error over 2 GiB in all.
  void add(const std::string& name, std::string_view bytes);

  /// The archive. The writer is empty afterwards.
  std::string finish();

 private:
  std::string entries_, directory_;
  std::uint64_t num_entries_ = 0;
};

}  // namespace etude
