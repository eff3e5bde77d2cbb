#pragma once
// The images that the font GAN learns from: capital letters, 28 x 28, in ten faces.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/content_hash.h"

namespace etude {

struct FontData {
  std::vector<float> train_images, val_images;  // [N, 28, 28] in [-1, 1], ink = +1
  std::vector<int> train_labels, val_labels;    // 0 = A to 25 = Z
  std::vector<int> train_faces, val_faces;      // index into faces
  std::vector<std::string> faces;               // short names for figures
  std::string name;                             // what load_font_data() was asked for
  std::string hash;                             // content_hash(): the data, not where they lie
  std::vector<std::string> defects;             // known and left in, for the report page
  std::vector<std::string> notes;               // what happened on the way, e.g. a rebuilt cache
};

/// Loads one data set, in an order that depends on nothing but the data; training shuffles.
///   "typefaces"  ten type faces of Debian packages (typefaces.h), 5200 training and 1560
///                validation images drawn from `seed` and cached in `data_dir`;
///   "ee641"      the reference reports' images, 5200 and 1560 PNG files; `seed` is not used. They
///                lie in data_dir/ee641_fonts, or are unpacked to it from ee641_fonts.tar.xz in
///                the folder that the environment's ETUDE_DATA_MIRROR names.
/// Throws Error for another name, and for missing or damaged files with the remedy.
FontData load_font_data(std::string_view name, const std::filesystem::path& data_dir,
                        std::uint64_t seed);

/// Of images, labels and faces. Two data sets with the same hash train the same network.
std::string content_hash(const FontData& data);

/// Grey values (0 paper, 255 ink) as network inputs in [-1, 1].
std::vector<float> ink_to_float(std::span<const std::uint8_t> ink);

}  // namespace etude
