#pragma once
// How much of a piece is repetition, over which lengths of time: self-similarity, the fitness of
// each segment as a thumbnail of the piece, the structureness indicator.
// Sources: Wu & Yang 2020, "The Jazz Transformer on the front line", section 5.4 (SI); Mueller,
// Jiang & Grosche 2013, "A robust fitness measure for capturing repetitions in music recordings"
// (fitness); Mueller & Kurth 2006, "Enhancing similarity matrices for music audio analysis".

#include <span>
#include <vector>

#include "eval/image.h"
#include "eval/wav.h"

namespace etude {

/// S [N, N] of features [N, 12] (structure_features()). Of the dot products of the features with
/// themselves in each of the 12 transpositions, the means along 16 cells of a diagonal, forward and
/// backward from the cell, at 7 relative tempos from 1/2 to 2; the greatest of them all. Its
/// greatest quarter is scaled to [0, 1], the rest becomes -2, the diagonal 1. Where all that is
/// kept is equal, it becomes 1. 1e9 multiplications for N = 512. Errors: a size that is no positive
/// multiple of 12, a value that is negative or not finite.
std::vector<double> self_similarity(std::span<const double> features);

/// The fitness in [0, 1] of the segment of `length` frames from `start` on.
struct ScapePlot {
  int frames = 0;               // of the piece, N
  int longest = 0;              // length of a segment
  std::vector<double> fitness;  // [longest, N]: at (length - 1) * N + start; 0 past the end
};

/// For each segment of at most `longest` frames the family of paths through its columns of S [N,
/// N], over disjoint rows, with the greatest sum of S; a path goes from the segment's first column
/// to its last by steps of (1,1), (2,1) and (1,2). With M the segment's length,
///   score    = (sum - M) / (number of the paths' cells)
///   coverage = (number of rows the paths span - M) / N
///   fitness  = their harmonic mean:
/// the segment's repetition of itself, which is no news, taken off. O(N^4) for longest = N:
/// N^4 / 6 cells. The result does not depend on the number of threads.
/// Errors: S that is not [N, N], longest < 1 (more than N counts as N).
ScapePlot scape_plot(std::span<const double> s, int frames, int longest);

/// The greatest fitness of segments of `from` to `to` seconds at structure_rate, both included; 0
/// if the piece is shorter. Error: not 0 < from <= to.
double structureness(const ScapePlot& plot, double from, double to);

/// SI at the three ranges of the paper: 3 to 8, 8 to 15, 15 to 128 seconds.
struct Structureness {
  double short_term = 0, mid_term = 0, long_term = 0;
};

/// Of a piece as sound: chroma, structure_features, self_similarity, scape_plot. Errors of
/// chroma().
Structureness structureness(const Audio& audio);

/// The plot in grey, as wide as the piece: segments by their middle, the short ones at the bottom;
/// black is fitness 1.
Image scape_image(const ScapePlot& plot);

}  // namespace etude
