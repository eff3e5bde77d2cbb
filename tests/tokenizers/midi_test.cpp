// The event level: bytes to File and back. Any bytes: midi_robustness_test.cpp; music:
// score_test.cpp.
#include "tokenizers/midi/midi.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "tests/tokenizers/midi_bytes.h"

namespace fs = std::filesystem;
using namespace etude;
using namespace etude::midi;

namespace {

std::vector<Event> events_of(const Bytes& content) {
  return parse(one_track(content), "memory").tracks.at(0).events;
}

/// What parse() says of `bytes`, without the remedy at its end.
std::string problem_of(const Bytes& bytes) {
  const std::string remedy = "; the file is truncated or damaged: fetch or export it again";
  std::string message = message_of([&] { parse(bytes, "a.mid"); });
  if (message.ends_with(remedy)) message.resize(message.size() - remedy.size());
  return message;
}

}  // namespace

TEST_CASE("midi: header, formats and divisions") {
  for (int format = 0; format <= 2; ++format) {
    const File file = parse(header(format, 1, 960) + chunk("MTrk", end_of_track), "memory");
    CHECK(file == File{format, {960}, {Track{}}});
  }
  CHECK(parse(header(1, 0, 1), "memory") == File{1, {1}, {}});
  CHECK(parse(header(1, 0, 0xe728), "memory").division == Division{40, 25});
  CHECK(parse(header(1, 0, 0xe350), "memory").division == Division{80, 29});
  for (const int word : {0xe801, 0xe7ff, 0xe350, 0xe264, 0x7fff, 1})
    CHECK(serialise(parse(header(1, 0, word), "memory")) == header(1, 0, word));
}

TEST_CASE("midi: every channel message, running status, delta times") {
  const std::vector<Event> events =
      events_of({0,    0x93, 60, 100,  0x60, 60,   0,    0x81, 0,    0x83, 62, 64,   0,
                 0xa3, 60,   5,  0,    0xb3, 64,   127,  0,    123,  0,    0,  0xc3, 12,
                 0,    13,   0,  0xd3, 77,   0x8f, 0xff, 0xff, 0x7f, 0xe3, 1,  0x40});
  const std::uint32_t last = 224 + 0x1ffffff;
  CHECK(events == std::vector<Event>{{0, Kind::note_on, 3, 60, 100},
                                     {96, Kind::note_on, 3, 60, 0},
                                     {224, Kind::note_off, 3, 62, 64},
                                     {224, Kind::key_pressure, 3, 60, 5},
                                     {224, Kind::control, 3, 64, 127},
                                     {224, Kind::control, 3, 123, 0},
                                     {224, Kind::program, 3, 12},
                                     {224, Kind::program, 3, 13},
                                     {224, Kind::channel_pressure, 3, 77},
                                     {last, Kind::pitch_bend, 3, 1, 0x40}});
  // A number may have leading bytes that say nothing.
  CHECK(events_of({0x80, 0x80, 0x81, 0, 0xc0, 1}) ==
        std::vector<Event>{{128, Kind::program, 0, 1}});
}

TEST_CASE("midi: meta events of every type are kept as they are") {
  Bytes content;
  std::vector<Event> expected;
  for (int type = 0; type < 256; ++type) {
    if (type == meta_end_of_track) continue;
    const auto byte = static_cast<std::uint8_t>(type);
    content = content + Bytes{1, 0xff, byte, 3, byte, 0xff, 0x2f};
    expected.push_back({static_cast<std::uint32_t>(expected.size() + 1),
                        Kind::meta,
                        0,
                        byte,
                        0,
                        {byte, 0xff, 0x2f}});
  }
  CHECK(events_of(content) == expected);
  CHECK(serialise(parse(one_track(content), "memory")) == one_track(content));
}

TEST_CASE("midi: sysex in parts, escapes, and system messages that are out of place") {
  CHECK(events_of({0, 0xf0, 3, 0x43, 0x12, 0, 0x60, 0xf7, 2, 0x43, 0xf7, 0, 0xf7, 1, 0xfa}) ==
        std::vector<Event>{{0, Kind::sysex, 0, 0, 0, {0x43, 0x12, 0}},
                           {96, Kind::escape, 0, 0, 0, {0x43, 0xf7}},
                           {96, Kind::escape, 0, 0, 0, {0xfa}}});
  const std::vector<Event> bare = {{0, Kind::note_on, 0, 60, 1},
                                   {1, Kind::escape, 0, 0, 0, {0xf8}},
                                   {2, Kind::escape, 0, 0, 0, {0xf2, 5, 6}},
                                   {3, Kind::escape, 0, 0, 0, {0xf3, 7}},
                                   {4, Kind::note_on, 0, 61, 1}};
  CHECK(events_of({0, 0x90, 60, 1, 1, 0xf8, 1, 0xf2, 5, 6, 1, 0xf3, 7, 1, 61, 1}) == bare);
}

TEST_CASE("midi: files that bend the rules are read") {
  const std::vector<Event> note = {{0, Kind::note_on, 0, 60, 1}};
  const Bytes on = {0, 0x90, 60, 1};
  const Bytes track = chunk("MTrk", on + end_of_track);
  const auto check = [&](const Bytes& bytes, std::size_t num_tracks) {
    const File file = parse(bytes, "memory");
    REQUIRE(file.tracks.size() == num_tracks);
    for (const Track& read : file.tracks) CHECK(read == Track{note, 0});
  };
  check(header(0, 1) + chunk("MTrk", on), 1);  // no end-of-track
  check(header(1, 2) + chunk("MTrk", on) + track, 2);
  check(header(0, 1) + track + Bytes{'M', 'T', 0, 1, 2}, 1);       // garbage at the end
  check(header(0, 1) + track + track, 1);                          // more tracks than declared
  check(header(0, 2) + track + track, 2);                          // format 0 with two tracks
  check(header(0, 1) + chunk("MTrk", on + end_of_track + on), 1);  // events after the end
  check(header(1, 2) + chunk("MTrk", on + end_of_track, 1000) + track, 2);
  check(header(1, 2) + chunk("MTrk", on + end_of_track, 12) + track, 2);
  check(header(1, 2) + track + chunk("MTrk", on + end_of_track, 0x7fffffff), 2);
  check(header(1, 2) + chunk("XFIH", {}) + track + track, 2);
  Bytes long_header = header(0, 1) + Bytes{9, 9};
  long_header[7] = 8;
  check(long_header + track, 1);
  const Bytes after_meta = {0, 0x90, 60, 1, 0, 0xff, 1, 0, 0, 61, 1};
  CHECK(events_of(after_meta).back() == Event{0, Kind::note_on, 0, 61, 1});
}

TEST_CASE("midi: what cannot be read is refused with place, expectation and progress") {
  CHECK(message_of([] {
          parse(Bytes{'R', 'I', 'F', 'F'}, "a.mid");
        }) ==
        "midi: a.mid: byte 0: expected a header chunk (MThd): it is no Standard MIDI File, or cut "
        "off before its first track");
  CHECK(message_of([] { parse(header(0, 1), "a.mid"); }) ==
        "midi: a.mid: byte 14: expected track 1 of 1, but the file ends; the file is truncated or "
        "damaged: fetch or export it again");
  CHECK(problem_of(header(3, 1)) == "midi: a.mid: byte 8: expected format 0, 1 or 2, not 3");
  CHECK(contains(problem_of(header(0, 1, 0)), "at least 1 tick, not 0"));
  CHECK(contains(problem_of(header(0, 1, 0xe700)), "at least 1 tick, not 0"));
  CHECK(contains(problem_of(header(0, 1, 0xe601)), "frames per second, not 26"));
  Bytes short_header = header(0, 0);
  short_header[7] = 5;
  CHECK(contains(problem_of(short_header), "byte 4: expected a header of 6 bytes, not 5"));
  short_header[4] = 0xff;
  CHECK(contains(problem_of(short_header), "not 4278190085"));

  const Bytes first = chunk("MTrk", {0, 0x90, 60, 1});
  CHECK(contains(problem_of(header(1, 2) + first + chunk("MTrk", {0, 61, 1})),
                 "expected a status byte, not 61; track 2 of 2"));  // it does not run on from there
  const auto problem = [](const Bytes& content) { return problem_of(one_track(content)); };
  CHECK(
      problem({0, 60, 1}) ==
      "midi: a.mid: byte 23: expected a status byte, not 60; track 1 of 1 could be read up to tick "
      "0 (0 events)");
  CHECK(
      problem({5, 0x90, 60, 1, 0, 60, 200}) ==
      "midi: a.mid: byte 28: expected a data byte (0 to 127), not 200; track 1 of 1 could be read "
      "up to tick 5 (1 events)");
  CHECK(contains(problem({0x81, 0x80, 0x80, 0x80, 0, 0x90, 60, 1}),
                 "byte 22: expected a delta time of at most 4 bytes"));
  CHECK(contains(problem({0, 0xf4}), "expected an event, not the undefined status 244"));
  CHECK(contains(problem({0, 0xff, 1, 100}),
                 "byte 25: expected 100 bytes of a meta event, but "
                 "there are only 4 more in the file"));
  CHECK(contains(problem_of(header(1, 2) + chunk("MTrk", {0, 0xf0, 9, 1}) + chunk("MTrk", {})),
                 "expected 9 bytes of a sysex, but there are only 1 more in the track"));
  CHECK(contains(problem_of(header(0, 1) + chunk("MTrk", {0, 0x90, 60})),
                 "byte 25: expected a data byte, but the file ends"));
  CHECK(
      problem_of(header(1, 2) + chunk("MTrk", {0, 0x90, 60, 9, 4, 0x80, 60, 9}, 100)) ==
      "midi: a.mid: byte 30: expected a delta time, but the file ends; track 1 of 2 could be read "
      "up to tick 4 (2 events)");
  CHECK(contains(problem_of(header(1, 2) + chunk("MTrk", {}) + chunk("JUNK", {}, 5) + Bytes(4)),
                 "expected track 2 of 2, not an unknown chunk that is longer than the file"));
  Bytes late;
  for (int i = 0; i < 17; ++i) late = late + Bytes{0xff, 0xff, 0xff, 0x7f, 0xf8};
  CHECK(contains(problem(late),
                 "to a tick below 2^32, not to 4563402735; track 1 of 1 could be "
                 "read up to tick 4294967280 (16 events)"));
}

TEST_CASE("midi: the writer uses running status and refuses what no file can hold") {
  Track notes{
      {{0, Kind::note_on, 0, 60, 1}, {1, Kind::note_on, 0, 60, 0}, {1, Kind::note_on, 1, 60, 1}},
      300};
  notes.events.push_back({1, Kind::meta, 0, meta_marker, 0, {}});
  notes.events.push_back({1, Kind::note_on, 1, 60, 0});
  CHECK(serialise({0, {96}, {notes}}) ==
        header(0, 1) + chunk("MTrk", {0,    0x90, 60, 1, 1,    60, 0, 0,    0x91, 60,   1,    0,
                                      0xff, 6,    0,  0, 0x91, 60, 0, 0x82, 0x2b, 0xff, 0x2f, 0}));
  // A track ends with its last event at the earliest.
  CHECK(parse(serialise({0, {96}, {{{{7, Kind::program}}, 0}}}), "memory").tracks[0].end == 7);

  const auto problem = [](const std::vector<Event>& events, std::uint32_t end = 0) {
    return message_of([&] { serialise({1, {96}, {Track{}, Track{events, end}}}); });
  };
  CHECK(problem({{0, Kind::note_on, 0, 128, 1}}) ==
        "midi: cannot write track 1: tick 0: channels go to 15 and values to 127, not 0: 128, 1");
  CHECK(contains(problem({{0, Kind::note_on, 16}}), "channels go to 15"));
  CHECK(contains(problem({{5, Kind::program}, {4, Kind::program}}), "tick 5: the next is 4"));
  CHECK(contains(problem({{0x10000000, Kind::program}}), "by at most 268435455"));
  CHECK(contains(problem({}, 0x10000000), "by at most 268435455"));
  CHECK(contains(problem({{0, Kind::meta, 0, meta_end_of_track}}), "Track::end"));
  CHECK(contains(problem({{0, Kind{0x91}}}), "there is no kind 145"));
  CHECK(contains(problem({{0, Kind{0xf8}}}), "there is no kind 248"));
  CHECK_THROWS_AS(serialise({3, {96}, {}}), Error);
  CHECK_THROWS_AS(serialise({1, {0}, {}}), Error);
  CHECK_THROWS_AS(serialise({1, {256, 25}, {}}), Error);
  CHECK_THROWS_AS(serialise({1, {40, 26}, {}}), Error);
  CHECK_THROWS_AS(serialise({1, {96}, std::vector<Track>(65536)}), Error);
}

TEST_CASE("midi: files on disk, and errors that name them") {
  const fs::path path = fs::temp_directory_path() / ("etude_" + std::to_string(getpid()) + ".mid");
  const File file = parse(rich_file(), "memory");
  write(file, path);
  CHECK(read(path) == file);
  write_file_atomically(path, "MThd");
  CHECK(contains(message_of([&] { read(path); }), path.string() + ": byte 0: expected a header"));
  fs::remove(path);
  CHECK(message_of([&] { read(path); }) == "midi: cannot open " + path.string());
  CHECK_THROWS_AS(read(fs::temp_directory_path()), Error);
}
