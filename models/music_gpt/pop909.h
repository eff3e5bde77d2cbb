#pragma once
// POP909's bars: its MIDI files have notes in time, the beats and bars are text beside them.
// Source: Wang et al., "POP909: a pop-song dataset for music arrangement generation", ISMIR 2020.

#include <filesystem>
#include <vector>

#include "tokenizers/midi/score.h"

namespace etude::music_gpt {

struct Beat {
  double seconds = 0;
  bool downbeat = false;
};

/// A beat_midi.txt: on each line the seconds of a beat, then whether it is a downbeat if bars are
/// short (two beats or three), and if they are long (four or six). The latter are read. Error names
/// file and line for what is no such line, times that do not ascend, and fewer than two downbeats.
std::vector<Beat> read_beats(const std::filesystem::path& file);

/// The notes with a quarter note from beat to beat and a time signature n/4 wherever bars of n
/// beats begin; they sound as they did, later by less than a bar. Before the first
/// downbeat and after the last beat, beats go on at the nearest one's length, for as many bars as
/// needed.
midi::Score with_beats(const midi::Score& score, const std::vector<Beat>& beats);

}  // namespace etude::music_gpt
