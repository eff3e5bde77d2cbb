#pragma once
// A score as the tokenizers see it: in few ticks, with values of the vocabulary alone.

#include <cstdint>
#include <limits>
#include <vector>

#include "tokenizers/miditok/vocabulary.h"

namespace etude::miditok {

struct Note {
  std::int64_t time = 0, duration = 0;
  int pitch = 60, velocity = 64;
  std::int64_t end() const { return time + duration; }
  bool operator==(const Note&) const = default;
};

constexpr int drum_program = -1;

struct Track {
  int program = 0;
  std::vector<Note> notes;
};

/// `tempo`: index in Vocabulary::tempos.
struct TempoChange {
  std::int64_t time = 0;
  int tempo = 0;
};

struct MeterChange {
  std::int64_t time = 0;
  Meter meter;
};

struct Piece {
  std::int64_t ticks_per_quarter = 8;
  std::vector<Track> tracks = {};
  std::vector<TempoChange> tempos = {};
  std::vector<MeterChange> meters = {};  // the first at 0
};

/// `value` holds for times before `end`, from the end of the span before.
struct Span {
  std::int64_t end = std::numeric_limits<std::int64_t>::max();
  std::int64_t value = 0;
};

/// The spans of equal `value(meter)`.
template <class F>
std::vector<Span> spans_of(const std::vector<MeterChange>& meters, const F& value) {
  std::vector<Span> spans;
  for (const MeterChange& change : meters) {
    const std::int64_t here = value(change.meter);
    if (!spans.empty() && spans.back().value == here) continue;
    if (!spans.empty()) spans.back().end = change.time;
    spans.push_back({.value = here});
  }
  return spans;
}

/// Ticks per beat, through the piece.
inline std::vector<Span> beats_of(const Piece& piece) {
  return spans_of(piece.meters, [&](const Meter& meter) {
    return ticks_per_beat(meter, piece.ticks_per_quarter);
  });
}

}  // namespace etude::miditok
