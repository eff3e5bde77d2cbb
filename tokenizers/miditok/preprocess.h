#pragma once
// What MidiTok does to a score before it looks for tokens.

#include "tokenizers/midi/score.h"
#include "tokenizers/miditok/piece.h"

namespace etude::miditok {

/// Notes out of range left out, times rounded, velocities, tempos and (REMI) durations moved to the
/// nearest that the vocabulary has, meters that it lacks left out and the others moved to bar
/// lines. A track is a track, channel and program of the score, or with Config::one_stream() a
/// program; tracks without notes are left out. MidiTok's oddities are kept, since ids must be
/// equal. Throws Error as midi::check(), and for a score in frames. Source: MidiTok 3.0.4,
/// `MusicTokenizer.preprocess_score`.
Piece preprocess(const midi::Score& score, const Config& config, Layout layout,
                 const Vocabulary& vocabulary);

/// The piece as a score: track i + 1 is track i of the piece, on a channel of its own as far as
/// they reach.
midi::Score to_score(const Piece& piece, const Vocabulary& vocabulary);

/// MidiTok moves changes of the meter to the next bar line, where of two only the later stays, and
/// drops those that change nothing. `changes` by ascending time, the first at 0.
void align_meters(std::vector<MeterChange>& changes, std::int64_t ticks_per_quarter);

}  // namespace etude::miditok
