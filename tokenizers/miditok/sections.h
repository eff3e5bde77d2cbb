#pragma once
// Rounding in pieces whose meters have beats of different lengths, exactly as MidiTok 3.0.4 does
// it. Some of its sections start and end elsewhere than the meters do: slips that change ids in
// pieces with three sections or more, so they are kept; each is marked "slip" where it happens.

#include <algorithm>
#include <cmath>
#include <vector>

#include "tokenizers/miditok/piece.h"

namespace etude::miditok {

/// Halves to even.
inline std::int64_t round_to(std::int64_t ticks, std::int64_t unit) {
  return static_cast<std::int64_t>(
      std::nearbyint(static_cast<double>(ticks) / static_cast<double>(unit)) *
      static_cast<double>(unit));
}

/// Calls f(i, value) for the entries of each section, whose `end` is the index after its last; the
/// last section takes all that is left.
template <class F>
void each_in_sections(const std::vector<Span>& sections, std::size_t size, const F& f) {
  std::int64_t first = 0;
  const auto limit = static_cast<std::int64_t>(size);
  for (std::size_t s = 0; s < sections.size(); ++s) {
    const std::int64_t end = s + 1 == sections.size() ? limit : std::min(sections[s].end, limit);
    for (std::int64_t i = first; i < end; ++i) f(static_cast<std::size_t>(i), sections[s].value);
    first = sections[s].end;
  }
}

/// Rounds times to their section's unit. For tempos MidiTok passes sections in ticks where indices
/// belong (slip).
template <class T>
void round_times(std::vector<T>& events, const std::vector<Span>& sections) {
  each_in_sections(sections, events.size(), [&](std::size_t i, std::int64_t unit) {
    if (unit != 1) events[i].time = round_to(events[i].time, unit);
  });
}

/// Sections in ticks as sections in indices of `notes`, not empty.
std::vector<Span> index_sections(std::vector<Span> sections, const std::vector<Note>& notes);

/// Durations to the nearest of `durations` at the length of their beat.
void snap_durations(std::vector<Note>& notes, const std::vector<Span>& beats,
                    const std::vector<BeatTime>& durations);

/// Durations to a multiple of their section's unit, at least one; notes that sound on into the next
/// section end on a multiple.
void round_durations(std::vector<Note>& notes, const std::vector<Span>& sections);

}  // namespace etude::miditok
