#pragma once
// A piece as tokens with times, before the tokens that say the time are put between them.

#include <span>
#include <vector>

#include "tokenizers/miditok/piece.h"

namespace etude::miditok {

struct Event {
  std::int64_t time = 0;
  Type type = Type::special;
  std::int32_t id = 0;
  /// There is no rest before this tick; 0 for tokens that do not matter for rests.
  std::int64_t sounds_until = 0;
  Meter meter = {};  // of a time signature
};

/// Time signatures, tempos, then track by track chords and notes; all of them sorted by time, at
/// one time in this order. MIDILike with chords puts note-offs before chords and notes.
std::vector<Event> events_of(const Piece& piece, std::span<const Track> tracks,
                             const Config& config, Layout layout, const Vocabulary& vocabulary);

/// `ticks` as the ids of `type` (rest or time_shift), the longest first; what is shorter than each
/// of `times` is left. Calls f(id, ticks of it).
template <class F>
void each_step(std::int64_t ticks, std::int64_t beat, const std::vector<BeatTime>& times, Type type,
               const Vocabulary& vocabulary, const F& f) {
  while (ticks >= times.front().ticks(beat)) {
    std::size_t i = times.size() - 1;
    while (times[i].ticks(beat) > ticks) --i;
    f(vocabulary.id(type, static_cast<int>(i)), times[i].ticks(beat));
    ticks -= times[i].ticks(beat);
  }
}

}  // namespace etude::miditok
