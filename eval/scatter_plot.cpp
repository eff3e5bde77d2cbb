#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "eval/frame.h"
#include "eval/plot.h"

namespace etude {
namespace {

constexpr double equal_axes_height = 460;  // room for two dimensions that matter alike
constexpr size_t most_large_points = 300;  // more points are drawn smaller

bool drawable(const ScatterPlot& plot, size_t i) {
  return std::isfinite(plot.x[i]) && std::isfinite(plot.y[i]);
}

void check(const ScatterPlot& plot) {
  require(plot.x.size() == plot.y.size() && plot.x.size() == plot.labels.size(), "scatter plot \"",
          plot.title, "\": ", plot.x.size(), " x, ", plot.y.size(), " y and ", plot.labels.size(),
          " labels");
  require(plot.label_names.size() <= palette_size, "scatter plot \"", plot.title,
          "\": ", plot.label_names.size(), " labels, there are ", palette_size, " colours");
  for (const int label : plot.labels) {
    require(label >= 0 && static_cast<size_t>(label) < plot.label_names.size(), "scatter plot \"",
            plot.title, "\": label ", label, " is not in [0, ", plot.label_names.size(), ")");
  }
}

struct Extents {
  Extent x, y;
};

/// With room at the edges, so that no point is cut.
Extents extents(const ScatterPlot& plot) {
  Extents e;
  for (size_t i = 0; i < plot.x.size(); ++i) {
    if (!drawable(plot, i)) continue;
    e.x.add(plot.x[i]);
    e.y.add(plot.y[i]);
  }
  if (e.x.empty()) e = {{0, 1}, {0, 1}};
  const double largest = std::max(e.x.high - e.x.low, e.y.high - e.y.low);
  for (Extent* extent : {&e.x, &e.y}) {
    double margin = 0.04 * (extent->high - extent->low);
    if (margin == 0) margin = largest > 0 ? 0.04 * largest : 0.5;
    extent->low -= margin;
    extent->high += margin;
  }
  return e;
}

/// `extent` grown around its middle to `length`.
Extent widened(const Extent& extent, double length) {
  const double middle = extent.low + (extent.high - extent.low) / 2;
  return {middle - length / 2, middle + length / 2};
}

Axis axis(const Extent& extent, int target) {
  return linear_axis(extent.low, extent.high, target, Range::exact);
}

Frame place(Svg& svg, double top, const ScatterPlot& plot) {
  const Extents e = extents(plot);
  if (!plot.equal_axes) {
    return begin_frame(svg, top, axis(e.x, 7), axis(e.y, 5), plot.y_label);
  }
  // How wide the frame is shows only when the y axis has its labels: its range is chosen for the
  // least width there can be, and the x axis then takes what there is.
  constexpr double least_width = svg_width - 100;
  const double unit = std::max((e.y.high - e.y.low) / equal_axes_height,
                               (e.x.high - e.x.low) / least_width);  // per user unit
  Frame frame = begin_frame(svg, top, {}, axis(widened(e.y, unit * equal_axes_height), 6),
                            plot.y_label, 0, equal_axes_height);
  frame.x = axis(widened(e.x, unit * (frame.right - frame.left)), 7);
  return frame;
}

}  // namespace

std::string draw(const ScatterPlot& plot) {
  check(plot);
  Svg svg;
  std::vector<LegendItem> legend;
  for (size_t l = 0; l < plot.label_names.size(); ++l) {
    legend.push_back({plot.label_names[l], fill_style(l), Mark::box});
  }
  const double top = draw_header(svg, plot.title, legend);
  const Frame frame = place(svg, top, plot);
  for (const double tick : frame.x.ticks) {
    svg.line(frame.at_x(tick), frame.top, frame.at_x(tick), frame.bottom, "grid");
  }
  const double radius = plot.x.size() <= most_large_points ? 3.5 : 2.5;
  for (size_t i = 0; i < plot.x.size(); ++i) {
    if (!drawable(plot, i)) continue;
    svg.circle(frame.at_x(plot.x[i]), frame.at_y(plot.y[i]), radius, fill_style(plot.labels[i]),
               plot.label_names[plot.labels[i]]);
  }
  return svg.finish(draw_x_axis(svg, frame, plot.x_label), plot.title);
}

}  // namespace etude
