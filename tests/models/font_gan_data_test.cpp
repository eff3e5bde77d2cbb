#include "models/font_gan/data.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "engine/io/atomic_file.h"
#include "engine/run/config.h"
#include "models/coursework.h"
#include "models/font_gan/typeface_raster.h"
#include "models/font_gan/typefaces.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace fs = std::filesystem;
using namespace etude;

namespace {

constexpr int size = letter_image_size, pixels = letter_image_pixels;

/// An environment variable for the length of a scope; empty means unset.
struct Environment {
  std::string name;
  std::optional<std::string> before;
  Environment(const char* variable, const std::string& value) : name(variable) {
    if (const char* old = std::getenv(variable)) before = old;
    value.empty() ? unsetenv(variable) : setenv(variable, value.c_str(), 1);
  }
  ~Environment() { before ? setenv(name.c_str(), before->c_str(), 1) : unsetenv(name.c_str()); }
};

/// Drawn once for all test cases; nothing is cached where no folder can be.
const FontData& typefaces_seed_0() {
  static const FontData data = load_font_data("typefaces", "/dev/null/none", 0);
  return data;
}

/// Ink in [0, 1] of one pixel.
float ink(const std::vector<float>& images, std::size_t image, int y, int x) {
  return (images[image * pixels + y * size + x] + 1) / 2;
}

/// The rows and columns that hold ink over `least`; bottom < 0 for a blank image.
struct Extent {
  int top = size, bottom = -1, left = size, right = -1;
  Extent(const std::vector<float>& images, std::size_t image, float least) {
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x)
        if (ink(images, image, y, x) > least) {
          top = std::min(top, y), bottom = std::max(bottom, y);
          left = std::min(left, x), right = std::max(right, x);
        }
  }
  int height() const { return bottom - top + 1; }
};

/// The reference images, unpacked once, or nothing where there is no mirror that has them.
const FontData* reference_images() {
  static const TemporaryFolder folder;
  static const std::optional<FontData> data = []() -> std::optional<FontData> {
    const char* mirror = std::getenv("ETUDE_DATA_MIRROR");
    if (!mirror || !fs::exists(fs::path(mirror) / "ee641_fonts.tar.xz")) return std::nullopt;
    FontData unpacked = load_font_data("ee641", folder.path, 0);
    CHECK(folder.entries() == 1);
    CHECK(load_font_data("ee641", folder.path, 1).hash == unpacked.hash);
    return unpacked;
  }();
  if (!data) MESSAGE("not run: ETUDE_DATA_MIRROR names no folder with ee641_fonts.tar.xz");
  return data ? &*data : nullptr;
}

/// The strongest ink on the outermost ring of pixels.
float border_ink(const std::vector<float>& images, std::size_t image) {
  float most = 0;
  for (int i = 0; i < size; ++i)
    most = std::max({most, ink(images, image, 0, i), ink(images, image, size - 1, i),
                     ink(images, image, i, 0), ink(images, image, i, size - 1)});
  return most;
}

}  // namespace

TEST_CASE("font data: an unknown name lists the choices") {
  CHECK(message_of([] { load_font_data("mnist", ".", 0); }) ==
        "font data: there are \"typefaces\" and \"ee641\", not \"mnist\"");
}

TEST_CASE("typefaces: 20 + 6 images of each letter in each face") {
  const FontData& data = typefaces_seed_0();
  CHECK(data.name == "typefaces");
  CHECK(data.faces.size() == 10);
  CHECK(data.defects.empty());
  const auto balanced = [](const std::vector<float>& images, const std::vector<int>& labels,
                           const std::vector<int>& faces, int each) {
    std::array<std::array<int, 10>, 26> count{};
    for (std::size_t i = 0; i < labels.size(); ++i) ++count.at(labels[i]).at(faces.at(i));
    CHECK(labels.size() == 260u * each);
    CHECK(images.size() == labels.size() * pixels);
    for (const auto& letter : count)
      CHECK(std::ranges::all_of(letter, [&](int n) { return n == each; }));
  };
  balanced(data.train_images, data.train_labels, data.train_faces, 20);
  balanced(data.val_images, data.val_labels, data.val_faces, 6);
}

TEST_CASE("typefaces: whole letters, black on white, of a readable size") {
  const FontData& data = typefaces_seed_0();
  const auto [low, high] = std::ranges::minmax(data.train_images);
  CHECK(low == -1);
  CHECK(high == 1);
  for (std::size_t i = 0; i < data.train_labels.size(); ++i) {
    const Extent extent(data.train_images, i, 0.3f);
    double sum = 0;
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) sum += ink(data.train_images, i, y, x);
    INFO("image ", i, ", letter ", data.train_labels[i], ", face ", data.train_faces[i]);
    REQUIRE(border_ink(data.train_images, i) < 0.08f);  // noise, no ink
    REQUIRE(extent.height() >= 13);
    REQUIRE(extent.height() <= 25);
    REQUIRE(sum > 25);
    REQUIRE(sum < 350);
  }
}

TEST_CASE("typefaces: images of a pair differ, every two faces differ, labels fit") {
  const FontData& data = typefaces_seed_0();
  // The mean image of each letter-face pair; validation images are nearest to one of their letter.
  std::vector<float> means(260 * pixels);
  for (std::size_t i = 0; i < data.train_labels.size(); ++i)
    for (int p = 0; p < pixels; ++p)
      means[(data.train_labels[i] * 10 + data.train_faces[i]) * pixels + p] +=
          data.train_images[i * pixels + p] / 20;
  const auto distance = [](const float* a, const float* b) {
    double sum = 0;
    for (int p = 0; p < pixels; ++p) sum += (a[p] - b[p]) * (a[p] - b[p]);
    return sum;
  };
  for (int one = 0; one < 10; ++one)
    for (int other = 0; other < one; ++other) {
      double mean = 0;
      for (int letter = 0; letter < 26; ++letter)
        mean +=
            distance(&means[(letter * 10 + one) * pixels], &means[(letter * 10 + other) * pixels]) /
            26;
      INFO("faces ", data.faces[one], " and ", data.faces[other]);
      CHECK(mean > 30);
    }
  std::size_t right = 0;
  for (std::size_t i = 0; i < data.val_labels.size(); ++i) {
    int nearest = 0;
    double least = INFINITY;
    for (int pair = 0; pair < 260; ++pair) {
      const double d = distance(&data.val_images[i * pixels], &means[pair * pixels]);
      if (d < least) least = d, nearest = pair / 10;
    }
    right += nearest == data.val_labels[i];
  }
  // 84 % without any allowance for shift and rotation; labels that did not fit would give 4 %.
  CHECK(right > data.val_labels.size() * 3 / 4);
  CHECK(distance(&data.train_images[0], &data.train_images[pixels]) > 5);
}

TEST_CASE("typefaces: labels name the letters shown, upright and not mirrored") {
  const FontData& data = typefaces_seed_0();
  // Ink and its centre in the sans face.
  std::array<double, 26> sum{}, right{}, down{};
  for (std::size_t i = 0; i < data.train_labels.size(); ++i) {
    if (data.train_faces[i] != 0) continue;
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) {
        const double value = ink(data.train_images, i, y, x);
        sum[data.train_labels[i]] += value;
        right[data.train_labels[i]] += value * (x - 13.5);
        down[data.train_labels[i]] += value * (y - 13.5);
      }
  }
  for (int letter = 0; letter < 26; ++letter)
    right[letter] /= sum[letter], down[letter] /= sum[letter];
  const auto furthest = [](const auto& values, auto find) {
    return static_cast<char>('A' + (find(values) - values.begin()));
  };
  CHECK(furthest(sum, std::ranges::min_element) == 'I');
  CHECK(furthest(right, std::ranges::max_element) == 'J');
  CHECK(furthest(down, std::ranges::max_element) == 'L');
  CHECK(right['L' - 'A'] < -1);
  CHECK(furthest(down, std::ranges::min_element) == 'T');
}

TEST_CASE("typefaces: the seed decides, the cache keeps, damage is repaired and told") {
  const TemporaryFolder folder;
  const auto load = [&](std::uint64_t seed) {
    return load_font_data("typefaces", folder.path / "data", seed);
  };
  const FontData first = load(0);
  CHECK(first.notes.empty());
  CHECK(first.hash == typefaces_seed_0().hash);
  CHECK(first.train_images == typefaces_seed_0().train_images);
  REQUIRE(typefaces_seed_0().notes.size() == 1);  // it could not be cached

  const fs::path cache = fs::directory_iterator(folder.path / "data")->path();
  CHECK(cache.filename().string().starts_with("typefaces-0-"));
  const auto written = fs::last_write_time(cache);
  const FontData cached = load(0);
  CHECK(cached.hash == first.hash);
  CHECK(cached.notes.empty());
  CHECK(fs::last_write_time(cache) == written);

  fs::resize_file(cache, fs::file_size(cache) / 2);
  const FontData repaired = load(0);
  CHECK(repaired.hash == first.hash);
  REQUIRE(repaired.notes.size() == 1);
  CHECK(contains(repaired.notes[0], cache.string() + " was damaged"));
  CHECK(load(0).notes.empty());

  const FontData other = load(1);
  CHECK(other.hash != first.hash);
  CHECK(other.train_labels == first.train_labels);
}

TEST_CASE("typefaces: a missing font is named with its package and the remedy") {
  const TemporaryFolder folder;
  const std::string message = message_of([&] { find_typefaces({folder.path}); });
  CHECK(contains(message, "DejaVuSans.ttf"));
  CHECK(contains(message, "fonts-dejavu-core"));
  CHECK(contains(message, "tools/setup"));
  CHECK(contains(message, folder.path.string()));
  CHECK_THROWS_AS(find_typefaces({folder.path / "missing"}), Error);

  // A folder of one's own, in place of the system's: all faces but one that is damaged.
  fs::create_directories(folder.path / "deep/er");
  for (const fs::path& file : find_typefaces(font_folders())) {
    if (file.filename() != "OCRA.ttf") {
      fs::create_symlink(file, folder.path / "deep" / file.filename());
    }
  }
  write_file_atomically(folder.path / "deep/er/OCRA.ttf", "no font");
  const Environment own("ETUDE_FONT_DIR", folder.path.string());
  CHECK(find_typefaces(font_folders()).back() == folder.path / "deep/er/OCRA.ttf");
  CHECK(contains(message_of([&] { load_font_data("typefaces", folder.path, 0); }),
                 "OCRA.ttf is no readable font file"));
}

TEST_CASE("ee641: missing and damaged data say where to put them") {
  const TemporaryFolder folder;
  const fs::path mirror = folder.path / "a mirror: with 'signs'", data = folder.path / "data";
  fs::create_directories(mirror);
  const auto message = [&](const std::string& variable) {
    const Environment environment("ETUDE_DATA_MIRROR", variable);
    return message_of([&] { load_font_data("ee641", data, 0); });
  };
  CHECK(contains(message(""), "there is no folder " + (data / "ee641_fonts").string()));
  CHECK(contains(message(""), "ETUDE_DATA_MIRROR"));
  CHECK(contains(message(mirror.string()), "there is no folder"));

  write_file_atomically(mirror / "ee641_fonts.tar.xz", "no archive");
  CHECK(contains(message(mirror.string()), "tar cannot unpack"));
  CHECK(fs::is_empty(data));

  fs::create_directories(data / "ee641_fonts/train");
  CHECK(contains(message(""), "must hold 5200 PNG files, it has 0"));
}

TEST_CASE("coursework: an archive of the mirror is unpacked once, without its top folder") {
  const TemporaryFolder folder;
  const std::string mirror = folder.path.string();
  const Environment environment("ETUDE_DATA_MIRROR", mirror);
  fs::create_directories(folder.path / "top");
  write_file_atomically(folder.path / "top/file", "content");
  REQUIRE(std::system(("tar -C " + mirror + " -cJf " + mirror + "/set.tar.xz top").c_str()) == 0);
  const fs::path data = folder.path / "data";
  CHECK(find_coursework(data, "set", "a file") == data / "set");
  CHECK(read_text_file(data / "set/file") == "content");
  fs::remove(folder.path / "set.tar.xz");
  CHECK(find_coursework(data, "set", "a file") == data / "set");
  CHECK(std::distance(fs::directory_iterator(data), {}) == 1);
  CHECK(contains(message_of([&] { find_coursework(data, "other", "a file"); }),
                 "put a file there, or set ETUDE_DATA_MIRROR to a folder that has other.tar.xz"));
}

TEST_CASE("ee641: 200 + 60 images of each letter") {
  const FontData* data = reference_images();
  if (!data) return;
  CHECK(data->train_images.size() == 5200 * pixels);
  CHECK(data->val_images.size() == 1560 * pixels);
  for (int letter = 0; letter < 26; ++letter) {
    CHECK(std::ranges::count(data->train_labels, letter) == 200);
    CHECK(std::ranges::count(data->val_labels, letter) == 60);
  }
}

// Each sentence of FontData::defects, measured.

constexpr int italic = 2, narrow = 3, wide = 4;

TEST_CASE("ee641: italic has a wedge, wide is cut and blank, letters are small and off centre") {
  const FontData* data = reference_images();
  if (!data) return;
  CHECK(data->defects.size() == 4);
  int num_wide = 0, num_cut = 0, num_wide_i = 0, num_blank_i = 0;
  for (std::size_t i = 0; i < data->train_labels.size(); ++i) {
    const Extent extent(data->train_images, i, 0.35f);
    if (data->train_faces[i] == italic) {
      float wedge = 0;
      for (int y = 20; y < 27; ++y) wedge += ink(data->train_images, i, y, size - 1) / 7;
      REQUIRE(wedge > 0.8f);
    } else if (extent.bottom >= 0) {
      REQUIRE(extent.height() <= 8);
      REQUIRE(extent.bottom <= 17);
      REQUIRE(extent.right <= 16);
    }
    if (data->train_faces[i] != wide) continue;
    ++num_wide, num_cut += border_ink(data->train_images, i) > 0.5f;
    if (data->train_labels[i] == 'I' - 'A') ++num_wide_i, num_blank_i += extent.bottom < 0;
  }
  INFO(num_cut, " of ", num_wide, " wide images are cut, ", num_blank_i, " of ", num_wide_i,
       " wide I are blank");
  CHECK(num_cut > 0.3 * num_wide);
  CHECK(num_blank_i > 0.1 * num_wide_i);
}

TEST_CASE("ee641: seven of the ten styles are one face") {
  const FontData* data = reference_images();
  if (!data) return;
  // The mean A of each style, its ink moved into the corner.
  std::vector<float> mean(10 * pixels), count(10);
  for (std::size_t i = 0; i < data->train_labels.size(); ++i) {
    if (data->train_labels[i] != 0) continue;
    const int style = data->train_faces[i];
    const Extent extent(data->train_images, i, 0.35f);
    ++count[style];
    for (int y = extent.top; y < size; ++y)
      for (int x = extent.left; x < size; ++x)
        mean[style * pixels + (y - extent.top) * size + x - extent.left] +=
            ink(data->train_images, i, y, x);
  }
  for (int style = 1; style < 10; ++style) {
    double difference = 0;
    for (int p = 0; p < pixels; ++p)
      difference += std::abs(mean[p] / count[0] - mean[style * pixels + p] / count[style]);
    INFO("style ", data->faces[style], ": ", difference);
    CHECK((difference > 6) == (style == italic || style == narrow || style == wide));
  }
}
