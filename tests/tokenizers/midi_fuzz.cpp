// What must hold for any bytes, as libFuzzer's entry point and for the unit tests: an Error or a
// file that survives every way through the library. See tokenizers/README.md for how to run the
// fuzzer.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>

#include "engine/error.h"
#include "tokenizers/midi/score.h"

using namespace etude;
using namespace etude::midi;

namespace {

/// Anything but Error: the fuzzer stops at it, doctest reports it.
void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// A score's notes whatever track they are on.
std::vector<Note> without_tracks(std::vector<Note> notes) {
  for (Note& note : notes) note.track = 0;
  const auto key = [](const Note& n) {
    return std::tuple(n.tick, n.channel, n.pitch, n.duration, n.velocity, n.program);
  };
  std::sort(notes.begin(), notes.end(),
            [&](const Note& a, const Note& b) { return key(a) < key(b); });
  return notes;
}

void check_times(const Score& score) {
  const TimeMap map(score);
  for (std::size_t i = 0; i <= 8; ++i) {
    const auto tick = static_cast<std::uint32_t>(std::uint64_t{score.end} * i / 8);
    const double seconds = map.seconds(tick);
    expect(seconds >= 0 && std::isfinite(seconds), "seconds are a time");
    const double again = map.seconds(map.tick(seconds));
    expect(std::abs(again - seconds) <= 1e-12 * (1 + seconds), "tick() inverts seconds()");
    if (score.division.frames_per_second != 0) continue;
    const double back = map.tick(map.position(tick));
    expect(std::abs(back - tick) <= 1e-12 * tick + 1e-9, "tick() inverts position()");
  }
}

void check_score(const Score& first) {
  const File file = to_file(first);
  const Score second = score(file);
  expect(without_tracks(second.notes) == without_tracks(first.notes), "notes are kept");
  expect(second.controls.size() == first.controls.size(), "controls are kept");
  expect(second.pitch_bends.size() == first.pitch_bends.size(), "bends are kept");
  expect(second.texts.size() == first.texts.size(), "texts are kept");
  expect(second.tempos == first.tempos, "tempos are kept");
  expect(second.time_signatures == first.time_signatures, "time signatures are kept");
  expect(second.key_signatures == first.key_signatures, "key signatures are kept");
  expect(score(to_file(second)) == second, "a score that has been a file's stays what it is");
  check_times(second);
  try {
    expect(parse(serialise(file), "a score's file") == file, "a score's file is written whole");
  } catch (const Error&) {
    // Ticks may lie too far apart where what was between them has no place in a score.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t num_bytes) {
  File file;
  try {
    file = parse({bytes, num_bytes}, "fuzz");
  } catch (const Error&) {
    return 0;
  }
  const std::vector<std::uint8_t> written = serialise(file);
  const File again = parse(written, "written");
  expect(again == file, "a file that was read is written and read as the same");
  expect(serialise(again) == written, "the same file gives the same bytes");
  if (file.format == 2) {
    for (const Track& track : file.tracks) check_score(score({0, file.division, {track}}));
  } else {
    check_score(score(file));
  }
  return 0;
}
