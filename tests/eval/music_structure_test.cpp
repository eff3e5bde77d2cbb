#include "eval/music_structure.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <string>

#include "engine/error.h"
#include "tests/error_text.h"

namespace etude {
namespace {

using doctest::Approx;

/// Lines of bars of length 1, from 0.
std::vector<double> unit_bars(int bars) {
  std::vector<double> lines(bars + 1);
  std::iota(lines.begin(), lines.end(), 0.0);
  return lines;
}

/// Which positions of bar b have an onset.
std::vector<int> onsets_of(const BarGrid& grid, int b) {
  std::vector<int> positions;
  for (int q = 0; q < grid.positions; ++q) {
    if (grid.onsets[b * grid.positions + q] != 0) positions.push_back(q);
  }
  return positions;
}

int notes_of(const BarGrid& grid, int b) {
  const auto first = grid.pitch_classes.begin() + b * 12;
  return std::accumulate(first, first + 12, 0);
}

TEST_CASE("bar grid: onsets count at the nearest position, also across a bar line") {
  // Bars of 4, 2 and 3 s. Of the first, a sixteenth is 0.25 s.
  const std::vector<double> lines = {10, 14, 16, 19};
  const BarGrid grid = bar_grid(std::vector<Onset>{{9.5, 61},
                                                   {9.87, 62},
                                                   {9.88, 60},
                                                   {10, 64},
                                                   {10.125, 64},
                                                   {11.1, 72},
                                                   {13.87, 67},
                                                   {13.88, 67},
                                                   {15, 48},
                                                   {18.9, 50},
                                                   {18.95, 50},
                                                   {19.5, 50}},
                                lines, 16);
  CHECK(grid.bars == 3);
  CHECK(grid.positions == 16);
  CHECK(onsets_of(grid, 0) == std::vector<int>{0, 1, 4, 15});  // 9.87 is before the piece
  CHECK(onsets_of(grid, 1) == std::vector<int>{0, 8});
  CHECK(onsets_of(grid, 2) == std::vector<int>{15});  // 18.95 is nearer to the bar after it
  CHECK(notes_of(grid, 0) == 5);
  CHECK(notes_of(grid, 1) == 2);
  CHECK(notes_of(grid, 2) == 1);
  CHECK(grid.pitch_classes[0] == 2);       // 60 and 72
  CHECK(grid.pitch_classes[4] == 2);       // 64 twice
  CHECK(grid.pitch_classes[12 + 7] == 1);  // the later 67
}

TEST_CASE("pitch-class entropy by hand") {
  // Bar 0: C C E G, bar 1: empty, bar 2: D, bar 3: C D E F.
  std::vector<Onset> onsets = {{0, 60}, {0.25, 72}, {0.5, 64}, {0.75, 67}, {2.5, 62},
                               {3, 0},  {3.25, 2},  {3.5, 4},  {3.75, 5}};
  BarGrid grid = bar_grid(onsets, unit_bars(4), 32);
  CHECK(pitch_class_entropy(grid, 1) == Approx((1.5 + 0 + 2) / 3));  // without bar 1
  // Windows of 2: C C E G; D; D and C D E F, of which D is 2 of 5.
  const double last = -0.4 * std::log2(0.4) - 3 * 0.2 * std::log2(0.2);
  CHECK(pitch_class_entropy(grid, 2) == Approx((1.5 + 0 + last) / 3));
  // All: 3 C, 2 D, 2 E, 1 F, 1 G of 9.
  const double all = std::log2(9.0) - (3 * std::log2(3.0) + 2 * 2) / 9;
  CHECK(pitch_class_entropy(grid, 4) == Approx(all));
  CHECK(pitch_class_entropy(grid, 9) == Approx(all));
  onsets.clear();
  for (int pitch = 40; pitch < 52; ++pitch) onsets.push_back({0.5, pitch});
  CHECK(pitch_class_entropy(bar_grid(onsets, unit_bars(1), 4), 1) == Approx(std::log2(12.0)));
}

TEST_CASE("grooving similarity by hand") {
  // Positions of 16: {0, 4, 8, 12}, {0, 4, 8, 12}, {0, 8}, none. Pairs differ in 0, 2, 4, 2, 4, 2.
  std::vector<Onset> onsets;
  for (const int q : {0, 4, 8, 12, 16, 20, 24, 28, 32, 40}) onsets.push_back({q / 16.0, 60});
  onsets.push_back({0.5, 67});  // a chord is one onset
  CHECK(grooving_similarity(bar_grid(onsets, unit_bars(4), 16)) == Approx(1 - 14.0 / 6 / 16));
  CHECK(grooving_similarity(bar_grid(onsets, unit_bars(4), 32)) == Approx(1 - 14.0 / 6 / 32));
  CHECK(grooving_similarity(bar_grid(onsets, unit_bars(4), 64)) == Approx(1 - 14.0 / 6 / 64));
  CHECK(grooving_similarity(bar_grid(onsets, unit_bars(2), 16)) == 1);
  CHECK(grooving_similarity(bar_grid({}, unit_bars(5), 16)) == 1);
}

TEST_CASE("bar measures refuse what they cannot measure") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> lines = {0, 1, 2};
  const auto grid = [&](Onset onset, std::vector<double> bars, int positions) {
    return message_of([&] { bar_grid(std::vector<Onset>{onset}, bars, positions); });
  };
  CHECK(grid({0, 60}, lines, 16) == "no error");
  CHECK(contains(grid({0, 60}, {0}, 16), "1 bar lines"));
  CHECK(contains(grid({0, 60}, {0, 2, 2}, 16), "line 2"));
  CHECK(contains(grid({0, 60}, {0, infinity}, 16), "line 1"));
  CHECK(contains(grid({0, 60}, lines, 0), "0 positions"));
  CHECK(contains(grid({0, 60}, lines, 5000), "5000 positions"));
  CHECK(contains(grid({infinity, 60}, lines, 16), "onset 0"));
  CHECK(contains(grid({0, 128}, lines, 16), "pitch 128"));
  CHECK(contains(grid({0, -1}, lines, 16), "pitch -1"));
  const BarGrid empty = bar_grid({}, lines, 16);
  CHECK(contains(message_of([&] { pitch_class_entropy(empty, 1); }), "no notes in 2 bars"));
  CHECK(contains(message_of([&] { pitch_class_entropy(empty, 0); }), "of 0 bars"));
  CHECK(contains(message_of([&] { grooving_similarity(bar_grid({}, unit_bars(1), 16)); }),
                 "of 1 bars"));
}

/// A piece of MusDr's test data: the notes of the event sequence in the last column of a CSV file.
BarGrid read_musdr(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);  // the columns' names
  std::vector<Onset> onsets;
  int bar = -1, position = 0;
  while (std::getline(file, line)) {
    const int event = std::stoi(line.substr(line.rfind(',') + 1));
    if (event == 192) ++bar;
    if (event > 192 && event <= 256) position = event - 193;
    if (event < 128) onsets.push_back({bar + position / 64.0, event});
  }
  return bar_grid(onsets, unit_bars(bar + 1), 64);
}

// By hand: ETUDE_MUSDR=folder of the .csv files below musdr/testdata/symbolic of MusDr, and
// eval_tests --no-skip -tc="MusDr*". The expected values are those of MusDr's own code, over all
// pairs of bars where it draws 1000.
TEST_CASE("MusDr's test data" * doctest::skip()) {
  struct Piece {
    std::string name;
    int bars;
    double h1, h4, gs;
  };
  const std::vector<Piece> pieces = {{"BennyCarter", 35, 2.1029, 2.9463, .8261},
                                     {"ChetBaker", 45, 1.7015, 2.4795, .8811},
                                     {"DickieWells", 33, 1.1525, 2.1917, .9074},
                                     {"GerryMulligan", 132, 1.9271, 2.9222, .8611},
                                     {"HenryAllen", 39, 1.4617, 2.6174, .8863}};
  const char* folder = std::getenv("ETUDE_MUSDR");
  REQUIRE(folder != nullptr);
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    for (const Piece& piece : pieces) {
      if (name.rfind(piece.name, 0) != 0 || entry.path().extension() != ".csv") continue;
      const BarGrid grid = read_musdr(entry.path());
      CAPTURE(name);
      CHECK(grid.bars == piece.bars);
      CHECK(std::abs(pitch_class_entropy(grid, 1) - piece.h1) <= 0.5e-4);
      CHECK(std::abs(pitch_class_entropy(grid, 4) - piece.h4) <= 0.5e-4);
      CHECK(std::abs(grooving_similarity(grid) - piece.gs) <= 0.5e-4);
      ++found;
    }
  }
  MESSAGE(found << " of " << pieces.size() << " pieces");
  CHECK(found > 0);
}

}  // namespace
}  // namespace etude
