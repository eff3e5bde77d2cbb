#pragma once
// The rectangle that line plots, bar charts and histograms draw in: grid, axes, labels. Private to
// the plots.

#include <span>
#include <string>
#include <vector>

#include "eval/axis.h"
#include "eval/plot.h"
#include "eval/svg.h"

namespace etude {

constexpr double frame_height = 260;  // of the drawing area

/// The drawing area in user units (y grows downward) and the two axes that map into it.
struct Frame {
  double left, right, top, bottom;
  Axis x, y;

  double at_x(double value) const { return left + x.position(value) * (right - left); }
  double at_y(double value) const { return bottom - y.position(value) * (bottom - top); }
};

/// Least and greatest of the finite values added.
struct Extent {
  double low = 1;
  double high = -1;  // low > high: nothing was added

  bool empty() const { return low > high; }
  void add(double value);
};

/// Places the frame below `top`, as wide as the labels of `y` allow, and draws grid lines, tick
/// labels of `y` and the label of the y axis. `left_room` widens the left margin; `height` is the
/// drawing area's.
Frame begin_frame(Svg& svg, double top, Axis x, Axis y, std::string_view y_label,
                  double left_room = 0, double height = frame_height);

/// Draws the tick labels of a numeric x axis and its label; returns the height of the figure.
double draw_x_axis(Svg& svg, const Frame& frame, std::string_view x_label);

/// Draws the label of the x axis below `y`; returns the height of the figure.
double draw_x_label(Svg& svg, const Frame& frame, double y, std::string_view x_label);

/// Draws labels under slots of width `slot` from `left` on: level where they fit, otherwise
/// slanted, or, where they are numbers or slots are narrow, every n-th. Returns the y below them.
double draw_slot_labels(Svg& svg, double left, double top, double slot,
                        std::span<const std::string> labels);

/// How far slanted labels reach to the left of the first slot's left edge.
double slot_label_overhang(double slot, std::span<const std::string> labels);

/// Legend entries of reference lines, and the class list that draws the i-th one.
std::vector<LegendItem> reference_legend(std::span<const Reference> references);
std::string reference_style(size_t i);

}  // namespace etude
