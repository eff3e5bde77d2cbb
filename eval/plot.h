#pragma once
// Plots as inline SVG: each draw() returns one self-contained <svg> element for a report page or a
// file of its own. NaN and infinite values are gaps everywhere. Errors name the plot by its title.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace etude {

/// A curve through (x[i], y[i]), in the order given. More than 1000 points are thinned to the least
/// and the greatest y of each of 500 stretches, so that no spike is lost.
struct Series {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> sd;  // empty, or per point: the band y - sd ... y + sd is shaded
};

/// A dashed line at a fixed value, named in the legend.
struct Reference {
  std::string name;
  double value = 0;
};

struct LinePlot {
  std::string title;
  std::string x_label;  // with the unit: "time (s)"
  std::string y_label;
  std::vector<Series> series;
  std::vector<Reference> references = {};  // at a y
  bool log_y = false;                      // values <= 0 are gaps
  std::optional<double> y_low = {};        // fixed ends of the y axis; curves are cut there
  std::optional<double> y_high = {};
};
std::string draw(const LinePlot& plot);

/// One bar of each group, for all groups.
struct Bars {
  std::string name;
  std::vector<double> values;
  std::vector<double> sd;  // empty, or per bar: whiskers of +- sd
};

/// Bars side by side in groups: values[g] of each entry of `bars` stands over labels[g].
struct BarChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> labels;
  std::vector<Bars> bars;
  std::vector<Reference> references = {};  // at a y
};
std::string draw(const BarChart& chart);

/// Counts of `values` in equal bins with round edges; the last bin includes its upper edge.
struct Histogram {
  std::string title;
  std::string x_label;
  std::string y_label = "count";
  std::vector<double> values;
  int bins = 30;                           // about as many
  std::vector<Reference> references = {};  // at an x
};
std::string draw(const Histogram& histogram);

/// Points (x[i], y[i]) in the colour of label_names[labels[i]], drawn in their order: shuffle
/// sorted points, or the last label covers the others. At most six labels, for there are six
/// colours.
struct ScatterPlot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<double> x;
  std::vector<double> y;
  std::vector<int> labels;
  std::vector<std::string> label_names;  // of the legend; {""} for points of one kind
  bool equal_axes =
      false;  // a unit is equally long on both axes, so that distances can be compared
};
std::string draw(const ScatterPlot& plot);

/// values[r * columns + c] as the strength of one colour, with numbers where they fit.
struct HeatMap {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> column_labels;
  std::vector<std::string> row_labels;  // from the top
  std::vector<double> values;
  std::vector<std::string> cell_texts = {};  // empty: no numbers; otherwise one per cell
  std::string value_label = {};              // what the colour means, at the colour bar
  std::optional<double> low = {};            // value of no colour; otherwise min(0, least)
  std::optional<double> high = {};           // value of full colour; otherwise the greatest
};
std::string draw(const HeatMap& map);

/// A confusion matrix [true, predicted] of counts as a heat map: the colour is the share of the
/// true class, the numbers are the counts.
HeatMap confusion_map(std::string title, std::span<const std::int64_t> confusion,
                      const std::vector<std::string>& labels);

/// Which of a few ordered levels each cell has, e.g. which letter a generator draws at which epoch:
/// level 0 is empty, the last is solid.
struct PresenceMap {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<std::string> column_labels;
  std::vector<std::string> row_labels;   // from the top
  std::vector<int> levels;               // [rows, columns], in [0, level_names.size())
  std::vector<std::string> level_names;  // {"absent", "unsure", "covered"}
};
std::string draw(const PresenceMap& map);

}  // namespace etude
