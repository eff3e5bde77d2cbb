#pragma once
// Scores by their bars.

#include <cstdint>

#include "tokenizers/midi/score.h"

namespace etude::music_gpt {

/// Bars of a score up to the end of the one in which its last note starts.
std::int64_t num_bars(const midi::Score& score);
/// `count` bars of a score from bar `first` on (from 0), as a score that begins with them: notes
/// that start there, cut at the end; tempo, meter, pedals and bends as they are there. It may have
/// fewer bars: the rest is empty.
midi::Score bars_of(const midi::Score& score, std::int64_t first, std::int64_t count);

}  // namespace etude::music_gpt
