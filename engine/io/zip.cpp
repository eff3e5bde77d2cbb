#include "engine/io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <utility>

#include "engine/error.h"

namespace etude {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

constexpr std::uint32_t local_signature = 0x04034b50;
constexpr std::uint32_t central_signature = 0x02014b50;
constexpr std::uint32_t end_signature = 0x06054b50;
constexpr std::size_t local_bytes = 30, central_bytes = 46, end_bytes = 22;
constexpr std::size_t max_comment_bytes = 0xffff;
constexpr std::uint16_t stored = 0, deflated = 8;
constexpr std::uint64_t max_archive_bytes = 0xfffffffe;  // beyond it zip needs its 64-bit extension

std::uint64_t little(std::string_view bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, width);
  return value;
}

void append_little(std::string& bytes,
                   std::initializer_list<std::pair<std::uint64_t, int>> fields) {
  for (const auto& [value, width] : fields)
    for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// zlib's raw deflate or inflate in one call; `output` has room for the result. Both are below
/// 4 GiB, what zlib's counters hold. Returns the bytes produced, or nothing on failure.
std::optional<std::size_t> run_zlib(bool compress, std::string_view input, std::string& output) {
  z_stream stream{};
  const int begun = compress ? deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY)
                             : inflateInit2(&stream, -15);
  if (begun != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  const int end = compress ? deflate(&stream, Z_FINISH) : inflate(&stream, Z_FINISH);
  const std::size_t produced = stream.total_out;
  compress ? deflateEnd(&stream) : inflateEnd(&stream);
  return end == Z_STREAM_END ? std::optional(produced) : std::nullopt;
}

/// Where the end record lies: last but for a comment, whose length it holds.
std::optional<std::size_t> find_end_record(std::string_view zip) {
  const std::size_t longest_tail = std::min(zip.size(), end_bytes + max_comment_bytes);
  for (std::size_t tail = end_bytes; tail <= longest_tail; ++tail) {
    const std::size_t at = zip.size() - tail;
    if (little(zip, at, 4) == end_signature && little(zip, at + 20, 2) == tail - end_bytes)
      return at;
  }
  return std::nullopt;
}

}  // namespace

// Nothing an archive claims is believed before it is compared with the bytes that are there.

std::vector<ZipEntry> zip_directory(std::string_view zip, const std::string& name) {
  const std::string where = "zip: " + name + ": ";
  require(zip.size() <= max_archive_bytes, where, "archives over 4 GiB are not supported");
  const auto end = find_end_record(zip);
  require(end.has_value(), where, "it is no zip archive or its end is missing");
  const std::uint64_t num_entries = little(zip, *end + 10, 2);
  std::uint64_t at = little(zip, *end + 16, 4);
  require(little(zip, *end + 4, 4) == 0 && at + little(zip, *end + 12, 4) == *end, where,
          "the directory is damaged, in several parts or in the 64-bit format");

  std::vector<ZipEntry> entries;
  std::uint64_t packed = 0, unpacked = 0;
  for (std::uint64_t i = 0; i < num_entries; ++i) {
    require(*end - at >= central_bytes && little(zip, at, 4) == central_signature, where,
            "the directory is damaged");
    const std::uint64_t name_bytes = little(zip, at + 28, 2);
    const std::uint64_t size =
        central_bytes + name_bytes + little(zip, at + 30, 2) + little(zip, at + 32, 2);
    require(*end - at >= size, where, "the directory is damaged");
    const ZipEntry entry{
        .name = std::string(zip.substr(at + central_bytes, name_bytes)),
        .flags = static_cast<std::uint16_t>(little(zip, at + 8, 2)),
        .method = static_cast<std::uint16_t>(little(zip, at + 10, 2)),
        .crc = static_cast<std::uint32_t>(little(zip, at + 16, 4)),
        .packed_bytes = little(zip, at + 20, 4),
        .bytes = little(zip, at + 24, 4),
        .offset = little(zip, at + 42, 4),
    };
    packed += entry.packed_bytes;
    unpacked += entry.bytes;
    entries.push_back(entry);
    at += size;
  }
  // Entries that share bytes are how a small archive claims a huge content.
  require(packed <= zip.size() && unpacked <= max_archive_bytes, where, "the directory claims ",
          packed, " packed and ", unpacked, " unpacked bytes in a file of ", zip.size());
  return entries;
}

std::string unzip(std::string_view zip, const ZipEntry& entry, const std::string& name) {
  const std::string where = "zip: " + name + ": " + entry.name + ": ";
  require((entry.flags & 1) == 0, where, "it is encrypted");
  require(entry.offset <= zip.size() && zip.size() - entry.offset >= local_bytes &&
              little(zip, entry.offset, 4) == local_signature,
          where, "its header is missing");
  const std::uint64_t start = entry.offset + local_bytes + little(zip, entry.offset + 26, 2) +
                              little(zip, entry.offset + 28, 2);
  require(start <= zip.size() && entry.packed_bytes <= zip.size() - start, where,
          "it is truncated");
  const std::string_view packed = zip.substr(start, entry.packed_bytes);

  std::string bytes;
  if (entry.method == stored) {
    require(entry.bytes == entry.packed_bytes, where, "its sizes disagree");
    bytes = packed;
  } else {
    require(entry.method == deflated, where, "compression method ", entry.method, " is unknown");
    // Deflate's densest code is one bit for a length of 258 and one for its distance.
    require(entry.bytes <= 1032 * entry.packed_bytes, where, entry.packed_bytes,
            " deflated bytes cannot hold ", entry.bytes);
    bytes.resize(entry.bytes);
    require(run_zlib(false, packed, bytes) == entry.bytes, where, "its deflated data are damaged");
  }
  require(crc32_of(bytes) == entry.crc, where, "its checksum differs, the file is damaged");
  return bytes;
}

void ZipWriter::add(const std::string& name, std::string_view bytes) {
  require(!name.empty() && name.size() <= 0xffff, "zip: a name has 1 to 65535 bytes, not ",
          name.size());
  require(num_entries_ < 0xfffe && entries_.size() + bytes.size() <= max_archive_bytes / 2,
          "zip: ", name, ": archives over 65534 entries or 2 GiB are not written");
  // No bound for the deflated size is needed: what does not get smaller is stored.
  std::string packed(bytes.size(), '\0');
  const auto packed_bytes = run_zlib(true, bytes, packed);
  const std::uint16_t method = packed_bytes ? deflated : stored;
  packed.resize(packed_bytes.value_or(0));

  // Version 2.0, names in UTF-8 (bit 11), dated 1980-01-01 so that equal content is equal bytes.
  std::string common;
  append_little(common, {{20, 2},
                         {1 << 11, 2},
                         {method, 2},
                         {0, 2},
                         {0x21, 2},
                         {crc32_of(bytes), 4},
                         {packed_bytes.value_or(bytes.size()), 4},
                         {bytes.size(), 4},
                         {name.size(), 2},
                         {0, 2}});
  append_little(directory_, {{central_signature, 4}, {20, 2}});
  directory_ += common;
  append_little(directory_, {{0, 2}, {0, 2}, {0, 2}, {0, 4}, {entries_.size(), 4}});
  directory_ += name;

  append_little(entries_, {{local_signature, 4}});
  entries_.append(common).append(name).append(packed_bytes ? std::string_view(packed) : bytes);
  ++num_entries_;
}

std::string ZipWriter::finish() {
  std::string zip = std::exchange(entries_, {});
  const std::uint64_t start = zip.size();
  const std::string directory = std::exchange(directory_, {});
  const std::uint64_t num_entries = std::exchange(num_entries_, 0);
  zip += directory;
  append_little(zip, {{end_signature, 4},
                      {0, 4},
                      {num_entries, 2},
                      {num_entries, 2},
                      {directory.size(), 4},
                      {start, 4},
                      {0, 2}});
  return zip;
}

}  // namespace etude
