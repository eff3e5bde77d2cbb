#include "engine/io/npz.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <type_traits>

#include "engine/io/atomic_file.h"
#include "engine/io/zip.h"

namespace etude {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie");

/// The product of the sizes, or nothing when there is none in 64 bits.
std::optional<std::uint64_t> num_elements(const std::vector<std::int64_t>& shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count))
      return std::nullopt;
  }
  return count;
}

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::is_same_v<T, float>) return "f4";
  if constexpr (std::is_same_v<T, double>) return "f8";
  if constexpr (std::is_same_v<T, std::int32_t>) return "i4";
  if constexpr (std::is_same_v<T, std::int64_t>) return "i8";
  if constexpr (std::is_same_v<T, std::uint8_t>) return "u1";
}

std::string_view type_name(const NpyArray& array) {
  return std::visit(
      []<class T>(const std::vector<T>&) -> std::string_view { return type_name<T>(); },
      array.values);
}

/// Joins the sizes by ", ".
std::string join(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return text;
}

// An npy array is a magic, a version, a header length, a Python dictionary in text, the elements.
constexpr std::string_view npy_magic = "\x93NUMPY", npy_suffix = ".npy";

struct NpyHeader {
  std::string type;  // "u1", "f4", ...
  std::vector<std::int64_t> shape;
};

/// The text after `'key':` in a header dictionary, without leading blanks.
std::string_view value_of(std::string_view header, const std::string& key,
                          const std::string& where) {
  const std::size_t at = header.find("'" + key + "':");
  require(at != std::string_view::npos, where, "the header has no '", key, "'");
  header.remove_prefix(at + key.size() + 3);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

NpyHeader parse_npy_header(std::string_view header, const std::string& where) {
  NpyHeader parsed;
  const std::string_view descr = value_of(header, "descr", where);
  const std::string_view quoted = descr.substr(0, descr.find('\'', 1));
  // "<f4": byte order, kind, bytes; a single byte has the order "|".
  const bool known = quoted == "'<f4" || quoted == "'<f8" || quoted == "'<i4" || quoted == "'<i8" ||
                     quoted == "'|u1";
  require(known, where, "element types are <f4, <f8, <i4, <i8 and |u1, not ", quoted.substr(0, 40));
  parsed.type = quoted.substr(2);
  require(value_of(header, "fortran_order", where).starts_with("False"), where,
          "the array must be in C order");

  std::string_view list = value_of(header, "shape", where);
  const std::size_t end = list.find(')');
  require(list.starts_with('(') && end != std::string_view::npos, where, "the shape is no tuple");
  list = list.substr(1, end - 1);
  while (!list.empty()) {
    std::int64_t size = 0;
    const auto [next, problem] = std::from_chars(list.data(), list.data() + list.size(), size);
    require(problem == std::errc{} && size >= 0, where, "the shape has a size that is no number");
    parsed.shape.push_back(size);
    list.remove_prefix(static_cast<std::size_t>(next - list.data()));
    list.remove_prefix(std::min(list.find_first_not_of(", "), list.size()));
  }
  return parsed;
}

template <class T>
NpyArray copy_elements(NpyHeader header, std::string_view bytes, const std::string& where) {
  const auto count = num_elements(header.shape);
  require(count && *count <= bytes.size() && *count * sizeof(T) == bytes.size(), where, "shape [",
          join(header.shape), "] of ", type_name<T>(), " does not fit ", bytes.size(),
          " bytes of elements");
  std::vector<T> values(*count);
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return {std::move(header.shape), std::move(values)};
}

NpyArray parse_npy(std::string_view bytes, const std::string& where) {
  require(bytes.size() >= 12 && bytes.starts_with(npy_magic), where, "it is no npy array");
  const auto version = static_cast<unsigned char>(bytes[6]);
  require(version >= 1 && version <= 3, where, "npy version ", int{version}, " is unknown");
  const std::size_t width = version == 1 ? 2 : 4;
  std::size_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + 8, width);
  const std::size_t start = 8 + width;
  require(header_bytes <= bytes.size() - start, where, "the header is truncated");
  NpyHeader header = parse_npy_header(bytes.substr(start, header_bytes), where);
  const std::string_view elements = bytes.substr(start + header_bytes);
  if (header.type == "f4") return copy_elements<float>(std::move(header), elements, where);
  if (header.type == "f8") return copy_elements<double>(std::move(header), elements, where);
  if (header.type == "i4") return copy_elements<std::int32_t>(std::move(header), elements, where);
  if (header.type == "i8") return copy_elements<std::int64_t>(std::move(header), elements, where);
  return copy_elements<std::uint8_t>(std::move(header), elements, where);
}

std::string format_npy(const NpyArray& array, const std::string& where) {
  const std::string_view type = type_name(array);
  std::string header = std::string("{'descr': '") + (type == "u1" ? "|" : "<");
  header.append(type).append("', 'fortran_order': False, 'shape': (").append(join(array.shape));
  header += array.shape.size() == 1 ? ",), }" : "), }";  // (3,) is a tuple, (3) is a number
  // NumPy wants the elements at a multiple of 64 bytes and a line end before them.
  header.append(63 - (npy_magic.size() + 4 + header.size()) % 64, ' ').push_back('\n');
  require(header.size() <= 0xffff, where, "the shape has too many axes");

  std::string npy{npy_magic};
  npy.append({'\1', '\0', static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)});
  npy += header;
  std::visit(
      [&]<class T>(const std::vector<T>& values) {
        require(num_elements(array.shape) == values.size(), where, "shape [", join(array.shape),
                "] does not fit ", values.size(), " values");
        npy.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
      },
      array.values);
  return npy;
}

}  // namespace

std::string describe(const NpyArray& array) {
  return std::string(type_name(array)) + " [" + join(array.shape) + "]";
}

Npz parse_npz(std::string_view bytes, const std::string& name) {
  Npz arrays;
  for (const ZipEntry& entry : zip_directory(bytes, name)) {
    const std::string where = "npz: " + name + ": " + entry.name + ": ";
    require(entry.name.ends_with(npy_suffix), where, "it is no npy array");
    const std::string array = entry.name.substr(0, entry.name.size() - npy_suffix.size());
    require(!arrays.contains(array), where, "the archive has it twice");
    arrays[array] = parse_npy(unzip(bytes, entry, name), where);
  }
  return arrays;
}

Npz read_npz(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good() && !std::filesystem::is_directory(path), "npz: cannot open ", path.string());
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  require(!file.bad(), "npz: cannot read ", path.string());
  return parse_npz(bytes, path.string());
}

std::string format_npz(const Npz& arrays) {
  ZipWriter zip;
  for (const auto& [name, array] : arrays)
    zip.add(name + std::string(npy_suffix), format_npy(array, "npz: " + name + ": "));
  return zip.finish();
}

void write_npz(const std::filesystem::path& path, const Npz& arrays) {
  write_file_atomically(path, format_npz(arrays));
}

}  // namespace etude
