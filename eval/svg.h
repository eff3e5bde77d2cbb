#pragma once
// A small SVG writer: primitives and the look that all plots share. The figures stand alone (style
// included), follow light and dark mode, and tell series apart without relying on red and green.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace etude {

constexpr double svg_width = 680;  // user units of every figure; the page scales it
constexpr double text_size = 12;   // tick labels, legends
constexpr double title_size = 15;
constexpr int palette_size = 6;  // classes f0..f5 (fill) and s0..s5 (stroke)

/// Estimated width of `text` at font size `size`, in user units; glyphs of the reader's system font
/// are not known, so it errs on the wide side.
double text_width(std::string_view text, double size = text_size);

/// A coordinate with at most one decimal: a tenth of a pixel is all a screen shows.
std::string coordinate(double value);

enum class Anchor { start, middle, end };

class Svg {
 public:
  /// `style` is a list of class names:
  /// title, small (9 px), muted, on-dark (text over a filled cell); grid, axis (lines);
  /// f0..f5, s0..s5 (palette), fk, sk (text colour); band (20 % fill), dash1..dash3, curve, fine (a
  /// thinner curve).
  void text(double x, double y, std::string_view content, std::string_view style = "",
            Anchor anchor = Anchor::start, double rotate_degrees = 0);
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  /// `tooltip` (may be empty) is shown while the mouse rests on the mark.
  void rect(double x, double y, double width, double height, std::string_view style,
            std::string_view tooltip = "");
  void circle(double x, double y, double radius, std::string_view style,
              std::string_view tooltip = "");
  void path(std::string_view d, std::string_view style, double opacity = 1);

  /// What is drawn until end_clip() is cut at this rectangle.
  void begin_clip(double x, double y, double width, double height);
  void end_clip();

  /// The whole element, from <svg to </svg>; `label` is what screen readers say.
  std::string finish(double height, std::string_view label) const;

 private:
  std::string body_;
};

enum class Mark { line, box };

/// One entry of a legend: a stroke or a box in `style`, then `name`.
struct LegendItem {
  std::string name;
  std::string style;
  Mark mark = Mark::line;
  double opacity = 1;
};

/// Draws the title (wrapped) and the legend (in rows) from the top of the figure; returns the y
/// below them. Items without a name are left out.
double draw_header(Svg& svg, std::string_view title, std::span<const LegendItem> legend);

/// Classes that colour series `i`: six colours, then the same with other dashes.
std::string stroke_style(size_t i);
std::string fill_style(size_t i);

}  // namespace etude
