#include "eval/piano_roll.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "tests/error_text.h"
#include "tests/eval/markup.h"

namespace etude {
namespace {

using doctest::Approx;
using Pixel = std::array<int, 3>;
constexpr Pixel white = {255, 255, 255}, line = {208, 208, 208}, parting = {96, 96, 96};
constexpr Pixel quiet = {176, 216, 240}, medium = {0, 114, 178}, loud = {8, 16, 60};

Pixel at(const Image& image, int y, int x) {
  REQUIRE(y >= 0);
  REQUIRE(y < image.height);
  REQUIRE(x < image.width);
  const size_t i = (static_cast<size_t>(y) * image.width + x) * 3;
  return {image.bytes[i], image.bytes[i + 1], image.bytes[i + 2]};
}

/// Columns [left, right) of row y that have `colour`.
std::pair<int, int> run_of(const Image& image, int y, const Pixel& colour) {
  int left = 0;
  while (left < image.width && at(image, y, left) != colour) ++left;
  int right = left;
  while (right < image.width && at(image, y, right) == colour) ++right;
  return {left, right};
}

TEST_CASE("piano roll image: notes lie at their pitch and time, in the colour of their velocity") {
  // Pitches 55 to 65: their middle is 60, two octaves around it are 48 to 72.
  const std::vector<Note> truth = {{0, 1, 55, 1}, {1, 2, 60, 64}, {3, 1, 65, 127}};
  const std::vector<Note> generated = {{2.5, 0.001, 60, 127}};
  const PianoRoll roll{"t", {{"truth", truth}, {"generated", generated}}};
  const Image image = piano_roll_image(roll, {.width = 80, .semitone = 3});
  CHECK(image.width == 80);
  CHECK(image.channels == 3);
  CHECK(image.height == 25 * 3 + 3 + 25 * 3);
  CHECK(image.bytes.size() == 80u * 153 * 3);
  // 20 pixels per second; the last pixel of a long note is left free, and the row above it.
  const int row_60 = (72 - 60) * 3, row_55 = (72 - 55) * 3, row_65 = (72 - 65) * 3;
  for (const int y : {1, 2}) {
    CHECK(run_of(image, row_55 + y, quiet) == std::pair{0, 19});
    CHECK(run_of(image, row_60 + y, medium) == std::pair{20, 59});
    CHECK(run_of(image, row_65 + y, loud) == std::pair{60, 79});
    CHECK(run_of(image, 78 + row_60 + y, loud) == std::pair{50, 51});  // as short as can be seen
  }
  CHECK(at(image, row_60, 30) == white);
  CHECK(at(image, row_60 + 3, 30) == white);
  // Lines below each C: 72, 60 (here covered by the note) and 48.
  for (const int top : {0, 78}) {
    CHECK(run_of(image, top + 2, line) == std::pair{0, 80});
    CHECK(at(image, top + row_60 + 2, 0) == line);
    CHECK(run_of(image, top + 74, line) == std::pair{0, 80});
  }
  for (const int y : {75, 76, 77}) CHECK(run_of(image, y, parting) == std::pair{0, 80});
  int coloured = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const Pixel pixel = at(image, y, x);
      coloured += pixel != white && pixel != line && pixel != parting;
    }
  }
  CHECK(coloured == 2 * (19 + 39 + 19 + 1));
}

TEST_CASE("piano roll image: notes are cut at the ends, those beyond set no range") {
  const std::vector<Note> notes = {
      {0, 2, 60, 64},     // ends where the roll starts: not shown
      {0, 6, 62, 64},     // reaches across
      {4, 9, 64, 64},     // cut at its end
      {5, 1, 100, 64},    // starts where the roll ends
      {2, 0, 66, 64},     // no length, at the start
      {1, 0.5, 20, 127},  // before
  };
  const Image image = piano_roll_image({"t", {{"", notes}}, 2, 5}, {.width = 30, .semitone = 1});
  CHECK(image.height == 25);  // 64 is the middle of 62 to 66: 52 to 76
  CHECK(run_of(image, 76 - 62, medium) == std::pair{0, 29});
  CHECK(run_of(image, 76 - 64, medium) == std::pair{20, 29});
  CHECK(run_of(image, 76 - 66, medium) == std::pair{0, 1});
  CHECK(run_of(image, 76 - 60, medium) == std::pair{30, 30});
  CHECK(run_of(image, 76 - 60, line) == std::pair{0, 30});
}

TEST_CASE("piano roll image: a wide range of pitches has a semitone of room around it") {
  const std::vector<Note> notes = {{0, 1, 30, 64}, {0, 1, 90, 64}};
  const Image image = piano_roll_image({"t", {{"", notes}}}, {.width = 10, .semitone = 1});
  CHECK(image.height == 63);
  CHECK(run_of(image, 1, medium) == std::pair{0, 9});
  CHECK(run_of(image, 61, medium) == std::pair{0, 9});
}

TEST_CASE("piano roll image: the louder of two notes is seen, in either order") {
  const std::vector<Note> one = {{0, 4, 60, 127}, {1, 1, 60, 1}}, other = {one[1], one[0]};
  const PianoRollPixels pixels{.width = 40, .semitone = 2};
  const Image image = piano_roll_image({"t", {{"", one}}}, pixels);
  CHECK(run_of(image, 12 * 2, loud) == std::pair{0, 39});
  CHECK(image.bytes == piano_roll_image({"t", {{"", other}}}, pixels).bytes);
}

TEST_CASE("piano roll image: louder is darker") {
  std::vector<Note> notes;
  for (int velocity = 0; velocity < 128; ++velocity) {
    notes.push_back({1.0 * velocity, 1, 60, velocity});
  }
  const Image image = piano_roll_image({"t", {{"", notes}}}, {.width = 256, .semitone = 1});
  CHECK(at(image, 12, 0) == quiet);  // of no velocity, as of 1
  for (int velocity = 2; velocity < 128; ++velocity) {
    CAPTURE(velocity);
    const Pixel a = at(image, 12, 2 * velocity - 2), b = at(image, 12, 2 * velocity);
    CHECK(a[0] + a[1] + a[2] > b[0] + b[1] + b[2]);
  }
}

TEST_CASE("piano roll: every octave is named, each panel has its name, notes tell what they are") {
  const std::vector<Note> truth = {{0.5, 0.25, 36, 100}, {1, 2, 97, 20}};
  const std::vector<Note> generated = {{0, 1.5, 61, 64}};
  const std::string svg = draw(PianoRoll{"a < b", {{"truth", truth}, {"<g>", generated}}});
  CHECK(svg.starts_with("<svg"));
  CHECK(unbalanced_tag(svg) == "");
  CHECK(svg.find("a &lt; b") != std::string::npos);
  for (const std::string name : {"truth", "&lt;g&gt;", "time (s)", "velocity", "127"}) {
    CAPTURE(name);
    CHECK(count_of(svg, ">" + name + "</text>") == 1);
  }
  for (const std::string octave : {"C2", "C3", "C4", "C5", "C6", "C7"}) {
    CHECK(count_of(svg, ">" + octave + "</text>") == 2);
  }
  CHECK(svg.find(">C1<") == std::string::npos);
  CHECK(svg.find(">C8<") == std::string::npos);
  CHECK(count_of(svg, "<title>C2 at 0.5 s, 0.25 s, velocity 100</title>") == 1);
  CHECK(count_of(svg, "<title>C#7 at 1 s, 2 s, velocity 20</title>") == 1);
  CHECK(count_of(svg, "<title>C#4 at 0 s, 1.5 s, velocity 64</title>") == 1);
}

/// The number that follows `name` in the first rectangle with this tooltip.
double attribute_of(const std::string& svg, const std::string& tooltip, const std::string& name) {
  const size_t title = svg.find("<title>" + tooltip);
  REQUIRE(title != std::string::npos);
  const size_t tag = svg.rfind("<rect", title);
  return std::stod(svg.substr(svg.find(" " + name + "=\"", tag) + name.size() + 3));
}

TEST_CASE("piano roll: positions are proportional to time and pitch, alike in all panels") {
  const std::vector<Note> a = {{0, 4, 50, 1}, {1, 1, 60, 60}, {2, 1, 61, 127}};
  const std::vector<Note> b = {{1, 1, 72, 64}};
  const std::string svg = draw(PianoRoll{"", {{"a", a}, {"b", b}}});
  const double unit = attribute_of(svg, "C#4", "x") - attribute_of(svg, "C4", "x");
  CHECK(unit > 100);
  CHECK(attribute_of(svg, "C4", "x") - attribute_of(svg, "D3", "x") == Approx(unit).epsilon(0.01));
  const double end = attribute_of(svg, "C4", "x") + attribute_of(svg, "C4", "width");
  CHECK(end < attribute_of(svg, "C#4", "x"));  // notes one after the other stay apart
  CHECK(attribute_of(svg, "D3", "width") == Approx(4 * unit).epsilon(0.01));
  CHECK(attribute_of(svg, "C5", "x") == attribute_of(svg, "C4", "x"));
  CHECK(attribute_of(svg, "C4", "y") - attribute_of(svg, "C#4", "y") == Approx(4));
  CHECK(attribute_of(svg, "D3", "y") - attribute_of(svg, "C4", "y") == Approx(40));
  CHECK(attribute_of(svg, "C5", "y") > attribute_of(svg, "D3", "y"));  // the panel below
  // The line of C4, at the height of its label's middle, lies right below that note.
  const size_t label = svg.find(">C4</text>");
  const double line_y = std::stod(svg.substr(svg.rfind(" y=\"", label) + 4)) - 4;
  CHECK(line_y - attribute_of(svg, "C4", "y") == Approx(3.6));
  CHECK(attribute_of(svg, "D3", "opacity") == Approx(0.25));
  CHECK(attribute_of(svg, "C4", "opacity") == Approx(0.25 + 0.75 * 7 / 15).epsilon(0.002));
}

TEST_CASE("piano roll: notes are cut at the ends") {
  const std::vector<Note> notes = {
      {0, 9, 60, 64}, {3, 1, 62, 64}, {0, 3, 64, 64}, {4.5, 5, 65, 64}};
  const std::string svg = draw(PianoRoll{"", {{"", notes}}, 2, 5});
  const double unit = attribute_of(svg, "D4", "width");
  CHECK(attribute_of(svg, "C4", "width") == Approx(3 * unit).epsilon(0.01));
  CHECK(attribute_of(svg, "E4", "width") == Approx(unit).epsilon(0.01));
  CHECK(attribute_of(svg, "F4", "width") == Approx(unit / 2).epsilon(0.01));
  CHECK(attribute_of(svg, "C4", "x") == attribute_of(svg, "E4", "x"));
  CHECK(attribute_of(svg, "D4", "x") - attribute_of(svg, "C4", "x") == Approx(unit).epsilon(0.01));
}

TEST_CASE("piano roll: of many notes one path per shade, and a small file") {
  std::vector<Note> notes;
  for (int i = 0; i < 5000; ++i) {
    notes.push_back({0.05 * i, 0.3, 40 + i * 7 % 48, 33 + 64 * (i % 2)});
  }
  const std::string svg = draw(PianoRoll{"t", {{"truth", notes}}});
  CHECK(unbalanced_tag(svg) == "");
  CHECK(count_of(svg, "<path") == 2);
  CHECK(count_of(svg, "<title") == 0);
  CHECK(count_of(svg, "v3.6h-") == 5000);
  CHECK(svg.size() < 5000 * 30);
  notes.resize(300);
  CHECK(count_of(draw(PianoRoll{"t", {{"truth", notes}}}), "<title") == 300);
}

TEST_CASE("piano roll: nothing to show still gives a figure") {
  const std::vector<Note> one = {{0, 0, 0, 0}, {5, 1, 127, 127}}, low = {{0, 0, 0, 0}};
  for (const PianoRoll& roll :
       {PianoRoll{"t", {{"empty", {}}}}, PianoRoll{"t", {{"", low}}},
        PianoRoll{"t", {{"a", one}, {"b", {}}}}, PianoRoll{"t", {{"a", one}}, 1, 2}}) {
    const std::string svg = draw(roll);
    CHECK(unbalanced_tag(svg) == "");
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(piano_roll_image(roll).width == 1200);
  }
  CHECK(piano_roll_image({"t", {{"a", one}}}).height == 128 * 6);
}

TEST_CASE("piano roll: broken input is named") {
  const std::vector<Note> good = {{0, 1, 60, 64}}, broken = {{0, 1, 60, 64}, {0, 1, 200, 64}};
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  auto message = [](const PianoRoll& roll) { return message_of([&] { draw(roll); }); };
  CHECK(message({"t", {}}) == "piano roll \"t\": no panels");
  CHECK(contains(message({"t", {{"truth", broken}}}), "\"truth\": note 1 has pitch 200"));
  CHECK(contains(message({"t", {{"", good}}, 2, 2}), "from 2 to 2 s"));
  CHECK(contains(message({"t", {{"", good}}, nan}), "from nan"));
  CHECK(contains(message({"t", {{"", good}}, 0, inf}), "to inf"));
  CHECK(contains(message({"t", {{"", good}}, 0, nan}), "to nan"));
  const PianoRoll roll{"t", {{"", good}}};
  CHECK_THROWS_AS(piano_roll_image(roll, {.width = 0}), Error);
  CHECK_THROWS_AS(piano_roll_image(roll, {.width = 20'000}), Error);
  CHECK_THROWS_AS(piano_roll_image(roll, {.semitone = 0}), Error);
}

}  // namespace
}  // namespace etude
