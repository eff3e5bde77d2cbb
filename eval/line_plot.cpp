#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "eval/frame.h"
#include "eval/plot.h"
#include "eval/text.h"

namespace etude {
namespace {

constexpr size_t most_points = 1000;
constexpr size_t most_markers = 30;  // a curve with as few points shows them

/// A series after thinning; sd is empty or as long as y.
struct Points {
  std::vector<double> x, y, sd;
};

/// Keeps, of each of most_points / 2 equal stretches, the points of least and greatest y, in their
/// order. A stretch without a finite point stays one gap; shorter gaps are closed.
Points thin(const Series& series) {
  Points out;
  auto keep = [&](size_t i) {
    out.x.push_back(series.x[i]);
    out.y.push_back(series.y[i]);
    if (!series.sd.empty()) out.sd.push_back(series.sd[i]);
  };
  const size_t count = series.y.size();
  const size_t stretches = count <= most_points ? 0 : most_points / 2;
  if (stretches == 0) return {series.x, series.y, series.sd};
  for (size_t s = 0; s < stretches; ++s) {
    const size_t begin = count * s / stretches, end = count * (s + 1) / stretches;
    size_t least = end, greatest = end;
    for (size_t i = begin; i < end; ++i) {
      if (!std::isfinite(series.y[i])) continue;
      if (least == end || series.y[i] < series.y[least]) least = i;
      if (greatest == end || series.y[i] > series.y[greatest]) greatest = i;
    }
    if (least == end) {
      keep(begin);
    } else {
      keep(std::min(least, greatest));
      if (least != greatest) keep(std::max(least, greatest));
    }
  }
  return out;
}

bool drawable(const Frame& frame, double x, double y) {
  return std::isfinite(x) && std::isfinite(y) && (!frame.y.log || y > 0);
}

/// Far outside the frame a point may lie anywhere: the clip hides it, but huge numbers do not
/// belong into a file.
std::string point(const Frame& frame, double x, double y) {
  const double height = frame.bottom - frame.top;
  const double at = std::clamp(frame.at_y(y), frame.top - 4 * height, frame.bottom + 4 * height);
  return coordinate(frame.at_x(x)) + " " + coordinate(at);
}

void draw_curve(Svg& svg, const Frame& frame, const Points& points, const std::string& style) {
  std::string d;
  bool open = false, alone = false;
  for (size_t i = 0; i < points.y.size(); ++i) {
    if (!drawable(frame, points.x[i], points.y[i])) {
      if (alone) d += "h0";  // a point between two gaps: a stroke of no length shows as a dot
      open = alone = false;
      continue;
    }
    d += (open ? "L" : "M") + point(frame, points.x[i], points.y[i]);
    alone = !open;
    open = true;
  }
  if (alone) d += "h0";
  const bool dense = points.y.size() > most_points / 2;
  if (!d.empty()) svg.path(d, style + (dense ? " curve fine" : " curve"));
}

void draw_band(Svg& svg, const Frame& frame, const Points& points, const std::string& style) {
  std::string d;
  auto has_band = [&](size_t i) {
    return drawable(frame, points.x[i], points.y[i]) && std::isfinite(points.sd[i]);
  };
  for (size_t begin = 0; begin < points.sd.size(); ++begin) {
    if (!has_band(begin)) continue;
    size_t end = begin;
    while (end < points.sd.size() && has_band(end)) ++end;
    for (size_t i = begin; i < end; ++i) {
      d += (i == begin ? "M" : "L") + point(frame, points.x[i], points.y[i] + points.sd[i]);
    }
    for (size_t i = end; i-- > begin;) {
      double low = points.y[i] - points.sd[i];
      if (frame.y.log) low = std::max(low, frame.y.low);
      d += "L" + point(frame, points.x[i], low);
    }
    d += "Z";
    begin = end;
  }
  if (!d.empty()) svg.path(d, style + " band");
}

struct Extents {
  Extent x, y;
  bool integers = true;  // whether every x is one: epochs and steps get no tick at 2.5
};

Extents extents(const LinePlot& plot) {
  Extents e;
  auto add_y = [&](double y) {
    if (!plot.log_y || y > 0) e.y.add(y);
  };
  for (const Series& series : plot.series) {
    for (size_t i = 0; i < series.y.size(); ++i) {
      e.x.add(series.x[i]);
      if (std::isfinite(series.x[i])) e.integers &= series.x[i] == std::round(series.x[i]);
      add_y(series.y[i]);
      if (series.sd.empty() || !std::isfinite(series.y[i])) continue;
      add_y(series.y[i] - series.sd[i]);
      add_y(series.y[i] + series.sd[i]);
    }
  }
  for (const Reference& reference : plot.references) add_y(reference.value);
  if (e.x.empty()) e.x = {0, 1};
  if (e.y.empty()) e.y = {plot.log_y ? 0.1 : 0.0, 1};
  return e;
}

Axis make_y_axis(const LinePlot& plot, Extent extent) {
  // An axis that nearly reaches zero does reach it: heights can then be compared.
  if (!plot.log_y && extent.low > 0 && extent.low < 0.3 * extent.high) extent.low = 0;
  const double low = plot.y_low.value_or(extent.low), high = plot.y_high.value_or(extent.high);
  require(low <= high, "plot \"", plot.title, "\": y axis from ", low, " to ", high);
  if (plot.log_y) {
    require(low > 0, "plot \"", plot.title, "\": a logarithmic axis cannot begin at ", low);
    return log_axis(low, high);
  }
  return linear_axis(low, high, 5, Range::to_ticks);
}

void check(const LinePlot& plot) {
  for (const Series& series : plot.series) {
    require(series.x.size() == series.y.size(), "plot \"", plot.title, "\": series \"", series.name,
            "\" has ", series.x.size(), " x and ", series.y.size(), " y");
    require(series.sd.empty() || series.sd.size() == series.y.size(), "plot \"", plot.title,
            "\": series \"", series.name, "\" has ", series.sd.size(), " sd and ", series.y.size(),
            " y");
  }
}

void draw_markers(Svg& svg, const Frame& frame, const Series& series, const std::string& style) {
  for (size_t i = 0; i < series.y.size(); ++i) {
    const double x = series.x[i], y = series.y[i];
    if (!drawable(frame, x, y) || y < frame.y.low || y > frame.y.high) continue;
    const std::string name = series.name.empty() ? "" : series.name + ", ";
    svg.circle(frame.at_x(x), frame.at_y(y), 2.5, style,
               name + format_number(x, 6) + ": " + format_number(y, 4));
  }
}

}  // namespace

std::string draw(const LinePlot& plot) {
  check(plot);
  const Extents e = extents(plot);
  Svg svg;
  std::vector<LegendItem> legend;
  for (size_t s = 0; s < plot.series.size(); ++s) {
    legend.push_back({plot.series[s].name, stroke_style(s)});
  }
  for (LegendItem& item : reference_legend(plot.references)) legend.push_back(std::move(item));
  const double top = draw_header(svg, plot.title, legend);
  Frame frame = begin_frame(svg, top, linear_axis(e.x.low, e.x.high, 7, Range::exact, e.integers),
                            make_y_axis(plot, e.y), plot.y_label);
  // Room for round line ends at the edges of the clip.
  svg.begin_clip(frame.left - 2, frame.top - 2, frame.right - frame.left + 4,
                 frame.bottom - frame.top + 4);
  std::vector<Points> thinned;
  for (const Series& series : plot.series) thinned.push_back(thin(series));
  for (size_t s = 0; s < thinned.size(); ++s) draw_band(svg, frame, thinned[s], fill_style(s));
  for (size_t i = 0; i < plot.references.size(); ++i) {
    const double value = plot.references[i].value;
    if (!std::isfinite(value) || value < frame.y.low || value > frame.y.high) continue;
    svg.line(frame.left, frame.at_y(value), frame.right, frame.at_y(value), reference_style(i));
  }
  for (size_t s = 0; s < thinned.size(); ++s) draw_curve(svg, frame, thinned[s], stroke_style(s));
  svg.end_clip();
  for (size_t s = 0; s < plot.series.size(); ++s) {
    if (plot.series[s].y.size() <= most_markers) {
      draw_markers(svg, frame, plot.series[s], fill_style(s));
    }
  }
  return svg.finish(draw_x_axis(svg, frame, plot.x_label), plot.title);
}

}  // namespace etude
