#include "models/font_gan/data.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <system_error>

#include "engine/error.h"
#include "eval/png.h"
#include "models/coursework.h"
#include "models/font_gan/typeface_raster.h"
#include "models/font_gan/typefaces.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

// In the order of the data set's metadata.json.
constexpr std::array<std::string_view, 10> ee641_styles = {
    "regular", "bold", "italic", "narrow", "wide", "serif", "sans", "mono", "script", "display"};
constexpr std::size_t ee641_train_images = 5200, ee641_val_images = 1560;

/// Measured on the images, each by a check of tests/models/font_gan_data_test.cpp.
constexpr std::array<std::string_view, 4> ee641_defects = {
    "Only 4 of the 10 styles differ: regular, bold, serif, sans, mono, script and display are one "
    "and the same face, italic, narrow and wide are distortions of it.",
    "Every italic image carries a black wedge at its lower right.",
    "A third of the wide images is cut off at the left border, and a fifth of the wide I is blank.",
    "Letters are 8 pixels high and lie in the upper left of the 28 x 28 pixels.",
};

/// Appends the images of one folder, `L_style_NNNN.png` in the order of their names.
void read_letters(const fs::path& folder, std::size_t num_images, std::vector<float>& images,
                  std::vector<int>& labels, std::vector<int>& faces) {
  std::error_code problem;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  require(files.size() == num_images, "ee641: ", folder.string(), " must hold ", num_images,
          " PNG files, it has ", files.size(), ": remove ", folder.parent_path().string(),
          " and unpack ee641_fonts.tar.xz again");
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    const std::size_t second = name.find('_', 2);
    const bool has_letter = name.size() > 2 && name[0] >= 'A' && name[0] <= 'Z' && name[1] == '_';
    const auto* const style = std::ranges::find(
        ee641_styles, has_letter && second != std::string::npos ? name.substr(2, second - 2) : "");
    require(style != ee641_styles.end(), "ee641: ", file.string(),
            " must be named LETTER_STYLE_NUMBER.png with a style of metadata.json");
    Image image = read_png_grey(file);
    require(image.height == letter_image_size && image.width == letter_image_size,
            "ee641: ", file.string(), " must be 28 x 28 pixels, it is ", image.height, " x ",
            image.width);
    // The files are black on white.
    for (std::uint8_t& grey : image.bytes) grey = static_cast<std::uint8_t>(255 - grey);
    std::ranges::copy(ink_to_float(image.bytes), std::back_inserter(images));
    labels.push_back(name[0] - 'A');
    faces.push_back(static_cast<int>(style - ee641_styles.begin()));
  }
}

FontData load_ee641(const fs::path& data_dir) {
  const fs::path folder =
      find_coursework(data_dir, "ee641_fonts", "the coursework's train/ and val/");
  FontData data;
  data.name = "ee641";
  data.faces.assign(ee641_styles.begin(), ee641_styles.end());
  data.defects.assign(ee641_defects.begin(), ee641_defects.end());
  read_letters(folder / "train", ee641_train_images, data.train_images, data.train_labels,
               data.train_faces);
  read_letters(folder / "val", ee641_val_images, data.val_images, data.val_labels, data.val_faces);
  data.hash = content_hash(data);
  return data;
}

}  // namespace

FontData load_font_data(std::string_view name, const fs::path& data_dir, std::uint64_t seed) {
  if (name == "typefaces") return load_typefaces(data_dir, seed, find_typefaces(font_folders()));
  if (name == "ee641") return load_ee641(data_dir);
  fail("font data: there are \"typefaces\" and \"ee641\", not \"", name, "\"");
}

std::string content_hash(const FontData& data) {
  ContentHash hash;
  const auto add = [&hash]<class T>(const std::vector<T>& values) {
    hash.add(std::to_string(values.size()) + ":");
    hash.add({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  };
  add(data.train_images);
  add(data.val_images);
  add(data.train_labels);
  add(data.val_labels);
  add(data.train_faces);
  add(data.val_faces);
  for (const std::string& face : data.faces) hash.add(face + "\n");
  return hash.hex();
}

std::vector<float> ink_to_float(std::span<const std::uint8_t> ink) {
  std::vector<float> x(ink.size());
  std::ranges::transform(ink, x.begin(),
                         [](std::uint8_t value) { return static_cast<float>(value) / 127.5f - 1; });
  return x;
}

}  // namespace etude
