#include "eval/png.h"

#include <png.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

#include "engine/error.h"
#include "engine/io/atomic_file.h"

namespace etude {
namespace {

/// libpng's simplified interface holds memory of its own until it is freed.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  require(std::filesystem::is_regular_file(path), "read ", path.string(), ": no such file");
  std::ifstream file(path, std::ios::binary);
  require(file.is_open(), "read ", path.string(), ": cannot open it");
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  require(!file.bad(), "read ", path.string(), ": reading failed");
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  require(image.channels == 1 || image.channels == 3,
          "encode PNG: images have 1 or 3 channels, not ", image.channels);
  require(image.height > 0 && image.width > 0, "encode PNG: image of ", image.height, " x ",
          image.width, " pixels");
  const size_t expected = static_cast<size_t>(image.height) * image.width * image.channels;
  require(image.bytes.size() == expected, "encode PNG: ", image.height, " x ", image.width, " x ",
          image.channels, " needs ", expected, " bytes, image has ", image.bytes.size());
  PngImage png;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);  // an upper bound: one pass, not two
  std::vector<std::uint8_t> file(size);
  require(png_image_write_to_memory(&png, file.data(), &size, 0, image.bytes.data(), 0, nullptr),
          "encode PNG: ", png.message);
  file.resize(size);
  return file;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const std::vector<std::uint8_t> file = encode_png(image);
  write_file_atomically(path, {reinterpret_cast<const char*>(file.data()), file.size()});
}

Image read_png_grey(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> file = read_file(path);
  constexpr std::string_view signature = "\x89PNG\r\n\x1a\n";
  require(file.size() >= signature.size() &&
              std::equal(signature.begin(), signature.end(), file.begin(),
                         [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }),
          "read ", path.string(), ": not a PNG file");
  PngImage png;
  require(png_image_begin_read_from_memory(&png, file.data(), file.size()), "read ", path.string(),
          ": truncated or damaged PNG (", png.message, ")");
  png.format = PNG_FORMAT_GRAY;
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16-bit files are gamma encoded like 8-bit ones
  Image image;
  image.height = static_cast<int>(png.height);
  image.width = static_cast<int>(png.width);
  image.bytes.resize(PNG_IMAGE_SIZE(png));
  const png_color white = {255, 255, 255};
  require(png_image_finish_read(&png, &white, image.bytes.data(), 0, nullptr), "read ",
          path.string(), ": truncated or damaged PNG (", png.message, ")");
  return image;
}

}  // namespace etude
