#pragma once
// The data set "typefaces": A to Z in ten real type faces, 20 training and 6 validation images of
// each letter in each face, so 5200 and 1560 in all.

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "models/font_gan/data.h"

namespace etude {

struct TypefaceSource {
  const char* kind;     // its name in FontData::faces
  const char* file;     // of the font, as the package installs it
  const char* package;  // of Debian 12 and Ubuntu 22.04 or newer
};

/// Ten clearly different faces whose 26 capitals are each unmistakable at 28 x 28 pixels.
inline constexpr std::array<TypefaceSource, 10> typefaces = {{
    {"sans", "DejaVuSans.ttf", "fonts-dejavu-core"},
    {"bold", "DejaVuSans-Bold.ttf", "fonts-dejavu-core"},
    {"serif", "GoudyBookletter1911.otf", "fonts-goudybookletter"},
    {"italic", "GFSDidotItalic.otf", "fonts-gfs-didot"},
    {"mono", "Courier Prime.otf", "fonts-courier-prime"},
    {"slab", "RobotoSlab-Bold.otf", "fonts-roboto-slab"},
    {"condensed", "BebasNeue-Bold.otf", "fonts-bebas-neue"},
    {"rounded", "Comfortaa-Bold.ttf", "fonts-comfortaa"},
    {"script", "lobster.otf", "fonts-lobster"},
    {"display", "OCRA.ttf", "fonts-ocr-a"},
}};

inline constexpr int train_per_letter_face = 20, val_per_letter_face = 6;

/// Where fonts are looked for, all subfolders included: the folder that the environment's
/// ETUDE_FONT_DIR names, or else the system's.
std::vector<std::filesystem::path> font_folders();

/// The files of `typefaces`, in that order, found by name; an earlier folder wins. Throws Error
/// that names the file, its package and the remedy for the first one missing.
std::vector<std::filesystem::path> find_typefaces(
    const std::vector<std::filesystem::path>& folders);

/// Draws the data set from `seed` with the fonts of find_typefaces(), letter by letter, face
/// by face. Kept as data_dir/typefaces-<seed>-<recipe>.npz, where <recipe> changes with the font
/// files, the rasteriser and this code's version; a damaged file there is made anew, and one that
/// cannot be written does without; both are told in FontData::notes.
FontData load_typefaces(const std::filesystem::path& data_dir, std::uint64_t seed,
                        const std::vector<std::filesystem::path>& font_files);

}  // namespace etude
