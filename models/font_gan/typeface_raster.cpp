#include "models/font_gan/typeface_raster.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_BBOX_H
#include FT_OUTLINE_H

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

constexpr double subpixels = 64;  // FreeType's outlines are in 1/64 pixel

struct CloseLibrary {
  void operator()(FT_Library library) const { FT_Done_FreeType(library); }
};
struct CloseFace {
  void operator()(FT_Face face) const { FT_Done_Face(face); }
};
using Library = std::unique_ptr<std::remove_pointer_t<FT_Library>, CloseLibrary>;
using Face = std::unique_ptr<std::remove_pointer_t<FT_Face>, CloseFace>;

struct Box {
  double left, bottom, right, top;
  double width() const { return right - left; }
  double height() const { return top - bottom; }
};

/// A closed shape, y upwards. FreeType only refers to points, tags and contours; this holds them.
struct Glyph {
  std::vector<FT_Vector> points;
  std::vector<std::remove_pointer_t<decltype(FT_Outline::tags)>> tags;
  std::vector<std::remove_pointer_t<decltype(FT_Outline::contours)>> contours;
  int flags = 0;

  Glyph() = default;
  explicit Glyph(const FT_Outline& outline)
      : points(outline.points, outline.points + outline.n_points),
        tags(outline.tags, outline.tags + outline.n_points),
        contours(outline.contours, outline.contours + outline.n_contours),
        flags(outline.flags) {}

  FT_Outline outline() {
    FT_Outline outline{};
    outline.n_contours = static_cast<decltype(outline.n_contours)>(contours.size());
    outline.n_points = static_cast<decltype(outline.n_points)>(points.size());
    outline.points = points.data();
    outline.tags = tags.data();
    outline.contours = contours.data();
    outline.flags = flags;
    return outline;
  }

  /// This shape in font units turned, then scaled (pixels per unit), then moved by (dx, dy) pixels.
  Glyph placed(double radians, double scale, double dx, double dy) const {
    const double c = std::cos(radians) * scale, s = std::sin(radians) * scale;
    Glyph glyph = *this;
    for (FT_Vector& point : glyph.points) {
      const auto x = static_cast<double>(point.x), y = static_cast<double>(point.y);
      point = {std::lround((c * x - s * y + dx) * subpixels),
               std::lround((s * x + c * y + dy) * subpixels)};
    }
    return glyph;
  }

  /// The ink's extent in pixels, on the curves, not on their control points.
  Box box() {
    FT_Outline shape = outline();
    FT_BBox box{};
    FT_Outline_Get_BBox(&shape, &box);
    const auto pixels = [](FT_Pos at) { return static_cast<double>(at) / subpixels; };
    return {pixels(box.xMin), pixels(box.yMin), pixels(box.xMax), pixels(box.yMax)};
  }
};

/// Normal to the eye (a sum of four uniform draws), standard deviation 1, at most 2 sqrt(3); in
/// plain arithmetic, so that no mathematics library rounds it differently.
double noise(LetterDraws& draws) {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += draws.uniform();
  return sum * std::numbers::sqrt3;
}

}  // namespace

double LetterDraws::uniform() {
  if (count_ % 4 == 0) block_ = philox(key_, count_ / 4);
  return uniform01(block_.word[count_++ % 4]);
}

struct Typeface::Outlines {
  Library library;
  std::array<Glyph, num_letters> glyphs;
  double units_per_cap_height = 0;
};

Typeface::Typeface(const std::filesystem::path& font_file)
    : outlines_(std::make_unique<Outlines>()) {
  FT_Library library = nullptr;
  require(FT_Init_FreeType(&library) == 0, "type face: FreeType does not start");
  outlines_->library.reset(library);
  FT_Face opened = nullptr;
  require(FT_New_Face(library, font_file.c_str(), 0, &opened) == 0,
          "type face: ", font_file.string(), " is no readable font file");
  const Face face(opened);
  for (int letter = 0; letter < num_letters; ++letter) {
    const char name = static_cast<char>('A' + letter);
    const FT_UInt index = FT_Get_Char_Index(face.get(), static_cast<FT_ULong>(name));
    require(index != 0 && FT_Load_Glyph(face.get(), index, FT_LOAD_NO_SCALE) == 0 &&
                face->glyph->format == FT_GLYPH_FORMAT_OUTLINE && face->glyph->outline.n_points > 0,
            "type face: ", font_file.string(), " has no outline for ", name);
    outlines_->glyphs[letter] = Glyph(face->glyph->outline);
  }
  outlines_->units_per_cap_height = outlines_->glyphs['H' - 'A'].placed(0, 1, 0, 0).box().height();
  require(outlines_->units_per_cap_height > 0, "type face: ", font_file.string(), " has a flat H");
}

Typeface::~Typeface() = default;
Typeface::Typeface(Typeface&&) noexcept = default;

void Typeface::draw(int letter, const LetterStyle& style, LetterDraws& draws,
                    std::span<std::uint8_t> pixels) const {
  require(letter >= 0 && letter < num_letters, "type face: letters are 0 to 25, not ", letter);
  require(pixels.size() == letter_image_pixels, "type face: an image has ", letter_image_pixels,
          " pixels, not ", pixels.size());
  const Glyph& glyph = outlines_->glyphs[letter];
  const double cap_height = draws.uniform(style.min_cap_height, style.max_cap_height);
  const double radians =
      draws.uniform(-style.max_rotation, style.max_rotation) * std::numbers::pi / 180;

  // Fit the turned letter, then centre its ink and shift that.
  double scale = cap_height / outlines_->units_per_cap_height;
  Box box = glyph.placed(radians, scale, 0, 0).box();
  const double room = letter_image_size - 2 * style.margin;
  const double fit = std::min({1.0, room / box.width(), room / box.height()});
  scale *= fit;
  box = {box.left * fit, box.bottom * fit, box.right * fit, box.top * fit};
  const auto centred = [&](double low, double high) {
    const double slack = (letter_image_size - (high - low)) / 2 - style.min_margin;
    const double shift = std::clamp(slack, 0.0, style.max_shift);
    return letter_image_size / 2.0 - (low + high) / 2 + draws.uniform(-shift, shift);
  };
  const double dx = centred(box.left, box.right), dy = centred(box.bottom, box.top);

  std::ranges::fill(pixels, std::uint8_t{0});
  FT_Bitmap bitmap{};
  bitmap.rows = bitmap.width = letter_image_size;
  bitmap.pitch = letter_image_size;
  bitmap.buffer = pixels.data();
  bitmap.num_grays = 256;
  bitmap.pixel_mode = FT_PIXEL_MODE_GRAY;
  Glyph placed = glyph.placed(radians, scale, dx, dy);
  FT_Outline outline = placed.outline();
  require(FT_Outline_Get_Bitmap(outlines_->library.get(), &outline, &bitmap) == 0,
          "type face: FreeType cannot draw ", static_cast<char>('A' + letter));
  for (std::uint8_t& pixel : pixels) {
    const double value = pixel + 255 * style.noise_sd * noise(draws);
    pixel = static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
}

std::string rasteriser_version() {
  FT_Library library = nullptr;
  require(FT_Init_FreeType(&library) == 0, "type face: FreeType does not start");
  const Library closer(library);
  int major = 0, minor = 0, patch = 0;
  FT_Library_Version(library, &major, &minor, &patch);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace etude
