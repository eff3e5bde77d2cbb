#pragma once
// 8-bit images and the grid that shows many samples at once.

#include <cstdint>
#include <span>
#include <vector>

namespace etude {

/// Pixels in rows from the top, channels last: bytes[(y * width + x) * channels + c].
/// One channel is grey, three are red, green, blue.
struct Image {
  int height = 0;
  int width = 0;
  int channels = 1;
  std::vector<std::uint8_t> bytes;
};

struct GridOptions {
  int columns = 10;     // the last row may be short; its empty cells have the padding's colour
  int padding = 2;      // pixels between images, and around them, before scaling
  int scale = 1;        // each pixel becomes scale x scale pixels
  bool invert = false;  // +1 is drawn black (ink on paper) instead of white
};

/// Lays out `images` [N, C, H, W] (C = 1 or 3, values in [-1, 1], others are clamped, NaN is mid
/// grey) in rows of `columns`. Errors: a size that is not N * C * H * W, no image, options < 1
/// (padding < 0).
Image grid(std::span<const float> images, int channels, int height, int width,
           const GridOptions& options = {});

}  // namespace etude
