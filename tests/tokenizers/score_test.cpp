// The music level: notes, tempos, bars. The events are in midi_test.cpp.
#include "tokenizers/midi/score.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace etude;
using namespace etude::midi;

namespace {

Event on(std::uint32_t tick, std::uint8_t pitch, std::uint8_t velocity, std::uint8_t channel = 0) {
  return {tick, Kind::note_on, channel, pitch, velocity};
}

Event off(std::uint32_t tick, std::uint8_t pitch, std::uint8_t channel = 0) {
  return {tick, Kind::note_off, channel, pitch, 64};
}

Event meta(std::uint32_t tick, std::uint8_t type, std::vector<std::uint8_t> payload) {
  return {tick, Kind::meta, 0, type, 0, std::move(payload)};
}

Event text(std::uint32_t tick, std::uint8_t type, const std::string& text) {
  return meta(tick, type, {text.begin(), text.end()});
}

Score score_of(std::vector<Event> events, std::uint32_t end = 0) {
  return score({0, {96}, {Track{std::move(events), end}}});
}

/// Two tracks and drums, with all that a score can hold, as to_file() numbers them.
Score full_score() {
  Score score{.division = {480}, .end = 4000};
  score.notes = {
      {.tick = 0, .duration = 480, .pitch = 60, .velocity = 90, .program = 5, .track = 1},
      {.tick = 0, .duration = 120, .pitch = 36, .velocity = 127, .channel = 9, .track = 2},
      {.tick = 480, .duration = 0, .pitch = 60, .velocity = 1, .program = 5, .track = 1},
      {.tick = 480, .duration = 960, .pitch = 60, .velocity = 2, .program = 6, .track = 1},
      {.tick = 960, .duration = 960, .pitch = 60, .velocity = 3, .program = 6, .track = 1}};
  score.controls = {
      {10, sustain_pedal, 127, 0, 1}, {20, sustain_pedal, 0, 0, 1}, {20, 7, 100, 9, 2}};
  score.pitch_bends = {{30, -8192, 0, 1}, {31, 0, 0, 1}, {32, 8191, 0, 1}};
  score.tempos = {{0, 500000}, {480, 400000}, {481, 16777215}};
  score.time_signatures = {{0, 4, 4}, {1920, 7, 8}};
  score.key_signatures = {{0, -3, true}, {1920, 7, false}};
  score.texts = {
      {0, meta_text, 0, "by no one"}, {0, meta_lyric, 1, "la"}, {960, meta_marker, 0, ""}};
  score.track_names = {"song", "piano", "drums"};
  return score;
}

}  // namespace

TEST_CASE("midi score: note-offs and note-ons of velocity 0 end the oldest note of their pitch") {
  const Score score =
      score_of({on(0, 60, 10), on(5, 60, 20), on(6, 61, 30), on(6, 60, 40, 1), on(10, 60, 0),
                off(12, 61), off(15, 60), off(20, 60), off(30, 60, 1)});
  CHECK(score.notes ==
        std::vector<Note>{{0, 10, 60, 10}, {5, 10, 60, 20}, {6, 6, 61, 30}, {6, 24, 60, 40, 1}});
}

TEST_CASE("midi score: unended notes last to their track's end, notes of no length stay") {
  CHECK(score_of({on(3, 60, 1), on(8, 62, 1), off(8, 62)}, 100).notes ==
        std::vector<Note>{{3, 97, 60, 1}, {8, 0, 62, 1}});
  CHECK(score_of({on(3, 60, 1), {50, Kind::program}}).notes == std::vector<Note>{{3, 47, 60, 1}});
  // A pitch struck again before its off at the same tick: the off is the first note's.
  CHECK(score_of({on(0, 60, 1), on(9, 60, 2), off(9, 60), off(12, 60)}).notes ==
        std::vector<Note>{{0, 9, 60, 1}, {9, 3, 60, 2}});
}

TEST_CASE("midi score: tracks are paired apart, and sorted together") {
  const File file{1,
                  {96},
                  {{{on(0, 72, 1), on(0, 60, 1), off(9, 60)}, 50},
                   {{on(0, 48, 2), off(4, 48)}, 60},
                   {{off(3, 72), on(0 + 3, 1, 1)}, 3}}};
  const Score music = score(file);
  CHECK(music.notes ==
        std::vector<Note>{{0, 9, 60, 1},
                          {0, 50, 72, 1},
                          {.tick = 0, .duration = 4, .pitch = 48, .velocity = 2, .track = 1},
                          {.tick = 3, .duration = 0, .pitch = 1, .velocity = 1, .track = 2}});
  CHECK(music.end == 60);
  CHECK(music.track_names == std::vector<std::string>(3));
}

TEST_CASE("midi score: programs, controls, bends") {
  const Score score = score_of({on(0, 60, 1),
                                {1, Kind::program, 0, 7},
                                {1, Kind::program, 9, 8},
                                on(1, 61, 1),
                                on(1, 36, 1, 9),
                                {2, Kind::control, 0, 64, 127},
                                {3, Kind::pitch_bend, 2, 1, 0x41},
                                {4, Kind::channel_pressure, 0, 9}});
  REQUIRE(score.notes.size() == 3);
  CHECK(score.notes[0].program == 0);
  CHECK(score.notes[1].program == 7);
  CHECK(score.notes[2].program == 8);
  CHECK(score.controls == std::vector<Control>{{2, sustain_pedal, 127, 0, 0}});
  CHECK(score.pitch_bends == std::vector<PitchBend>{{3, 129, 2, 0}});
}

TEST_CASE("midi score: tempos, signatures and texts of all tracks, with defaults at the start") {
  CHECK(score_of({}).tempos == std::vector<Tempo>{{0, 500000}});
  CHECK(score_of({}).time_signatures == std::vector<TimeSignature>{{0, 4, 4}});
  CHECK(score_of({}).tempos[0].beats_per_minute() == 120);

  const Score music =
      score({1,
             {96},
             {{{meta(0, meta_tempo, {1, 0, 0}), meta(0, meta_tempo, {2, 0, 0}), text(0, 3, "a"),
                text(1, 3, "b"), meta(9, meta_time_signature, {3, 3, 24, 8}),
                meta(9, meta_key_signature, {0xff, 1})}},
              {{meta(0, meta_tempo, {3, 0, 0}), text(5, meta_marker, "A_M7_A"),
                meta(7, meta_tempo, {0, 0, 9})}}}});
  CHECK(music.tempos == std::vector<Tempo>{{0, 3 << 16}, {7, 9}});
  CHECK(music.time_signatures == std::vector<TimeSignature>{{0, 4, 4}, {9, 3, 8}});
  CHECK(music.key_signatures == std::vector<KeySignature>{{9, -1, true}});
  CHECK(music.texts == std::vector<Text>{{5, meta_marker, 1, "A_M7_A"}});
  CHECK(music.track_names == std::vector<std::string>{"a", ""});

  // What has no meaning counts as not there.
  const Score broken = score_of(
      {meta(0, meta_tempo, {0, 0, 0}), meta(0, meta_tempo, {1, 2}),
       meta(0, meta_time_signature, {0, 2, 24, 8}), meta(0, meta_time_signature, {4, 16, 24, 8}),
       meta(0, meta_time_signature, {4}), meta(0, meta_key_signature, {8, 0}),
       meta(0, meta_key_signature, {0, 2}), meta(0, meta_track_name, {})});
  CHECK(broken ==
        Score{.division = {96}, .tempos = {{}}, .time_signatures = {{}}, .track_names = {""}});
}

TEST_CASE("midi score: patterns of format 2 are taken one at a time") {
  const File file{2, {96}, {{{on(0, 60, 1)}, 9}, {{on(0, 62, 1)}, 9}}};
  CHECK(contains(message_of([&] { score(file); }), "format 2 holds independent patterns, here 2"));
  CHECK(score({0, file.division, {file.tracks[1]}}).notes == std::vector<Note>{{0, 9, 62, 1}});
  const TemporaryFolder folder;
  write(file, folder.path / "two.mid");
  CHECK(contains(message_of([&] { read_score(folder.path / "two.mid"); }),
                 (folder.path / "two.mid").string() + ": midi: a file of format 2"));
}

TEST_CASE("midi score: a score comes back from its file") {
  const Score first = full_score();
  const File file = to_file(first);
  CHECK(file.format == 1);
  CHECK(file.tracks.size() == 3);
  CHECK(score(file) == first);
  CHECK(score(parse(serialise(file), "memory")) == first);
  CHECK(file.tracks[2].events == std::vector<Event>{text(0, meta_track_name, "drums"),
                                                    {0, Kind::program, 9, 0},
                                                    on(0, 36, 127, 9),
                                                    {20, Kind::control, 9, 7, 100},
                                                    off(120, 36, 9)});
  // A pitch struck again ends before it starts, and a note of no length after it has started.
  const std::vector<Event> again =
      to_file({.notes = {{0, 9, 60, 1}, {9, 0, 60, 1}}}).tracks[1].events;
  CHECK(again ==
        std::vector<Event>{{0, Kind::program}, on(0, 60, 1), off(9, 60), on(9, 60, 1), off(9, 60)});
  const File frames = to_file({.division = {40, 25}, .notes = {{40, 1000}}});
  CHECK(score(frames).division == Division{40, 25});
}

TEST_CASE("midi score: channels of one track get tracks of their own, with its name") {
  const Score first{.notes = {{0, 10, 60, 1}, {0, 10, 36, 1, 9}, {5, 10, 62, 1}},
                    .texts = {{3, meta_lyric, 0, "la"}, {4, meta_marker, 7, "B"}},
                    .track_names = {"all"}};
  const Score second = score(to_file(first));
  CHECK(second.track_names == std::vector<std::string>{"", "all", "all"});
  REQUIRE(second.notes.size() == 3);
  CHECK(second.notes[0].track == 1);
  CHECK(second.notes[1] ==
        Note{.tick = 0, .duration = 10, .pitch = 36, .velocity = 1, .channel = 9, .track = 2});
  CHECK(second.notes[2].track == 1);
  CHECK(second.texts == std::vector<Text>{{3, meta_lyric, 1, "la"}, {4, meta_marker, 0, "B"}});
  CHECK(second.end == 15);
  CHECK(score(to_file(second)) == second);
  CHECK(score(to_file(Score{})) ==
        Score{.tempos = {{}}, .time_signatures = {{}}, .track_names = {""}});
}

TEST_CASE("midi score: values that no file can hold are refused") {
  const auto problem = [](auto&& change) {
    Score score = full_score();
    change(score);
    return message_of([&] { to_file(score); });
  };
  CHECK(problem([](Score&) {}) == "no error");
  CHECK(contains(problem([](Score& s) { s.notes[3].velocity = 0; }), "velocity from 1 to 127"));
  CHECK(contains(problem([](Score& s) { s.notes[3].pitch = 128; }), "note at tick 480"));
  CHECK(
      contains(problem([](Score& s) { s.notes[3].duration = 4294966816; }), "past tick 2^32 - 1"));
  CHECK(contains(problem([](Score& s) { s.controls[1].value = 128; }), "control at tick 20"));
  CHECK(contains(problem([](Score& s) { s.pitch_bends[1].value = 8192; }), "bend at tick 31"));
  CHECK(contains(problem([](Score& s) { s.tempos[1].microseconds_per_quarter = 0; }), "not 0"));
  CHECK(contains(problem([](Score& s) { s.tempos[2].tick = 480; }), "here tick 480"));
  CHECK(contains(problem([](Score& s) { s.time_signatures[1].denominator = 6; }), "not 7/6"));
  CHECK(contains(problem([](Score& s) { s.time_signatures[1].numerator = 0; }), "not 0/8"));
  CHECK(contains(problem([](Score& s) { s.key_signatures[0].sharps = -8; }), "not -8"));
  CHECK(contains(problem([](Score& s) { s.texts[0].type = 3; }), "without 3, not 3"));
  CHECK(contains(problem([](Score& s) { s.division.ticks = 0; }), "not 0"));
}

TEST_CASE("midi time: seconds across tempo changes, and back") {
  Score score{.division = {480}};
  score.tempos = {{480, 250000}, {1440, 1000000}, {1441, 333333}};
  const TimeMap map(score);
  const auto is = [](double value, double expected) { return std::abs(value - expected) < 1e-9; };
  CHECK(is(map.seconds(0), 0));
  CHECK(is(map.seconds(240), 0.25));  // 120 beats per minute before the first tempo
  CHECK(is(map.seconds(480), 0.5));
  CHECK(is(map.seconds(960), 0.75));
  CHECK(is(map.seconds(1440), 1));
  CHECK(is(map.seconds(1441), 1 + 1.0 / 480));
  CHECK(is(map.seconds(1441 + 480 * 3000), 1 + 1.0 / 480 + 999.999));
  for (const double tick :
       {0.0, 1.0, 479.5, 480.0, 1000.0, 1440.0, 1440.25, 1441.0, 1e6, 4294967295.0})
    CHECK(std::abs(map.tick(map.seconds(tick)) - tick) < 1e-9 * (1 + tick));
  CHECK(is(map.tick(0.75), 960));

  // Ten million ticks whose tempo changes at each thousandth: no error grows.
  Score long_score{.division = {960}};
  for (std::uint32_t i = 0; i < 10000; ++i) long_score.tempos.push_back({1000 * i, 300000 + i});
  const double expected = (300000.0 * 10000 + 10000.0 * 9999 / 2) * 1000 / 960 / 1e6;
  CHECK(is(TimeMap(long_score).seconds(10000000), expected));
}

TEST_CASE("midi time: frames") {
  const TimeMap map(Score{.division = {40, 25}, .tempos = {{0, 1000}}});
  CHECK(map.seconds(1500) == doctest::Approx(1.5).epsilon(1e-12));
  CHECK(map.tick(1.5) == doctest::Approx(1500).epsilon(1e-12));
  CHECK(TimeMap(Score{.division = {100, 29}}).seconds(3000) ==
        doctest::Approx(1.001).epsilon(1e-12));
  CHECK(contains(message_of([&] { map.position(0); }), "not in frames"));
  CHECK(contains(message_of([&] { map.tick(Position{}); }), "not in frames"));
}

TEST_CASE("midi time: bars and beats across signature changes") {
  Score score{.division = {480}};
  score.time_signatures = {{0, 3, 4}, {2 * 1440, 6, 8}, {2 * 1440 + 2000, 4, 4}};
  const TimeMap map(score);
  const auto is = [&](std::uint32_t tick, std::int64_t bar, double beat) {
    const Position position = map.position(tick);
    CHECK(position.bar == bar);
    CHECK(position.beat == doctest::Approx(beat).epsilon(1e-12));
    CHECK(map.tick(position) == doctest::Approx(tick).epsilon(1e-12));
  };
  is(0, 0, 0);
  is(720, 0, 1.5);
  is(1440, 1, 0);
  is(2 * 1440, 2, 0);
  is(2 * 1440 + 1439, 2, 1439 / 240.0);  // a beat of 6/8 is an eighth
  is(2 * 1440 + 1440, 3, 0);
  is(2 * 1440 + 2000, 4, 0);  // the bar before is cut short
  is(2 * 1440 + 2000 + 1920 + 480, 5, 1);
  CHECK(map.tick(Position{1, 3.0}) == 2 * 1440);
  CHECK(TimeMap(Score{}).position(1920 * 7 + 480).bar == 7);

  // 3/16 at 10 ticks per quarter note: bars of 7.5 ticks.
  const TimeMap odd(Score{.division = {10}, .time_signatures = {{0, 3, 16}}});
  CHECK(odd.position(7).bar == 0);
  CHECK(odd.position(8).bar == 1);
  CHECK(odd.position(8).beat == 0.2);
  CHECK(odd.position(15).beat == 0);
  CHECK(odd.tick(Position{3, 0}) == 22.5);
  // A signature in the middle of the only bar so far; and one that no tick fits into.
  const TimeMap cut(Score{.division = {1}, .time_signatures = {{3, 1, 32768}}});
  CHECK(cut.position(2).bar == 0);
  CHECK(cut.position(3).bar == 1);
  CHECK(cut.position(4).bar == 8193);
  CHECK(cut.position(4294967295).bar == 1 + 8192 * 4294967292);
}
