#pragma once
// Chords that are struck together, as MidiTok finds them: by exact intervals over the first note,
// without inversions.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/miditok/config.h"
#include "tokenizers/miditok/piece.h"

namespace etude::miditok {

/// The setting "chord_maps": qualities and their intervals.
Json chord_maps_json();

/// What stands behind "Chord_" in the order of the vocabulary: "min", or "C:min" with the root.
std::vector<std::string> chord_names(bool with_root);

struct Chord {
  std::int64_t time = 0;
  int name = 0;  // index in chord_names()
};

/// The chords of one track's `notes`, which are by ascending time. Notes count as struck together
/// up to a position (1 / `positions` of a beat) apart; all of them, at most 10, must end within
/// half a beat of the first one's end. Source: MidiTok 3.0.4, `detect_chords`.
std::vector<Chord> find_chords(std::span<const Note> notes, std::span<const Span> beats,
                               int positions, bool with_root);

}  // namespace etude::miditok
