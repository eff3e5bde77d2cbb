#include "eval/image.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace etude {
namespace {

constexpr std::uint8_t padding_grey = 128;  // neither ink nor paper: the images' edges stay visible

std::uint8_t to_byte(float value, bool invert) {
  if (std::isnan(value)) return 128;
  const float unit = std::clamp(0.5f * (invert ? 1 - value : 1 + value), 0.0f, 1.0f);
  return static_cast<std::uint8_t>(std::lround(255 * unit));
}

}  // namespace

Image grid(std::span<const float> images, int channels, int height, int width,
           const GridOptions& options) {
  const auto [columns, padding, scale, invert] = options;
  require(channels == 1 || channels == 3, "grid: images have 1 or 3 channels, not ", channels);
  require(height > 0 && width > 0, "grid: images of ", height, " x ", width, " pixels");
  require(columns > 0 && scale > 0 && padding >= 0, "grid: columns ", columns, ", scale ", scale,
          ", padding ", padding);
  const size_t plane = static_cast<size_t>(height) * width;
  const size_t image_size = plane * channels;
  require(!images.empty() && images.size() % image_size == 0, "grid: ", images.size(),
          " values are no whole number of images [", channels, ", ", height, ", ", width, "]");
  const int count = static_cast<int>(images.size() / image_size);
  const int used_columns = std::min(columns, count);
  const int rows = (count + columns - 1) / columns;

  Image out;
  out.height = (rows * (height + padding) + padding) * scale;
  out.width = (used_columns * (width + padding) + padding) * scale;
  out.channels = channels;
  out.bytes.assign(static_cast<size_t>(out.height) * out.width * channels, padding_grey);
  for (int n = 0; n < count; ++n) {
    const int top = (padding + n / columns * (height + padding)) * scale;
    const int left = (padding + n % columns * (width + padding)) * scale;
    const float* image = images.data() + n * image_size;
    for (int y = 0; y < height * scale; ++y) {
      for (int x = 0; x < width * scale; ++x) {
        const size_t source = static_cast<size_t>(y / scale) * width + x / scale;
        const size_t target = static_cast<size_t>(top + y) * out.width + left + x;
        for (int c = 0; c < channels; ++c) {
          out.bytes[target * channels + c] = to_byte(image[c * plane + source], invert);
        }
      }
    }
  }
  return out;
}

}  // namespace etude
