// The tokenizer `performance`, rule by rule; what holds for any input is in
// performance_robustness_test.cpp.
#include "tokenizers/performance/performance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/error_text.h"
#include "tests/tokenizers/performance_properties.h"

using namespace etude;

namespace {

constexpr int kOn = 0 - 21, kOff = 88 - 21, kVelocity = 176, kShift = 208;  // kOn + pitch is an id
constexpr int kVelocity64 = kVelocity + 16;

const PerformanceTokenizer compatible, carrying({.carry_residual = true});

/// Ticks are milliseconds.
midi::Score piece(std::vector<midi::Note> notes) {
  midi::Score score{.division = {1000}};
  score.tempos = {{0, 1000000}};
  score.notes = std::move(notes);
  return score;
}

/// A piano note from `start` to `end`.
midi::Note note(std::uint32_t start, std::uint32_t end, int pitch = 60, int velocity = 64) {
  return {.tick = start,
          .duration = end - start,
          .pitch = static_cast<std::uint8_t>(pitch),
          .velocity = static_cast<std::uint8_t>(velocity)};
}

/// As decode() places it: 440 ticks per second.
midi::Note decoded(std::uint32_t start, std::uint32_t end, int pitch, int velocity = 64) {
  midi::Note result = note(start, end, pitch, velocity);
  result.track = 1;
  return result;
}

}  // namespace

TEST_CASE("performance: 240 ids, each with a meaning") {
  CHECK(compatible.vocabulary_size() == 240);
  const std::map<int, std::string> meanings = {{0, "note_on 21"},
                                               {87, "note_on 108"},
                                               {88, "note_off 21"},
                                               {175, "note_off 108"},
                                               {176, "velocity 21"},
                                               {177, "velocity 23"},
                                               {206, "velocity 106"},
                                               {207, "velocity 106"},
                                               {208, "time_shift 15.385 ms"},
                                               {209, "time_shift 17.692 ms"},
                                               {239, "time_shift 1171.439 ms"}};
  for (const auto& [id, meaning] : meanings) CHECK(compatible.describe(id) == meaning);
  for (const int id : {-1, 240}) {
    CHECK(contains(message_of([&] { compatible.describe(id); }), "is no id; they are 0 to 239"));
    CHECK(contains(message_of([&] { compatible.decode(Ids{0, id}); }), "is no id"));
  }
  CHECK(compatible.options() == "carry_residual=false");
  CHECK(carrying.options() == "carry_residual=true");
}

TEST_CASE("performance: velocities go to the first edge that is not below") {
  for (int velocity = 0; velocity < 128; ++velocity) {
    const double held = std::min(std::max(velocity, 21), 108);
    int k = 0;
    while (k <= 30 && 21 + k * 88.0 / 31 < held) ++k;
    CHECK(PerformanceTokenizer::velocity_index(velocity) == k);
  }
  const std::map<int, int> edges = {{1, 0},  {21, 0},  {22, 1},   {23, 1},   {24, 2},   {26, 2},
                                    {27, 3}, {64, 16}, {106, 30}, {107, 31}, {108, 31}, {127, 31}};
  for (const auto& [velocity, k] : edges)
    CHECK(compatible.encode(piece({note(0, 300, 60, velocity)})).front() == kVelocity + k);
  for (int k = 0; k < 32; ++k) {
    const int value = PerformanceTokenizer::velocity_value(k);
    CHECK(value == static_cast<int>(21 + std::min(k, 30) * 88.0 / 31));
    CHECK(PerformanceTokenizer::velocity_index(value) == std::min(k, 30));
  }
}

TEST_CASE("performance: time is told by the longest shifts that fit; the rest is dropped") {
  // 500 ms = 440.4 (k = 24) + 54.1 (k = 9) + 5.5.
  const Ids one = {kVelocity64, kOn + 60, kShift + 24, kShift + 9, kOff + 60};
  CHECK(compatible.encode(piece({note(0, 500)})) == one);
  CHECK(carrying.encode(piece({note(0, 500)})) == one);
  // 15 ms is less than the smallest shift, 16 ms is not; 1171 ms is not yet the largest.
  CHECK(compatible.encode(piece({note(0, 15)})) == Ids{kVelocity64, kOn + 60, kOff + 60});
  CHECK(compatible.encode(piece({note(0, 16)})) == Ids{kVelocity64, kOn + 60, kShift, kOff + 60});
  CHECK(compatible.encode(piece({note(0, 1171)}))[2] == kShift + 30);
  CHECK(compatible.encode(piece({note(0, 1172)})) ==
        Ids{kVelocity64, kOn + 60, kShift + 31, kOff + 60});
  CHECK(compatible.encode(piece({note(0, 2350)})) ==
        Ids{kVelocity64, kOn + 60, kShift + 31, kShift + 31, kOff + 60});
}

TEST_CASE("performance: carry_residual adds what is left to the next time") {
  // A click every 10 ms: dropped, no time passes; carried, 20 ms = 17.7 (k = 1) + 2.3, then 12.3
  // ms are too little, and 22.3 = 20.3 (k = 2) + 2.0.
  const midi::Score clicks =
      piece({note(0, 0), note(10, 10), note(20, 20), note(30, 30), note(40, 40)});
  const Ids click = {kVelocity64, kOn + 60, kOff + 60};
  Ids dropped, carried;
  for (int i = 0; i < 5; ++i) {
    dropped.insert(dropped.end(), click.begin(), click.end());
    if (i == 2) carried.push_back(kShift + 1);
    if (i == 4) carried.push_back(kShift + 2);
    carried.insert(carried.end(), click.begin(), click.end());
  }
  CHECK(compatible.encode(clicks) == dropped);
  CHECK(carrying.encode(clicks) == carried);
}

TEST_CASE("performance: a shift that fits on paper fits, however the seconds are rounded") {
  midi::Score score = piece({});
  score.division.ticks = 65;  // a tick is the smallest shift
  const std::uint32_t first = 123457;
  for (std::uint32_t i = 0; i < 2000; ++i) score.notes.push_back(note(first + i, first + i));
  for (const auto* tokenizer : {&compatible, &carrying}) {
    const Ids ids = tokenizer->encode(score);
    CHECK(std::ranges::count(ids, kShift) == 1999);
    CHECK(ids.size() == 3 * 2000 + 1999);
  }
}

TEST_CASE("performance: drums and keys that a piano lacks are left out") {
  midi::Note drum = note(0, 900);
  drum.channel = midi::drum_channel;
  const midi::Score score = piece(
      {drum, note(100, 900, 20), note(200, 216, 21), note(200, 216, 108), note(250, 900, 109)});
  const Ids expected = {kVelocity64, kOn + 21,  kVelocity64, kOn + 108,
                        kShift,      kOff + 21, kOff + 108};
  CHECK(compatible.encode(score) == expected);  // and the first of the others starts at once
  CHECK(compatible.encode(piece({drum, note(0, 9, 20)})).empty());
  CHECK(compatible.encode(piece({})).empty());
}

TEST_CASE("performance: events are sorted by time alone, a velocity before every note_on") {
  // A chord, whose first note is long; a note that starts where another ends; one of no length.
  const midi::Score score = piece(
      {note(0, 200, 60, 21), note(0, 100, 64, 22), note(100, 200, 67, 22), note(200, 200, 72, 22)});
  const int k15 = kShift + 13;  // 94.7 ms in 100 ms
  CHECK(compatible.encode(score) == Ids{kVelocity, kOn + 60, kVelocity + 1, kOn + 64, k15,
                                        kOff + 64, kVelocity + 1, kOn + 67, k15, kOff + 60,
                                        kOff + 67, kVelocity + 1, kOn + 72, kOff + 72});
  // The score need not be in order: still the first note ends before the second starts.
  CHECK(compatible.encode(piece({note(100, 200, 62), note(0, 100, 60)})) ==
        compatible.encode(piece({note(0, 100, 60), note(100, 200, 62)})));
}

TEST_CASE("performance: times are in seconds, whatever the tempos and the unit of ticks") {
  midi::Score slower{.division = {100}};  // 1 s, then 2 s per quarter
  slower.tempos = {{0, 1000000}, {100, 2000000}};
  slower.notes = {note(50, 150), note(150, 200, 62)};
  const Ids expected = compatible.encode(piece({note(0, 1500), note(1500, 2500, 62)}));
  CHECK(compatible.encode(slower) == expected);
  midi::Score frames{.division = {40, 25}};  // a tick is a millisecond
  frames.notes = {note(7, 1507), note(1507, 2507, 62)};
  CHECK(compatible.encode(frames) == expected);
}

TEST_CASE("performance: pieces that are too long, and scores that are none, are refused") {
  const std::uint32_t hours = 3600000;
  CHECK_NOTHROW(compatible.encode(piece({note(9 * hours, 109 * hours + 1000)})));
  CHECK(contains(message_of([&] { compatible.encode(piece({note(0, 101 * hours)})); }),
                 "the piece lasts 363600 s from its first note to its last, at most 360000 s"));
  CHECK(message_of([&] { compatible.encode(piece({note(0, 9, 128)})); }) != "no error");
}

TEST_CASE("performance: decoded notes have 120 beats per minute and 220 ticks per quarter") {
  // 1171.439 ms are 515.4 ticks, twice that 1030.9.
  const midi::Score score = compatible.decode(
      Ids{kOn + 60, kShift + 31, kOff + 60, kVelocity + 31, kOn + 21, kShift + 31, kOff + 21});
  CHECK(score.division == midi::Division{220});
  CHECK(score.tempos == std::vector<midi::Tempo>{{0, 500000}});
  CHECK(score.notes == std::vector<midi::Note>{decoded(0, 515, 60), decoded(515, 1031, 21, 106)});
  CHECK(score.end == 1031);
  CHECK(midi::score(midi::to_file(score)) == score);
  CHECK(midi::score(midi::to_file(compatible.decode({}))) == compatible.decode({}));
}

TEST_CASE("performance: decoded notes end at their note_off, not before 0.25 s, or after 1 s") {
  const auto notes = [](const Ids& ids) { return compatible.decode(ids).notes; };
  using Notes = std::vector<midi::Note>;
  const int k22 = kShift + 22;  // 332.993 ms, 146.5 ticks
  CHECK(notes({kOn + 60, kOff + 60}) == Notes{decoded(0, 110, 60)});
  CHECK(notes({kOn + 60, kShift, kOff + 60}) == Notes{decoded(0, 110, 60)});
  CHECK(notes({kOn + 60, k22, kOff + 60}) == Notes{decoded(0, 147, 60)});
  CHECK(notes({kShift + 31, kOn + 60}) == Notes{decoded(515, 955, 60)});  // no note_off
  CHECK(notes({kOff + 60, k22, kOff + 60}).empty());                      // of no note
  CHECK(notes({kOn + 60, k22, kOff + 61}) == Notes{decoded(0, 440, 60)});
  CHECK(notes({kOn + 60, kOff + 60, k22, kOff + 60}) == Notes{decoded(0, 110, 60)});
  // Struck again: the note_off is the second's, and a second note_off nobody's.
  CHECK(notes({kOn + 60, k22, kOn + 60, k22, kOff + 60, k22, kOff + 60}) ==
        Notes{decoded(0, 440, 60), decoded(147, 293, 60)});
  // A velocity holds until the next; notes of one tick are sorted by pitch.
  CHECK(notes({kOn + 70, kVelocity, kOn + 60, kOn + 61, kVelocity + 30}) ==
        Notes{decoded(0, 440, 60, 21), decoded(0, 440, 61, 21), decoded(0, 440, 70)});
}

TEST_CASE("performance: the clock of decoded pieces stops after 100 hours") {
  Ids ids(400000, kShift + 31);  // 130 hours
  ids.push_back(kOn + 60);
  const midi::Score score = compatible.decode(ids);
  CHECK(score.notes == std::vector<midi::Note>{decoded(158400000, 158400440, 60)});
  CHECK_NOTHROW(midi::serialise(midi::to_file(score)));
  ids.insert(ids.begin(), kOn + 60);
  CHECK_NOTHROW(compatible.encode(compatible.decode(ids)));
}
