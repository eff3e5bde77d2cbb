#include "eval/plot.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/error.h"
#include "tests/eval/markup.h"

namespace etude {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The d attribute of the first path of class `style`.
std::string path_of(const std::string& svg, const std::string& style) {
  const size_t at = svg.find("<path class=\"" + style + "\"");
  if (at == std::string::npos) return "";
  const size_t begin = svg.find(" d=\"", at) + 4;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

void check_markup(const std::string& svg) {
  CHECK(svg.starts_with("<svg"));
  CHECK(unbalanced_tag(svg) == "");
  // Attributes with a number that is none; "nan" in a text would be a missing label.
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf\"") == std::string::npos);
}

TEST_CASE("line plot: NaN and infinite points are gaps, a point alone is a dot") {
  const std::string svg =
      draw(LinePlot{"t", "x", "y", {{"s", {0, 1, 2, 3, 4, 5}, {1, 2, nan, 3, inf, 4}, {}}}});
  check_markup(svg);
  const std::string d = path_of(svg, "s0 curve");
  CHECK(count_of(d, "M") == 3);   // 0-1, 3, 5
  CHECK(count_of(d, "L") == 1);   // only 0-1 is a line
  CHECK(count_of(d, "h0") == 2);  // 3 and 5
  CHECK(count_of(svg, "<circle") == 4);
}

TEST_CASE("line plot: values <= 0 are gaps on a logarithmic axis") {
  const std::string svg =
      draw(LinePlot{"t", "x", "y", {{"s", {0, 1, 2, 3}, {1, 0, -1, 10}, {}}}, {}, true});
  check_markup(svg);
  CHECK(count_of(path_of(svg, "s0 curve"), "M") == 2);
}

TEST_CASE("line plot: many points are thinned, and no spike is lost") {
  Series series{"s", {}, {}, {}};
  for (int i = 0; i < 100'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 54'321 ? 50 : i % 2);
  }
  const std::string with_spike = draw(LinePlot{"t", "x", "y", {series}});
  const std::string d = path_of(with_spike, "s0 curve fine");
  CHECK(count_of(d, "L") <= 1000);
  CHECK(count_of(d, "L") > 900);
  CHECK(with_spike.find(">50</text>") != std::string::npos);
  series.sd.assign(series.y.size(), 0.5);
  for (size_t i = 20'000; i < 40'000; ++i) series.y[i] = nan;  // a long gap stays one
  const std::string with_gap = draw(LinePlot{"t", "x", "y", {series}});
  CHECK(count_of(path_of(with_gap, "s0 curve fine"), "M") == 2);
  CHECK(count_of(path_of(with_gap, "f0 band"), "Z") == 2);
  check_markup(with_gap);
}

TEST_CASE("line plot: nothing to show, constants and extremes still give a plot") {
  check_markup(draw(LinePlot{}));
  check_markup(draw(LinePlot{"t", "", "", {{"", {nan}, {nan}, {}}}}));
  check_markup(draw(LinePlot{"t", "", "", {{"", {1}, {1}, {nan}}}}));
  check_markup(draw(LinePlot{"t", "", "", {{"", {0, 1}, {-1e300, 1e300}, {}}}}));
  check_markup(draw(LinePlot{"t", "", "", {{"", {0, 1}, {-3, 0}, {}}}, {}, true}));
  LinePlot cut{"t", "", "", {{"", {0, 1, 2}, {0, 1e30, 0}, {}}}};
  cut.y_high = 1;
  check_markup(draw(cut));
  CHECK(path_of(draw(cut), "s0 curve").size() < 40);  // no coordinates of 30 digits
}

TEST_CASE("line plot: titles and names are escaped, lengths must agree") {
  const std::string svg =
      draw(LinePlot{"<t>", "a & b", "\"", {{"<s>", {0, 1}, {0, 1}, {}}}, {{"r > 0", 0.5}}});
  check_markup(svg);
  CHECK(svg.find("<s>") == std::string::npos);
  CHECK(svg.find("&lt;t&gt;") != std::string::npos);
  CHECK(svg.find("r &gt; 0") != std::string::npos);
  CHECK_THROWS_AS(draw(LinePlot{"t", "", "", {{"s", {0, 1}, {0}, {}}}}), Error);
  CHECK_THROWS_AS(draw(LinePlot{"t", "", "", {{"s", {0}, {0}, {1, 2}}}}), Error);
}

TEST_CASE("bar chart: one bar per finite value, on zero") {
  const std::string svg = draw(BarChart{
      "t", "", "y", {"a", "b", "c"}, {{"u", {1, -2, nan}, {}}, {"v", {3, 4, 5}, {1, 1, nan}}}});
  check_markup(svg);
  CHECK(count_of(svg, "<rect") == 5);
  CHECK(svg.find("<title>u, b: -2</title>") != std::string::npos);
  CHECK_THROWS_AS(draw(BarChart{"t", "", "", {"a"}, {{"u", {1, 2}, {}}}}), Error);
  check_markup(draw(BarChart{}));
}

TEST_CASE("histogram: counts add up, the upper edge belongs to the last bin") {
  Histogram histogram{"t", "x", "count", {0, 0.1, 0.5, 1, nan}, 2, {{"r", 0.25}}};
  const std::string svg = draw(histogram);
  check_markup(svg);
  CHECK(svg.find("<title>0 to 0.5: 2</title>") != std::string::npos);
  CHECK(svg.find("<title>0.5 to 1: 2</title>") != std::string::npos);
  CHECK(svg.find("(1 not finite, left out)") != std::string::npos);
  check_markup(draw(Histogram{}));
}

/// The centres of all circles.
std::vector<std::pair<double, double>> circles_of(const std::string& svg) {
  std::vector<std::pair<double, double>> centres;
  for (size_t at = 0; (at = svg.find("<circle cx=\"", at)) != std::string::npos; ++at) {
    const size_t y = svg.find("cy=\"", at) + 4;
    centres.emplace_back(std::stod(svg.substr(at + 12)), std::stod(svg.substr(y)));
  }
  return centres;
}

TEST_CASE("scatter plot: points have their label's colour and name") {
  const ScatterPlot plot{
      "t", "x", "y", {0, 10, 5, nan, 1}, {0, 2, 1, 1, inf}, {0, 1, 1, 0, 0}, {"<a>", "b"}};
  const std::string svg = draw(plot);
  check_markup(svg);
  CHECK(count_of(svg, "<circle") == 3);  // two are not finite
  CHECK(count_of(svg, "class=\"f0\"><title>&lt;a&gt;</title></circle>") == 1);
  CHECK(count_of(svg, "class=\"f1\"><title>b</title></circle>") == 2);
  CHECK(svg.find(">b</text>") != std::string::npos);
  const auto c = circles_of(svg);
  CHECK(c[0].first < c[2].first);
  CHECK(c[0].second > c[1].second);  // y grows upward
  CHECK(c[2].first == doctest::Approx((c[0].first + c[1].first) / 2).epsilon(0.001));
}

TEST_CASE("scatter plot: with equal axes a unit is as long on both") {
  for (const double stretch : {0.01, 1.0, 100.0}) {  // which dimension needs the room
    CAPTURE(stretch);
    ScatterPlot plot{"t", "", "", {-1, 1, 0}, {0, 0, 3 * stretch}, {0, 0, 0}, {""}, true};
    const std::string svg = draw(plot);
    check_markup(svg);
    const auto c = circles_of(svg);
    REQUIRE(c.size() == 3);
    const double x_unit = (c[1].first - c[0].first) / 2;
    const double y_unit = (c[0].second - c[2].second) / (3 * stretch);
    CHECK(x_unit == doctest::Approx(y_unit).epsilon(0.05));
    for (const auto& [x, y] : c) {
      CHECK(x > 0);
      CHECK(x < 680);
      CHECK(y > 0);
      CHECK(y < 600);
    }
    plot.equal_axes = false;
    const auto free = circles_of(draw(plot));
    CHECK(free[1].first - free[0].first > 500);
    CHECK(free[0].second - free[2].second > 200);
  }
}

TEST_CASE("scatter plot: nothing to show, one point, wrong labels") {
  for (const bool equal : {false, true}) {
    check_markup(draw(ScatterPlot{.equal_axes = equal}));
    check_markup(draw(ScatterPlot{"t", "", "", {3}, {4}, {0}, {""}, equal}));
    check_markup(draw(ScatterPlot{"t", "", "", {3, 3}, {4, 5}, {0, 0}, {""}, equal}));
    check_markup(draw(ScatterPlot{"t", "", "", {nan}, {4}, {0}, {""}, equal}));
    check_markup(draw(ScatterPlot{"t", "", "", {-1e12, 1}, {1e9, 0}, {0, 0}, {""}, equal}));
  }
  CHECK_THROWS_AS(draw(ScatterPlot{"t", "", "", {1, 2}, {1}, {0, 0}, {""}}), Error);
  CHECK_THROWS_AS(draw(ScatterPlot{"t", "", "", {1, 2}, {1, 2}, {0}, {""}}), Error);
  CHECK_THROWS_AS(draw(ScatterPlot{"t", "", "", {1}, {1}, {1}, {"a"}}), Error);
  CHECK_THROWS_AS(draw(ScatterPlot{"t", "", "", {1}, {1}, {-1}, {"a"}}), Error);
  CHECK_THROWS_AS(draw(ScatterPlot{.label_names = std::vector<std::string>(7)}), Error);
}

TEST_CASE("heat map: cells without a number stay empty") {
  const HeatMap map{"t", "", "", {"a", "b"}, {"c", "d"}, {0, 1, nan, 1}, {"0", "1", "", "1"}};
  const std::string svg = draw(map);
  check_markup(svg);
  const std::string full = path_of(svg.substr(svg.find(">d</text>")), "f0");
  CHECK(count_of(full, "z") == 2);
  CHECK_THROWS_AS(draw(HeatMap{"t", "", "", {"a"}, {"b"}, {1, 2}}), Error);
}

TEST_CASE("confusion map: the colour is the share of the true class") {
  const std::vector<std::int64_t> confusion = {3, 1, 0, 0};
  const HeatMap map = confusion_map("t", confusion, {"A", "B"});
  CHECK(map.values == std::vector<double>{0.75, 0.25, 0, 0});
  CHECK(map.cell_texts == std::vector<std::string>{"3", "1", "", ""});
  check_markup(draw(map));
}

TEST_CASE("presence map: one path per level above the empty one") {
  PresenceMap map{"t", "epoch", "letter", {"1", "2"}, {"A", "B"}, {0, 1, 2, 2}, {"-", "+", "++"}};
  const std::string svg = draw(map);
  check_markup(svg);
  CHECK(count_of(path_of(svg.substr(svg.find(">B</text>")), "f0"), "z") == 1);
  map.levels[0] = 3;
  CHECK_THROWS_AS(draw(map), Error);
}

}  // namespace
}  // namespace etude
