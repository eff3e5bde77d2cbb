#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"
#include "eval/frame.h"
#include "eval/plot.h"
#include "eval/text.h"

namespace etude {
namespace {

constexpr int shades = 32;  // of a heat map; one path per shade keeps the file small
constexpr double small_text = 9;

/// Where the cells lie: a table of rows x columns below the header.
struct Cells {
  double left, top, width, height;
  size_t rows, columns;
};

void check(std::string_view kind, const std::string& title, size_t rows, size_t columns,
           size_t values) {
  require(rows > 0 && columns > 0, kind, " \"", title, "\": ", rows, " rows, ", columns,
          " columns");
  require(rows * columns == values, kind, " \"", title, "\": ", values, " values for ", rows,
          " rows and ", columns, " columns");
}

Cells place(Svg& svg, double top, const std::string& y_label,
            const std::vector<std::string>& row_labels,
            const std::vector<std::string>& column_labels) {
  if (!y_label.empty()) {
    svg.text(0, top + text_size, y_label, "muted");
    top += 22;
  }
  double label_width = 0;
  for (const std::string& label : row_labels) {
    label_width = std::max(label_width, text_width(label));
  }
  Cells cells;
  cells.rows = row_labels.size();
  cells.columns = column_labels.size();
  cells.left = label_width + 8;
  const double columns = static_cast<double>(cells.columns);
  const double wide = std::min((svg_width - cells.left - 14) / columns, 56.0);
  cells.left = std::max(cells.left, slot_label_overhang(wide, column_labels));
  cells.width = std::min((svg_width - cells.left - 14) / columns, 56.0);
  cells.height = std::clamp(cells.width, 14.0, 24.0);
  cells.top = top + 2;
  for (size_t r = 0; r < cells.rows; ++r) {
    svg.text(cells.left - 6, cells.top + (r + 0.5) * cells.height + 4, row_labels[r], "muted",
             Anchor::end);
  }
  return cells;
}

/// The path of one cell, to be joined with others of its shade. Corners are rounded alike for
/// neighbours, so that no seam shows between them.
std::string cell_path(const Cells& cells, size_t r, size_t c) {
  const double left = cells.left + c * cells.width, right = left + cells.width;
  const double top = cells.top + r * cells.height, bottom = top + cells.height;
  return "M" + coordinate(left) + " " + coordinate(top) + "H" + coordinate(right) + "V" +
         coordinate(bottom) + "H" + coordinate(left) + "z";
}

double finish_cells(Svg& svg, const Cells& cells, const std::vector<std::string>& column_labels,
                    const std::string& x_label) {
  const double right = cells.left + cells.columns * cells.width;
  const double bottom = cells.top + cells.rows * cells.height;
  for (size_t r = 0; r <= cells.rows; ++r) {
    const double at = cells.top + r * cells.height;
    svg.line(cells.left, at, right, at, "grid");
  }
  if (cells.width >= 8) {  // closer lines would be a veil over the colours
    for (size_t c = 0; c <= cells.columns; ++c) {
      const double at = cells.left + c * cells.width;
      svg.line(at, cells.top, at, bottom, "grid");
    }
  }
  const Frame frame{cells.left, right, cells.top, bottom, {}, {}};
  const double below = draw_slot_labels(svg, cells.left, bottom, cells.width, column_labels);
  return draw_x_label(svg, frame, below, x_label);
}

/// Opacity of shade s: the least one is still seen beside an empty cell.
double shade_opacity(int s) { return 0.1 + 0.9 * s / (shades - 1); }

double draw_colour_bar(Svg& svg, double y, const HeatMap& map, double low, double high) {
  const std::string left = format_number(low), right = format_number(high);
  double x = 0;
  if (!map.value_label.empty()) {
    svg.text(x, y + 12, map.value_label, "muted");
    x += text_width(map.value_label) + 12;
  }
  svg.text(x, y + 12, left, "muted");
  x += text_width(left) + 6;
  for (int s = 0; s < 8; ++s) {
    svg.path("M" + coordinate(x + 14 * s) + " " + coordinate(y + 2) + "h14v12h-14z", "f0",
             s == 0 ? 0 : shade_opacity(s * (shades - 1) / 7));
  }
  svg.text(x + 8 * 14 + 6, y + 12, right, "muted");
  return y + 22;
}

void draw_cell_texts(Svg& svg, const Cells& cells, const HeatMap& map,
                     const std::vector<double>& strength) {
  double widest = 0;
  for (const std::string& text : map.cell_texts) {
    widest = std::max(widest, text_width(text, small_text));
  }
  if (widest > cells.width - 1) return;  // all or none: a number cut out looks like an empty cell
  for (size_t i = 0; i < map.cell_texts.size(); ++i) {
    if (map.cell_texts[i].empty()) continue;
    const size_t r = i / cells.columns, c = i % cells.columns;
    svg.text(cells.left + (c + 0.5) * cells.width, cells.top + (r + 0.5) * cells.height + 3,
             map.cell_texts[i], strength[i] > 0.68 ? "small on-dark" : "small", Anchor::middle);
  }
}

}  // namespace

std::string draw(const HeatMap& map) {
  check("heat map", map.title, map.row_labels.size(), map.column_labels.size(), map.values.size());
  require(map.cell_texts.empty() || map.cell_texts.size() == map.values.size(), "heat map \"",
          map.title, "\": ", map.cell_texts.size(), " cell texts for ", map.values.size(),
          " values");
  Extent extent;
  for (const double value : map.values) extent.add(value);
  if (extent.empty()) extent = {0, 1};
  const double low = map.low.value_or(std::min(0.0, extent.low));
  const double high = map.high.value_or(extent.high > low ? extent.high : low + 1);
  require(low < high, "heat map \"", map.title, "\": colours from ", low, " to ", high);

  Svg svg;
  double top = draw_header(svg, map.title, {});
  top = draw_colour_bar(svg, top, map, low, high);
  const Cells cells = place(svg, top, map.y_label, map.row_labels, map.column_labels);
  std::array<std::string, shades> paths;
  std::vector<double> strength(map.values.size());
  for (size_t i = 0; i < map.values.size(); ++i) {
    const double t = (map.values[i] - low) / (high - low);
    if (!std::isfinite(t) || t <= 0) continue;
    const int shade = static_cast<int>(std::lround(std::min(t, 1.0) * (shades - 1)));
    strength[i] = shade_opacity(shade);
    paths[shade] += cell_path(cells, i / cells.columns, i % cells.columns);
  }
  for (int s = 0; s < shades; ++s) {
    if (!paths[s].empty()) svg.path(paths[s], "f0", shade_opacity(s));
  }
  draw_cell_texts(svg, cells, map, strength);
  return svg.finish(finish_cells(svg, cells, map.column_labels, map.x_label), map.title);
}

HeatMap confusion_map(std::string title, std::span<const std::int64_t> confusion,
                      const std::vector<std::string>& labels) {
  const size_t classes = labels.size();
  check("confusion map", title, classes, classes, confusion.size());
  HeatMap map{std::move(title), "predicted", "true", labels, labels, {}};
  map.value_label = "share of the true class";
  map.low = 0;
  map.high = 1;
  for (size_t r = 0; r < classes; ++r) {
    const std::span<const std::int64_t> row = confusion.subspan(r * classes, classes);
    std::int64_t sum = 0;
    for (const std::int64_t count : row) sum += count;
    for (const std::int64_t count : row) {
      map.values.push_back(sum > 0 ? static_cast<double>(count) / static_cast<double>(sum) : 0);
      map.cell_texts.push_back(count > 0 ? std::to_string(count) : "");
    }
  }
  return map;
}

std::string draw(const PresenceMap& map) {
  check("presence map", map.title, map.row_labels.size(), map.column_labels.size(),
        map.levels.size());
  const int levels = static_cast<int>(map.level_names.size());
  require(levels >= 2, "presence map \"", map.title, "\": needs two levels or more, not ", levels);
  auto opacity = [&](int level) {
    return std::pow(static_cast<double>(level) / (levels - 1), 1.3);
  };

  Svg svg;
  std::vector<LegendItem> legend;
  for (int level = 0; level < levels; ++level) {
    legend.push_back({map.level_names[level], level == 0 ? "axis" : "f0", Mark::box,
                      level == 0 ? 1 : opacity(level)});
  }
  const double top = draw_header(svg, map.title, legend);
  const Cells cells = place(svg, top, map.y_label, map.row_labels, map.column_labels);
  std::vector<std::string> paths(levels);
  for (size_t i = 0; i < map.levels.size(); ++i) {
    require(map.levels[i] >= 0 && map.levels[i] < levels, "presence map \"", map.title,
            "\": level ", map.levels[i], " is not in [0, ", levels, ")");
    paths[map.levels[i]] += cell_path(cells, i / cells.columns, i % cells.columns);
  }
  for (int level = 1; level < levels; ++level) {
    if (!paths[level].empty()) svg.path(paths[level], "f0", opacity(level));
  }
  return svg.finish(finish_cells(svg, cells, map.column_labels, map.x_label), map.title);
}

}  // namespace etude
