#include "models/music_gpt/pop909.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <set>

#include "engine/error.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

fs::path written(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
  return file;
}

std::vector<Beat> beats_of(const std::vector<double>& seconds, const std::set<int>& downbeats) {
  std::vector<Beat> beats;
  for (int i = 0; i < static_cast<int>(seconds.size()); ++i) {
    beats.push_back({.seconds = seconds[i], .downbeat = downbeats.contains(i)});
  }
  return beats;
}

std::vector<double> every(double length, double first, int count) {
  std::vector<double> seconds;
  for (int i = 0; i < count; ++i) seconds.push_back(first + length * i);
  return seconds;
}

/// Notes of `length` seconds where `seconds` say, in a file whose ticks are milliseconds.
midi::Score notes_at(const std::vector<double>& seconds, double length = 0.25) {
  midi::Score score{.division = {.ticks = 500}};
  score.tempos = {{}};
  for (const double s : seconds) {
    score.notes.push_back({.tick = static_cast<std::uint32_t>(std::lround(1000 * s)),
                           .duration = static_cast<std::uint32_t>(std::lround(1000 * length))});
  }
  return score;
}

/// with_beats() keeps all seconds, up to one shift of less than `bar` seconds; that shift.
double shift_of(const midi::Score& before, const midi::Score& after, double bar) {
  const midi::TimeMap then(before), now(after);
  REQUIRE(before.notes.size() == after.notes.size());
  const double shift = now.seconds(after.notes[0].tick) - then.seconds(before.notes[0].tick);
  CHECK(shift > -1e-3);
  CHECK(shift < bar);
  for (std::size_t i = 0; i < before.notes.size(); ++i) {
    const midi::Note &a = before.notes[i], &b = after.notes[i];
    CHECK(now.seconds(b.tick) == doctest::Approx(then.seconds(a.tick) + shift).epsilon(2e-3));
    CHECK(now.seconds(b.tick + b.duration) ==
          doctest::Approx(then.seconds(a.tick + a.duration) + shift).epsilon(2e-3));
  }
  return shift;
}

TEST_SUITE("pop909") {
  TEST_CASE("beat files: lines of three numbers; errors name file and line") {
    const TemporaryFolder folder;
    const auto read = [&](const std::string& text) {
      return read_beats(written(folder.path / "beat_midi.txt", text));
    };
    const auto beats = read("0.5 1.0 1.0\n1.0 0.0 0.0\r\n\n1.5 1.0 0.0\n2.0 1.0 1.0\n");
    REQUIRE(beats.size() == 4);
    CHECK(beats[2].seconds == 1.5);
    CHECK(!beats[2].downbeat);  // of short bars alone
    CHECK(beats[3].downbeat);
    const auto says = [&](const std::string& text, const std::string& part) {
      const std::string message = message_of([&] { read(text); });
      CAPTURE(message);
      CHECK(contains(message, (folder.path / "beat_midi.txt").string() + part));
    };
    says("0 1 1\n1 0\n", ":2: is not the seconds of a beat");
    says("0 1 1\n\nnan 0 0\n", ":3: is not the seconds of a beat");
    says("0 1 1\n1 0 0\n1 0 1\n", ":3: the beat at 1 s is not after");
    says("0 1 1\n16 0 1\n", ":2: the beat at 16 s is not after");
    says("0 1 1\n1 0 0\n", ": has 1 downbeats");
    std::string long_bar = "0 1 1\n";
    for (int i = 1; i <= 64; ++i) long_bar += std::to_string(i) + " 0 0\n";
    says(long_bar + "65 1 1\n", ":65: the bar has more than 64 beats");
    CHECK(contains(message_of([&] { read_beats(folder.path / "none.txt"); }), "none.txt"));
  }

  TEST_CASE("beats: each is a quarter note, bars begin on downbeats, seconds stay") {
    midi::Score score = notes_at({0, 0.5, 1, 4.5});
    const auto beats = beats_of(every(0.5, 0, 9), {0, 4, 8});
    const midi::Score after = with_beats(score, beats);
    CHECK(shift_of(score, after, 2) == doctest::Approx(0));
    CHECK(after.notes[1].tick == 480);
    CHECK(after.notes[1].duration == 240);
    CHECK(after.notes[3].tick == 9 * 480);  // after the last beat, at its length
    CHECK(after.end == 9 * 480 + 240);
    CHECK(after.tempos == std::vector<midi::Tempo>{{.tick = 0}});
    CHECK(after.time_signatures == std::vector<midi::TimeSignature>{{}});
    midi::check(after);
  }

  TEST_CASE("beats: a pick-up is filled up to a bar before it") {
    const auto beats = beats_of(every(0.5, 0.2, 10), {1, 5, 9});  // one beat, then bars of four
    const midi::Score score = notes_at({0.2, 0.7, 2.7});
    const midi::Score after = with_beats(score, beats);
    CHECK(shift_of(score, after, 2) == doctest::Approx(1.3));  // three beats, less the first 0.2 s
    CHECK(after.notes[0].tick == 3 * 480);
    CHECK(after.notes[1].tick == 4 * 480);
    CHECK(after.notes[2].tick == 8 * 480);
    CHECK(after.time_signatures.size() == 1);
  }

  TEST_CASE("beats: a first downbeat that comes late has whole bars before it") {
    const auto beats = beats_of(every(0.5, 5, 9), {0, 4, 8});
    const midi::Score score = notes_at({0, 5, 7});
    const midi::Score after = with_beats(score, beats);
    CHECK(shift_of(score, after, 2) == doctest::Approx(1));  // 12 beats, less 5 s
    CHECK(after.notes[1].tick == 12 * 480);
    const auto late = beats_of(every(0.5, 0, 12), {6, 10});  // six beats of a bar and a half
    CHECK(with_beats(score, late).notes[0].tick == 2 * 480);
    CHECK(with_beats(score, late).time_signatures.size() == 1);
  }

  TEST_CASE("beats: bars of six, a change of meter, a change of speed") {
    std::vector<double> seconds = every(0.5, 0, 12);
    for (const double s : every(0.25, 6, 9)) seconds.push_back(s);
    const auto beats = beats_of(seconds, {0, 6, 12, 16, 20});
    const midi::Score score = notes_at({0, 3, 6, 6.125, 7});
    const midi::Score after = with_beats(score, beats);
    CHECK(shift_of(score, after, 3) == doctest::Approx(0));
    using Meters = std::vector<midi::TimeSignature>;
    CHECK(after.time_signatures == Meters{{.numerator = 6}, {.tick = 12 * 480, .numerator = 4}});
    CHECK(after.tempos == std::vector<midi::Tempo>{
                              {.tick = 0}, {.tick = 12 * 480, .microseconds_per_quarter = 250000}});
    const midi::TimeMap time(after);
    CHECK(time.position(after.notes[1].tick).bar == 1);
    CHECK(time.position(after.notes[2].tick).bar == 2);
    CHECK(after.notes[3].tick == 12 * 480 + 240);
    CHECK(time.position(after.notes[4].tick).bar == 3);
  }
}

}  // namespace
}  // namespace etude::music_gpt
