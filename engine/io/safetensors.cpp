#include "engine/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/io/atomic_file.h"

namespace etude {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

using Json = nlohmann::json;

struct DTypeName {
  DType dtype;
  const char* name;
};
constexpr DTypeName kDTypeNames[] = {{DType::f32, "F32"},
                                     {DType::f64, "F64"},
                                     {DType::bf16, "BF16"},
                                     {DType::i32, "I32"},
                                     {DType::u8, "U8"}};

std::string read_all(const std::filesystem::path& path) {
  require(std::filesystem::exists(path), path.string(), ": no such file");
  require(std::filesystem::is_regular_file(path), path.string(), ": not a regular file");
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  require(file.good() || file.eof(), path.string(), ": cannot be read");
  require(!bytes.empty() || std::filesystem::file_size(path) == 0, path.string(),
          ": cannot be opened for reading");
  return bytes;
}

/// The bytes that tensors claim, as [begin, end).
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

Tensor read_tensor(const std::string& where, const Json& entry, const char* data,
                   std::uint64_t data_bytes, Ranges& ranges) {
  const std::string name = entry.at("dtype").get<std::string>();
  const DTypeName* known = nullptr;
  for (const DTypeName& candidate : kDTypeNames) {
    if (name == candidate.name) known = &candidate;
  }
  require(known != nullptr, where, " has dtype ", name, ", which Etude does not use");
  const auto extents = entry.at("shape").get<std::vector<std::int64_t>>();
  require(extents.size() <= kMaxRank, where, " has ", extents.size(), " dimensions, more than ",
          kMaxRank);
  const bool empty = std::find(extents.begin(), extents.end(), 0) != extents.end();
  std::uint64_t bytes = empty ? 0 : size_of(known->dtype);
  for (std::int64_t extent : extents) {
    require(
        extent >= 0 && (extent == 0 || bytes <= data_bytes / static_cast<std::uint64_t>(extent)),
        where, ": its shape is larger than the file");
    bytes *= static_cast<std::uint64_t>(extent);
  }
  const auto offsets = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
  require(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_bytes &&
              offsets[1] - offsets[0] == bytes,
          where,
          ": its data lies outside the file or does not match its shape; the file is "
          "truncated or damaged");
  if (bytes) ranges.emplace_back(offsets[0], offsets[1]);
  Tensor t = Tensor::empty(Dims(extents), known->dtype);
  if (bytes) std::memcpy(t.view().data, data + offsets[0], bytes);
  return t;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  Json header = Json::object();
  if (!checkpoint.info.empty()) header["__metadata__"] = checkpoint.info;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    require(tensor.device() == Device::cpu && tensor.contiguous(), "save_safetensors: ", name,
            " must be contiguous on the cpu");
    const auto bytes = static_cast<std::uint64_t>(tensor.view().bytes());
    Json& entry = header[name];
    for (const DTypeName& known : kDTypeNames) {
      if (known.dtype == tensor.dtype()) entry["dtype"] = known.name;
    }
    entry["shape"] = std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end());
    entry["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // the data starts aligned
  std::string bytes(8, '\0');
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  bytes += text;
  bytes.reserve(bytes.size() + offset);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    bytes.append(static_cast<const char*>(tensor.view().data),
                 static_cast<std::size_t>(tensor.view().bytes()));
  }
  write_file_atomically(path, bytes);
}

Checkpoint load_safetensors(const std::filesystem::path& path) {
  const std::string bytes = read_all(path);
  const std::string file = path.string();
  std::uint64_t length = 0;
  require(bytes.size() >= 8, file, ": ", bytes.size(),
          " bytes are too few for a safetensors file; it is truncated or something else");
  std::memcpy(&length, bytes.data(), 8);
  require(length >= 2 && bytes[8] == '{', file, ": not a safetensors file");
  require(length <= bytes.size() - 8, file, ": the header claims ", length, " bytes, the file has ",
          bytes.size() - 8, "; it is truncated or not a safetensors file");
  const Json header =
      Json::parse(bytes.begin() + 8, bytes.begin() + 8 + static_cast<long>(length), nullptr, false);
  require(header.is_object(), file, ": the header is not JSON; this is not a safetensors file");
  Checkpoint checkpoint;
  const char* data = bytes.data() + 8 + length;
  const std::uint64_t data_bytes = bytes.size() - 8 - length;
  Ranges ranges;
  try {
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") {
        checkpoint.info = entry.get<std::map<std::string, std::string>>();
      } else {
        checkpoint.tensors[name] =
            read_tensor(file + ": tensor " + name, entry, data, data_bytes, ranges);
      }
    }
  } catch (const Json::exception& error) {
    fail(file, ": the header is malformed: ", error.what());
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t end = 0;
  for (const auto& [first, last] : ranges) {
    require(first == end, file, ": its tensors overlap or leave a gap at byte ", end,
            " of the data; the file is damaged");
    end = last;
  }
  require(end == data_bytes, file, ": ", data_bytes, " bytes of data, the header describes ", end,
          "; the file is truncated or damaged");
  return checkpoint;
}

}  // namespace etude
