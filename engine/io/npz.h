#pragma once
// NumPy's .npz: a zip archive of .npy arrays, the exchange format for small data sets.
// Source: NumPy enhancement proposal 1, "A simple file format for NumPy arrays", version 1.0.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/error.h"

namespace etude {

/// One array: `values` in C order (last axis contiguous), as many as the product of `shape`; an
/// empty shape is one number. The element types are NumPy's f4, f8, i4, i8 and u1.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int32_t>,
               std::vector<std::int64_t>, std::vector<std::uint8_t>>
      values;
};

using Npz = std::map<std::string, NpyArray>;

/// Reads every array of an archive, named without ".npy": stored or deflated, little endian, C
/// order. Throws Error naming the file, the array and the reason for what is truncated, foreign,
/// damaged (checksums are verified, see zip.h), over 4 GiB, or claims sizes its bytes cannot have.
Npz read_npz(const std::filesystem::path& path);

/// The same for an archive in memory; `name` stands for the file in messages.
Npz parse_npz(std::string_view bytes, const std::string& name);

/// Writes an archive that numpy.load reads. Atomic, and the same arrays give the same bytes.
/// Throws Error when an array's shape and size disagree or the file cannot be written.
void write_npz(const std::filesystem::path& path, const Npz& arrays);

/// The same into memory.
std::string format_npz(const Npz& arrays);

/// Element type and shape, e.g. "u1 [5200, 28, 28]".
std::string describe(const NpyArray& array);

/// The values of one array; throws Error when it is missing, of another element type or shape.
template <class T>
const std::vector<T>& npz_values(const Npz& arrays, const std::string& name,
                                 const std::vector<std::int64_t>& shape) {
  const auto entry = arrays.find(name);
  require(entry != arrays.end(), "npz: there is no array \"", name, "\"");
  const NpyArray& array = entry->second;
  const auto* values = std::get_if<std::vector<T>>(&array.values);
  if (values == nullptr || array.shape != shape)
    fail("npz: array \"", name, "\" must be ", describe({shape, std::vector<T>{}}), ", it is ",
         describe(array));
  return *values;
}

}  // namespace etude
