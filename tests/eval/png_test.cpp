#include "eval/png.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>

#include "tests/error_text.h"

namespace etude {
namespace {

/// A file in the system's temporary folder that is gone when the test is.
struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "etude_png_test.png";
  ~TemporaryFile() { std::filesystem::remove(path); }

  void write(const std::vector<std::uint8_t>& bytes, size_t count) const {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(count));
  }
};

Image all_greys() {
  Image image{16, 16, 1, std::vector<std::uint8_t>(256)};
  std::iota(image.bytes.begin(), image.bytes.end(), std::uint8_t{0});
  return image;
}

std::string error_of_reading(const std::filesystem::path& path) {
  return message_of([&] { read_png_grey(path); });
}

TEST_CASE("png: every grey value survives the round trip") {
  const TemporaryFile file;
  const Image image = all_greys();
  write_png(file.path, image);
  const Image back = read_png_grey(file.path);
  CHECK(back.height == 16);
  CHECK(back.width == 16);
  CHECK(back.channels == 1);
  CHECK(back.bytes == image.bytes);
}

TEST_CASE("png: an RGB file is read as its luminance, equal channels as themselves") {
  const TemporaryFile file;
  write_png(file.path, {1, 4, 3, {77, 77, 77, 255, 255, 255, 0, 0, 0, 0, 255, 0}});
  const Image back = read_png_grey(file.path);
  REQUIRE(back.bytes.size() == 4);
  CHECK(back.bytes[0] == 77);
  CHECK(back.bytes[1] == 255);
  CHECK(back.bytes[2] == 0);
  CHECK(back.bytes[3] > 128);  // green is the brightest primary
  CHECK(back.bytes[3] < 255);
}

TEST_CASE("png: a file cut anywhere in its pixels is an error that names it") {
  const TemporaryFile file;
  const std::vector<std::uint8_t> bytes = encode_png(all_greys());
  const size_t end_chunk = 12;  // IEND holds nothing: without it the image is still complete
  for (size_t count = 0; count < bytes.size() - end_chunk - 4; ++count) {
    CAPTURE(count);
    file.write(bytes, count);
    CHECK(contains(error_of_reading(file.path), file.path.string()));
  }
}

TEST_CASE("png: damage, other files and missing files are errors that say so") {
  const TemporaryFile file;
  std::vector<std::uint8_t> bytes = encode_png(all_greys());
  bytes[bytes.size() - 30] ^= 0x55;  // in the compressed pixels: the checksum no longer fits
  file.write(bytes, bytes.size());
  CHECK(contains(error_of_reading(file.path), "damaged PNG"));
  const std::string text = "GIF89a, not what its name says";
  file.write({text.begin(), text.end()}, text.size());
  CHECK(contains(error_of_reading(file.path), "not a PNG file"));
  CHECK(contains(error_of_reading("/nowhere/a.png"), "/nowhere/a.png: no such file"));
}

TEST_CASE("png: images that do not add up are refused") {
  CHECK_THROWS_AS(encode_png({2, 2, 1, {1, 2, 3}}), Error);
  CHECK_THROWS_AS(encode_png({1, 1, 2, {1, 2}}), Error);
  CHECK_THROWS_AS(encode_png({}), Error);
  CHECK_THROWS_AS(write_png("/nowhere/a.png", all_greys()), Error);
}

}  // namespace
}  // namespace etude
