#pragma once
// Measures of drum patterns. A pattern is a grid of steps x instruments, hit (1) or none (0),
// row-major with the instruments contiguous; instrument 0 is the kick. Several patterns lie one
// after the other: [N, steps, instruments]. Common errors: a size that is no multiple of the grid,
// no patterns, a value other than 0 and 1.

#include <cstdint>
#include <span>

namespace etude {

struct DrumGrid {
  int steps = 16;
  int instruments = 9;

  int cells() const { return steps * instruments; }
};

/// Hits / cells, in [0, 1], over all the patterns.
double pattern_density(std::span<const std::uint8_t> patterns, const DrumGrid& grid = {});

/// Plausibility of the patterns, the mean over them of: 0 if the pattern is empty, else
///   1 x 0.8 if more than 1/2 of its cells are hits x 0.7 if there is no kick
///     x 0.8 if less than 30 % of the cells of the first half equal those of the second
/// (silent cells count as equal; of an odd number of steps the last is in no half). In [0, 1].
/// A weak test: noise at the density of the synthetic patterns, each cell hit with probability
/// 0.135 on its own, scores 1 - 0.3 (1 - 0.135)^16 = 0.97 (it lacks a kick now and then).
/// Error: fewer than two steps.
/// Source: the measure of the coursework that the reports on this model answer.
double pattern_validity(std::span<const std::uint8_t> patterns, const DrumGrid& grid = {});

/// Mean over all pairs of the share of cells in which they differ (Hamming distance / cells), of
/// the first `limit` patterns (patterns sorted by style must be shuffled before). In [0, 1]; 0 for
/// copies, 2 p (1 - p) for independent cells hit with probability p.
/// Error: fewer than two patterns, limit < 2.
double pattern_diversity(std::span<const std::uint8_t> patterns, int limit = 100,
                         const DrumGrid& grid = {});

/// Mean over the styles of the diversity of each style's first `limit` patterns; a style with a
/// single pattern is left out. styles: [N]. Error: no style has two patterns.
double within_style_diversity(std::span<const std::uint8_t> patterns, std::span<const int> styles,
                              int limit = 100, const DrumGrid& grid = {});

/// |A and B| / |A or B| of the steps A, B on which two patterns have a kick (Jaccard 1912), in
/// [0, 1]; 1 where neither has any.
double kick_jaccard(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                    const DrumGrid& grid = {});

/// Pearson correlation over the steps of the number of hits per step, in [-1, 1]. Where a pattern
/// has the same number on every step it is not defined: then 1 if both patterns agree on every
/// step, else 0.
double step_energy_correlation(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                               const DrumGrid& grid = {});

}  // namespace etude
