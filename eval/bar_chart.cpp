#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "eval/frame.h"
#include "eval/plot.h"
#include "eval/text.h"

namespace etude {
namespace {

void check(const BarChart& chart) {
  for (const Bars& bars : chart.bars) {
    require(bars.values.size() == chart.labels.size(), "bar chart \"", chart.title, "\": \"",
            bars.name, "\" has ", bars.values.size(), " values for ", chart.labels.size(),
            " labels");
    require(bars.sd.empty() || bars.sd.size() == bars.values.size(), "bar chart \"", chart.title,
            "\": \"", bars.name, "\" has ", bars.sd.size(), " sd for ", bars.values.size(),
            " values");
  }
}

/// Bars stand on zero, so the axis always holds it.
Axis value_axis(const BarChart& chart) {
  Extent extent{0, 0};
  for (const Bars& bars : chart.bars) {
    for (size_t g = 0; g < bars.values.size(); ++g) {
      extent.add(bars.values[g]);
      if (bars.sd.empty()) continue;
      extent.add(bars.values[g] + bars.sd[g]);
      if (bars.values[g] < 0) extent.add(bars.values[g] - bars.sd[g]);
    }
  }
  for (const Reference& reference : chart.references) extent.add(reference.value);
  if (extent.low == extent.high) extent.high = 1;
  return linear_axis(extent.low, extent.high, 5, Range::to_ticks);
}

/// The whiskers of mean +- sd at x, cut at the frame.
void draw_whiskers(Svg& svg, const Frame& frame, double x, double mean, double sd) {
  if (!std::isfinite(mean) || !std::isfinite(sd)) return;
  const double top = frame.at_y(std::min(mean + sd, frame.y.high));
  const double bottom = frame.at_y(std::max(mean - sd, frame.y.low));
  svg.line(x, top, x, bottom, "sk");
  svg.line(x - 3, top, x + 3, top, "sk");
  svg.line(x - 3, bottom, x + 3, bottom, "sk");
}

void draw_group(Svg& svg, const Frame& frame, const BarChart& chart, size_t g, double slot) {
  const double used = chart.bars.size() > 1 ? 0.8 : 0.7;  // of the slot; the rest parts the groups
  const double width = std::min(used * slot / chart.bars.size(), 48.0);
  const double middle = frame.left + (g + 0.5) * slot;
  const double zero = frame.at_y(0);
  for (size_t b = 0; b < chart.bars.size(); ++b) {
    const Bars& bars = chart.bars[b];
    const double value = bars.values[g];
    if (!std::isfinite(value)) continue;
    const double left = middle + (b - 0.5 * chart.bars.size()) * width;
    const double at = frame.at_y(value);
    std::string tooltip = bars.name.empty() ? "" : bars.name + ", ";
    tooltip += chart.labels[g] + ": " + format_number(value, 4);
    const double part = width > 4 && chart.bars.size() > 1 ? 1 : 0;
    svg.rect(left, std::min(at, zero), width - part, std::abs(zero - at), fill_style(b), tooltip);
    if (!bars.sd.empty()) draw_whiskers(svg, frame, left + width / 2, value, bars.sd[g]);
  }
}

/// Bin edges and counts; values that are not finite are left out and counted.
struct Bins {
  std::vector<double> edges;
  std::vector<double> counts;
  size_t left_out = 0;
};

Bins bin(const Histogram& histogram) {
  Extent extent;
  for (const double value : histogram.values) extent.add(value);
  if (extent.empty()) extent = {0, 1};
  Bins bins;
  bins.edges = nice_ticks(extent.low, extent.high, histogram.bins);
  bins.counts.resize(bins.edges.size() - 1);
  for (const double value : histogram.values) {
    if (!std::isfinite(value)) {
      ++bins.left_out;
      continue;
    }
    const auto above = std::upper_bound(bins.edges.begin(), bins.edges.end(), value);
    const auto index = std::clamp<std::ptrdiff_t>(
        above - bins.edges.begin() - 1, 0, static_cast<std::ptrdiff_t>(bins.counts.size()) - 1);
    ++bins.counts[static_cast<size_t>(index)];
  }
  return bins;
}

}  // namespace

std::string draw(const BarChart& chart) {
  check(chart);
  Svg svg;
  std::vector<LegendItem> legend;
  for (size_t b = 0; b < chart.bars.size(); ++b) {
    legend.push_back({chart.bars[b].name, fill_style(b), Mark::box});
  }
  for (LegendItem& item : reference_legend(chart.references)) legend.push_back(std::move(item));
  const double top = draw_header(svg, chart.title, legend);
  const double groups = static_cast<double>(std::max<size_t>(chart.labels.size(), 1));
  const double overhang = slot_label_overhang((svg_width - 60) / groups, chart.labels);
  const Frame frame = begin_frame(svg, top, {}, value_axis(chart), chart.y_label, overhang);
  const double slot = (frame.right - frame.left) / groups;
  for (size_t g = 0; g < chart.labels.size(); ++g) draw_group(svg, frame, chart, g, slot);
  for (size_t i = 0; i < chart.references.size(); ++i) {
    if (!std::isfinite(chart.references[i].value)) continue;
    const double at = frame.at_y(chart.references[i].value);
    svg.line(frame.left, at, frame.right, at, reference_style(i));
  }
  svg.line(frame.left, frame.at_y(0), frame.right, frame.at_y(0), "axis");
  const double below = draw_slot_labels(svg, frame.left, frame.bottom + 2, slot, chart.labels);
  return svg.finish(draw_x_label(svg, frame, below, chart.x_label), chart.title);
}

std::string draw(const Histogram& histogram) {
  require(histogram.bins > 0, "histogram \"", histogram.title, "\": ", histogram.bins, " bins");
  const Bins bins = bin(histogram);
  Extent counts{0, 1};
  for (const double count : bins.counts) counts.add(count);
  Extent range{bins.edges.front(), bins.edges.back()};
  for (const Reference& reference : histogram.references) range.add(reference.value);

  Svg svg;
  const double top = draw_header(svg, histogram.title, reference_legend(histogram.references));
  std::string y_label = histogram.y_label;
  if (bins.left_out > 0) {
    y_label += " (" + std::to_string(bins.left_out) + " not finite, left out)";
  }
  const Frame frame = begin_frame(svg, top, linear_axis(range.low, range.high, 7, Range::exact),
                                  linear_axis(0, counts.high, 5, Range::to_ticks, true), y_label);
  for (size_t b = 0; b < bins.counts.size(); ++b) {
    if (bins.counts[b] == 0) continue;
    const double left = frame.at_x(bins.edges[b]), right = frame.at_x(bins.edges[b + 1]);
    const double at = frame.at_y(bins.counts[b]);
    const double part = right - left > 4 ? 1 : 0;
    svg.rect(left, at, right - left - part, frame.bottom - at, "f0",
             format_number(bins.edges[b], 4) + " to " + format_number(bins.edges[b + 1], 4) + ": " +
                 format_number(bins.counts[b], 6));
  }
  for (size_t i = 0; i < histogram.references.size(); ++i) {
    if (!std::isfinite(histogram.references[i].value)) continue;
    const double at = frame.at_x(histogram.references[i].value);
    svg.line(at, frame.top, at, frame.bottom, reference_style(i));
  }
  return svg.finish(draw_x_axis(svg, frame, histogram.x_label), histogram.title);
}

}  // namespace etude
