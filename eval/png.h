#pragma once
// PNG files (libpng): 8-bit grey and RGB.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "eval/image.h"

namespace etude {

/// The PNG file of `image` (1 channel: grey, 3: RGB), in memory.
/// Errors: an empty image, other channel counts, a byte count that does not match.
std::vector<std::uint8_t> encode_png(const Image& image);

/// Writes encode_png(image) to `path`, all or nothing.
void write_png(const std::filesystem::path& path, const Image& image);

/// Reads a PNG file as 8-bit grey (1 channel). Colours become luminance, 16 bits become 8, and
/// transparent pixels are laid on white. Errors name the file: missing, not a PNG, truncated or
/// damaged.
Image read_png_grey(const std::filesystem::path& path);

}  // namespace etude
