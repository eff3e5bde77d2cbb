#pragma once
// How far the notes of generated pieces are from true ones: distances between the distributions of
// pitch, duration and velocity. They say nothing of the order of the notes.

#include <span>
#include <vector>

namespace etude {

/// A note as it sounds. Seconds from the start of the piece; pitch and velocity as in MIDI, 0 to
/// 127 (pitch 60 is middle C).
struct Note {
  double start = 0, duration = 0;
  int pitch = 60, velocity = 64;
};

/// Error that names `who`: a start that is not finite, a duration outside [0, 1e6] s, pitch or
/// velocity outside [0, 127].
void check_notes(const char* who, std::span<const Note> notes);

enum class NoteProperty { pitch, duration, velocity };

/// In place of a number of bins: one per pitch, one per velocity; of durations one per 10 ms, the
/// last of which takes all from 600 s on.
constexpr int full_resolution = 0;

/// Histograms of two sets over the same bins, as shares: each sums to 1. Bin i is
/// [edges[i], edges[i + 1]), the last one with its upper edge; edges are in the property's unit.
struct HistogramPair {
  std::vector<double> edges;  // one more than bins
  std::vector<double> generated, truth;
};

/// `bins` equal bins over the joint range of the two sets; or full resolution, with bins of one
/// unit (or 10 ms) that start at whole ones. Where all values are the same, there is one bin, of no
/// width unless at full resolution. Durations count to the nearest microsecond: they are mostly
/// differences of times, and equal ones must not be parted at an edge by their rounding.
/// Errors: a set without notes, check_notes, bins outside [1, 1e6] (and not full_resolution).
HistogramPair note_histograms(NoteProperty property, std::span<const Note> generated,
                              std::span<const Note> truth, int bins = 10);

/// Of two histograms p and q.
struct HistogramDistances {
  double l1 = 0;     // sum |p - q|, in [0, 2]
  double l2 = 0;     // sqrt(sum (p - q)^2), in [0, sqrt 2]
  double kl_pq = 0;  // KL(p || q) = sum p ln(p / q) in nats
  double kl_qp = 0;  // KL(q || p)

  /// Of the four: a figure without a meaning of its own, but the one that results are reported in.
  double average() const { return (l1 + l2 + kl_pq + kl_qp) / 4; }
};

/// For KL, 1e-12 is added to each bin of both, which are then normalised again: so KL >= 0, and a
/// bin that only p has costs about p (27.6 + ln p). Many narrow bins make it large for that reason
/// alone: compare KL at the same binning only.
/// Errors: lengths that differ, no bins, a share that is negative or not finite, a sum that is not
/// 1 to within 1e-6.
HistogramDistances histogram_distances(std::span<const double> p, std::span<const double> q);

/// p is generated, q the truth. The average does not depend on which is which.
struct NoteDistances {
  HistogramDistances pitch, duration, velocity;

  double average() const { return (pitch.average() + duration.average() + velocity.average()) / 3; }
};

/// The distances of note_histograms; errors as there.
NoteDistances note_distances(std::span<const Note> generated, std::span<const Note> truth,
                             int bins = 10);

}  // namespace etude
