#pragma once
// One capital letter of one type face, drawn small: size, shift, rotation and noise vary.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/philox.h"

namespace etude {

inline constexpr int num_letters = 26;
inline constexpr int letter_image_size = 28;
inline constexpr int letter_image_pixels = letter_image_size * letter_image_size;

/// Uniform draws that are a pure function of (seed, stream), so that an image does not depend on
/// the images drawn before it, nor on threads, libraries or locale.
class LetterDraws {
 public:
  LetterDraws(std::uint64_t seed, std::uint64_t stream) : key_{.seed = seed, .stream = stream} {}
  /// In [0, 1), a multiple of 2^-24.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }

 private:
  PhiloxKey key_;
  Philox4 block_{};
  std::uint64_t count_ = 0;
};

/// What varies between two images of the same letter and face. All lengths are pixels.
struct LetterStyle {
  double min_cap_height = 17, max_cap_height = 20;  // of the face's H, before the letter is fitted
  double max_rotation = 5;                          // degrees, either way
  double max_shift = 1.5;                           // of the ink's box from the centre, each axis
  double margin = 2;       // a letter that comes nearer to the border unshifted is drawn smaller
  double min_margin = 1;   // and no shift brings it nearer than this
  double noise_sd = 0.02;  // of a pixel's coverage in [0, 1], then clamped
};

/// The outlines of A to Z of one font file. Throws Error naming the file when it is no font, has no
/// scalable outlines or lacks a capital.
class Typeface {
 public:
  explicit Typeface(const std::filesystem::path& font_file);
  ~Typeface();
  Typeface(Typeface&&) noexcept;

  /// Draws `letter` (0 = A) with the exact area coverage of each pixel into `pixels`
  /// [letter_image_size, letter_image_size], rows from the top: 0 paper, 255 ink.
  void draw(int letter, const LetterStyle& style, LetterDraws& draws,
            std::span<std::uint8_t> pixels) const;

 private:
  struct Outlines;
  std::unique_ptr<Outlines> outlines_;
};

/// The rasteriser's version, e.g. "2.12.1": another one may round a pixel another way.
std::string rasteriser_version();

}  // namespace etude
