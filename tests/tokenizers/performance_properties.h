#pragma once
// What must hold for the tokenizer `performance` and any bytes, taken as ids and as a MIDI file.

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "tokenizers/performance/performance.h"

namespace etude {

using Ids = std::vector<std::int32_t>;

/// What rounds through ids and back keep of the notes: not their times and so not their order, but
/// each pitch and the index of each velocity.
inline std::vector<std::pair<int, int>> pitches_and_velocities(const midi::Score& score) {
  std::vector<std::pair<int, int>> notes;
  for (const midi::Note& note : score.notes)
    notes.emplace_back(note.pitch, PerformanceTokenizer::velocity_index(note.velocity));
  std::ranges::sort(notes);
  return notes;
}

/// Seconds of all shifts together.
inline double duration_of(const Ids& ids) {
  double seconds = 0;
  for (const std::int32_t id : ids)
    if (id >= PerformanceTokenizer::time_shift)
      seconds += PerformanceTokenizer::shift_seconds(id - PerformanceTokenizer::time_shift);
  return seconds;
}

/// Seconds from the first start to the last end of the notes that have ids.
inline double duration_of(const midi::Score& score) {
  const midi::TimeMap map(score);
  double first = 0, last = 0;
  bool any = false;
  for (const midi::Note& note : score.notes) {
    if (note.channel == midi::drum_channel || note.pitch < 21 || note.pitch > 108) continue;
    const double start = map.seconds(note.tick);
    first = any ? std::min(first, start) : start;
    last = std::max(last, map.seconds(note.tick + note.duration));
    any = true;
  }
  return last - first;
}

/// Throws std::logic_error, which neither the fuzzer nor doctest takes for an answer.
inline void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

inline void check_encoding(const midi::Score& score, bool carry_residual) {
  const PerformanceTokenizer tokenizer({carry_residual});
  const Ids ids = tokenizer.encode(score);
  const double lost = duration_of(score) - duration_of(ids);
  const double rounding = 1e-7 * (1 + duration_of(score));
  expect(lost > -rounding, "no encoding is longer than its piece");
  expect(!carry_residual || lost < PerformanceTokenizer::smallest_shift + rounding,
         "with the residual carried, the duration stays within the smallest shift");
  expect(ids.empty() || ids.back() / PerformanceTokenizer::num_keys == 1,
         "the last event is a note_off");
}

inline void check_decoding(const Ids& ids, bool carry_residual) {
  const PerformanceTokenizer tokenizer({carry_residual});
  const midi::Score first = tokenizer.decode(ids);
  const midi::File file = midi::to_file(first);
  expect(midi::parse(midi::serialise(file), "decoded") == file, "any ids give a MIDI file");
  const auto is_note = [](std::int32_t id) { return id < PerformanceTokenizer::note_off; };
  expect(std::ranges::count_if(ids, is_note) == std::ssize(first.notes), "a note per note_on");
  check_encoding(first, carry_residual);
  const midi::Score second = tokenizer.decode(tokenizer.encode(first));
  expect(pitches_and_velocities(second) == pitches_and_velocities(first), "notes stay the same");
  const midi::Score read = midi::score(file);
  expect(pitches_and_velocities(tokenizer.decode(tokenizer.encode(read))) ==
             pitches_and_velocities(first),
         "notes stay the same on the way through a file");
}

inline void check_performance(std::span<const std::uint8_t> bytes) {
  Ids ids;
  for (const std::uint8_t byte : bytes) ids.push_back(byte % PerformanceTokenizer::num_ids);
  for (const bool carry_residual : {false, true}) check_decoding(ids, carry_residual);
  midi::Score score;
  try {
    score = midi::score(midi::parse(bytes, "fuzz"));
    PerformanceTokenizer().encode(score);
  } catch (const Error&) {
    return;  // no MIDI file, or one that is too long
  }
  for (const bool carry_residual : {false, true}) {
    check_encoding(score, carry_residual);
    check_decoding(PerformanceTokenizer({carry_residual}).encode(score), carry_residual);
  }
}

}  // namespace etude
