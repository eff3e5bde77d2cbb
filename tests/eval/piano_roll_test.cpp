#include "eval/piano_roll.h"

#include <doctest/doctest.h>

#include <array>
#include <limits>

#include "engine/error.h"
#include "tests/error_text.h"

namespace etude {
namespace {

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

TEST_CASE("piano roll image: nothing to show still gives an image") {
  const std::vector<Note> one = {{0, 0, 0, 0}, {5, 1, 127, 127}}, low = {{0, 0, 0, 0}};
  for (const PianoRoll& roll :
       {PianoRoll{"t", {{"empty", {}}}}, PianoRoll{"t", {{"", low}}},
        PianoRoll{"t", {{"a", one}, {"b", {}}}}, PianoRoll{"t", {{"a", one}}, 1, 2}}) {
    CHECK(piano_roll_image(roll).width == 1200);
  }
  CHECK(piano_roll_image({"t", {{"a", one}}}).height == 128 * 6);
}

TEST_CASE("piano roll image: broken input is named") {
  const std::vector<Note> good = {{0, 1, 60, 64}}, broken = {{0, 1, 60, 64}, {0, 1, 200, 64}};
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  auto message = [](const PianoRoll& roll) { return message_of([&] { piano_roll_image(roll); }); };
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
