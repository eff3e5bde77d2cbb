// What must hold for any bytes and any file: LLVMFuzzerTestOneInput() of midi_fuzz.cpp says what.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "engine/error.h"
#include "tests/tokenizers/midi_bytes.h"
#include "tokenizers/midi/score.h"

namespace fs = std::filesystem;
using namespace etude;
using namespace etude::midi;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t num_bytes);

namespace {

/// A file that any values may have made.
File random_file(std::mt19937& random) {
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  File file{.format = static_cast<int>(below(3))};
  const Division divisions[] = {{480}, {1}, {32767}, {80, 24}, {1, 25}, {255, 29}, {100, 30}};
  file.division = divisions[below(7)];
  file.tracks.resize(below(5));
  const Kind kinds[] = {Kind::note_on,          Kind::note_off,   Kind::key_pressure, Kind::control,
                        Kind::program,          Kind::pitch_bend, Kind::sysex,        Kind::escape,
                        Kind::channel_pressure, Kind::meta};
  for (Track& track : file.tracks) {
    for (std::uint32_t i = below(30); i > 0; --i) {
      const std::uint32_t gaps[] = {0, below(200), below(20000), below(1u << 24)};
      track.end += gaps[below(4)];
      Event event{.tick = track.end, .kind = kinds[below(10)]};
      if (event.kind == Kind::meta) event.data1 = static_cast<std::uint8_t>(below(0x2f));
      if (event.kind >= Kind::sysex) {
        event.payload.resize(below(i == 1 ? 20000 : 20));
        for (std::uint8_t& byte : event.payload) byte = static_cast<std::uint8_t>(random());
      } else {
        event.channel = below(3) == 0 ? 9 : 0;
        event.data1 = below(128);
        if (event.kind != Kind::program && event.kind != Kind::channel_pressure)
          event.data2 = below(128);
      }
      track.events.push_back(event);
    }
    track.end += below(3) * 100;
  }
  return file;
}

/// One change of the kinds that happen to files, and that find mistakes in readers.
void mutate(Bytes& bytes, std::mt19937& random) {
  const auto at = [&] {
    return bytes.begin() + static_cast<std::ptrdiff_t>(random() % bytes.size());
  };
  if (bytes.empty()) return;
  const std::uint8_t telling[] = {0, 1, 0x2f, 0x51, 0x58, 0x7f, 0x80, 0x90, 0xf0, 0xf7, 0xf8, 0xff};
  switch (random() % 6) {
    case 0:
      *at() ^= static_cast<std::uint8_t>(1u << random() % 8);
      break;
    case 1:
      *at() = static_cast<std::uint8_t>(random());
      break;
    case 2:
      *at() = telling[random() % 12];
      break;
    case 3:
      bytes.erase(at());
      break;
    case 4:
      bytes.insert(at(), telling[random() % 12]);
      break;
    case 5: {
      const auto from = at();
      const Bytes copy(from, from + std::min<std::ptrdiff_t>(bytes.end() - from, random() % 16));
      bytes.insert(at(), copy.begin(), copy.end());
    }
  }
}

}  // namespace

TEST_CASE("midi: declared sizes take no memory") {
  const std::uint8_t huge = 0x7f;
  CHECK_THROWS_AS(parse(one_track({0, 0xf0, 0xff, 0xff, 0xff, huge, 1}), "memory"), Error);
  CHECK_THROWS_AS(parse(header(1, 0xffff), "memory"), Error);
  // Each of these tracks claims to reach to the end of the file.
  Bytes bytes = header(1, 20000);
  for (int i = 0; i < 20000; ++i)
    bytes = std::move(bytes) + chunk("MTrk", end_of_track, 0x7fffffff);
  const File file = parse(bytes, "memory");
  CHECK(file.tracks.size() == 20000);
  std::size_t room = 0;
  for (const Track& track : file.tracks) room += track.events.capacity();
  CHECK(room == 0);
}

TEST_CASE("midi: every prefix of a file is an Error or a file, and the whole one is itself") {
  const Bytes whole = rich_file();
  const File file = parse(whole, "memory");
  CHECK(file.tracks[0].events.size() == 7);
  CHECK(file.tracks[1].events.size() == 10);
  CHECK(parse(serialise(file), "memory") == file);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_THROWS_AS(parse(prefix, "memory"), Error);
    LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
  }
  LLVMFuzzerTestOneInput(whole.data(), whole.size());
}

TEST_CASE("midi: what is written is read as the same, for any file") {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const File file = random_file(random);
    const Bytes bytes = serialise(file);
    CHECK(parse(bytes, "memory") == file);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
}

TEST_CASE("midi: changed bytes never do harm") {
  std::mt19937 random(2);
  int num_read = 0;
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = i % 2 == 0 ? rich_file() : serialise(random_file(random));
    for (std::uint32_t n = random() % 4 + 1; n > 0; --n) mutate(bytes, random);
    try {
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      num_read += message_of([&] { parse(bytes, "memory"); }) == "no error";
    } catch (const std::exception& problem) {
      FAIL("mutation ", i, ": ", problem.what());
    }
  }
  CHECK(num_read > 2000);
  CHECK(num_read < 18000);
}

TEST_CASE("midi: every file of the folder ETUDE_MIDI_FOLDER is read, and written as the same" *
          doctest::skip(std::getenv("ETUDE_MIDI_FOLDER") == nullptr)) {
  int num_files = 0;
  std::size_t num_events = 0, num_notes = 0, num_bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(std::getenv("ETUDE_MIDI_FOLDER"))) {
    const std::string extension = entry.path().extension();
    if (extension != ".mid" && extension != ".midi") continue;
    const File file = read(entry.path());
    const Bytes bytes = serialise(file);
    CHECK_MESSAGE(parse(bytes, "written") == file, entry.path().string());
    const Score music = score(file);
    const Score again = score(to_file(music));
    CHECK_MESSAGE(again.notes.size() == music.notes.size(), entry.path().string());
    CHECK_MESSAGE(score(to_file(again)) == again, entry.path().string());
    ++num_files;
    num_bytes += bytes.size();
    num_notes += music.notes.size();
    for (const Track& track : file.tracks) num_events += track.events.size();
  }
  MESSAGE(num_files, " files, ", num_events, " events, ", num_notes, " notes, ", num_bytes,
          " bytes");
  CHECK(num_files > 0);
}
