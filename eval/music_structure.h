#pragma once
// Of the bars of a piece: how many pitch classes they use (H1, H4), how alike their rhythms are
// (GS). Structure over longer times, from sound: structureness.h.
// Source: Wu & Yang 2020, "The Jazz Transformer on the front line", section 5 (MusDr).

#include <cstdint>
#include <span>
#include <vector>

namespace etude {

/// Where a note starts, in the unit of the bar lines: ticks, seconds, bars.
struct Onset {
  double time = 0;
  int pitch = 60;  // 0 to 127, as in MIDI
};

/// What the measures need of a piece.
struct BarGrid {
  int bars = 0, positions = 0;
  std::vector<int> pitch_classes;    // [bars, 12]: how many notes start, C first
  std::vector<std::uint8_t> onsets;  // [bars, positions]: 1 where a note starts, else 0
};

/// Bar b is from bar_lines[b] to bar_lines[b + 1], divided evenly into `positions`. An onset counts
/// at the nearest position (the later of two), which may be the first of the next bar: a note
/// played a little before the beat belongs to it, as it does once a tokenizer has rounded it.
/// Onsets that lie before the first bar or after the last then are not counted. Bars without notes
/// are bars: the caller says where the piece ends.
/// Errors: fewer than two lines, lines that do not ascend, positions outside [1, 4096], a time that
/// is not finite, a pitch outside [0, 127].
BarGrid bar_grid(std::span<const Onset> onsets, std::span<const double> bar_lines, int positions);

/// H1 for window = 1, H4 for 4: the entropy in bits, 0 to log2(12) = 3.585, of the pitch classes of
/// `window` consecutive bars, averaged over all such windows that have notes. A piece of fewer bars
/// is one window. Errors: window < 1, no notes.
double pitch_class_entropy(const BarGrid& grid, int window);

/// GS: 1 - |g_a xor g_b| / Q averaged over all pairs of bars a < b, also empty ones, where g are
/// the bars' onsets at Q = positions. In [0, 1]; it depends on Q, so compare at the same one only:
/// more positions are mostly more that are empty in both. Error: fewer than two bars.
double grooving_similarity(const BarGrid& grid);

}  // namespace etude
