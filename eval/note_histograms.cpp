#include "eval/note_histograms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/error.h"

namespace etude {
namespace {

constexpr double longest_note = 1e6;              // seconds
constexpr std::int64_t microseconds = 1'000'000;  // per second
constexpr std::int64_t full_step = 10'000;        // microseconds per bin at full resolution
constexpr std::int64_t full_last = 600 * microseconds;
constexpr int most_bins = 1'000'000;
constexpr double kl_epsilon = 1e-12;

/// The property in whole units, so that a value on an edge falls where it belongs, whatever the
/// edge's last bit as a double.
std::vector<std::int64_t> units(NoteProperty property, std::span<const Note> notes) {
  std::vector<std::int64_t> values;
  for (const Note& note : notes) {
    switch (property) {
      case NoteProperty::pitch:
        values.push_back(note.pitch);
        break;
      case NoteProperty::duration:
        values.push_back(std::llround(note.duration * microseconds));
        break;
      case NoteProperty::velocity:
        values.push_back(note.velocity);
        break;
    }
  }
  return values;
}

struct Bins {
  std::int64_t low, high;  // units
  std::int64_t count;

  /// high * count < 2^63: at most 1e12 microseconds in 1e6 bins.
  std::int64_t index(std::int64_t value) const {
    if (high == low) return 0;
    return std::min((value - low) * count / (high - low), count - 1);
  }
  double edge(std::int64_t i, std::int64_t units_per_value) const {
    return static_cast<double>(low * count + (high - low) * i) /
           static_cast<double>(count * units_per_value);
  }
};

std::vector<double> shares(std::span<const std::int64_t> values, const Bins& bins) {
  std::vector<double> histogram(bins.count);
  for (const std::int64_t value : values) ++histogram[bins.index(value)];
  for (double& count : histogram) count /= static_cast<double>(values.size());
  return histogram;
}

void check_shares(std::span<const double> histogram) {
  double sum = 0;
  for (const double share : histogram) {
    require(std::isfinite(share) && share >= 0, "histogram distances: a share of ", share);
    sum += share;
  }
  require(std::abs(sum - 1) <= 1e-6, "histogram distances: shares sum to ", sum, ", not to 1");
}

/// See histogram_distances.
double kl(std::span<const double> p, std::span<const double> q) {
  const double total = 1 + kl_epsilon * static_cast<double>(p.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    sum += (p[i] + kl_epsilon) / total * std::log((p[i] + kl_epsilon) / (q[i] + kl_epsilon));
  }
  return std::max(sum, 0.0);  // rounding may leave a nearly equal pair below zero
}

}  // namespace

void check_notes(const char* who, std::span<const Note> notes) {
  for (size_t i = 0; i < notes.size(); ++i) {
    const auto& [start, duration, pitch, velocity] = notes[i];
    require(std::isfinite(start), who, ": note ", i, " starts at ", start, " s");
    require(duration >= 0 && duration <= longest_note, who, ": note ", i, " lasts ", duration,
            " s, which is not in [0, 1e6]");
    require(pitch >= 0 && pitch <= 127, who, ": note ", i, " has pitch ", pitch,
            ", which is not in [0, 127]");
    require(velocity >= 0 && velocity <= 127, who, ": note ", i, " has velocity ", velocity,
            ", which is not in [0, 127]");
  }
}

HistogramPair note_histograms(NoteProperty property, std::span<const Note> generated,
                              std::span<const Note> truth, int bins) {
  require(bins == full_resolution || (bins > 0 && bins <= most_bins), "note histograms: ", bins,
          " bins, which is not in [1, ", most_bins, "]");
  require(!generated.empty(), "note histograms: no generated notes");
  require(!truth.empty(), "note histograms: no true notes");
  check_notes("note histograms: generated", generated);
  check_notes("note histograms: truth", truth);
  const bool timed = property == NoteProperty::duration;
  std::vector<std::int64_t> p = units(property, generated), q = units(property, truth);
  if (timed && bins == full_resolution) {
    for (auto* values : {&p, &q}) {
      for (std::int64_t& value : *values) value = std::min(value, full_last);
    }
  }
  const auto [p_low, p_high] = std::minmax_element(p.begin(), p.end());
  const auto [q_low, q_high] = std::minmax_element(q.begin(), q.end());
  Bins b{std::min(*p_low, *q_low), std::max(*p_high, *q_high), bins};
  if (bins == full_resolution) {
    const std::int64_t step = timed ? full_step : 1;
    const std::int64_t first = b.low / step, behind = b.high / step + 1;
    b = {first * step, behind * step, behind - first};
  } else if (b.low == b.high) {
    b.count = 1;
  }
  HistogramPair pair;
  for (std::int64_t i = 0; i <= b.count; ++i) {
    pair.edges.push_back(b.edge(i, timed ? microseconds : 1));
  }
  pair.generated = shares(p, b);
  pair.truth = shares(q, b);
  return pair;
}

HistogramDistances histogram_distances(std::span<const double> p, std::span<const double> q) {
  require(p.size() == q.size() && !p.empty(), "histogram distances: of ", p.size(), " and ",
          q.size(), " bins");
  check_shares(p);
  check_shares(q);
  HistogramDistances d;
  double squares = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    const double difference = p[i] - q[i];
    d.l1 += std::abs(difference);
    squares += difference * difference;
  }
  d.l2 = std::sqrt(squares);
  d.kl_pq = kl(p, q);
  d.kl_qp = kl(q, p);
  return d;
}

NoteDistances note_distances(std::span<const Note> generated, std::span<const Note> truth,
                             int bins) {
  auto of = [&](NoteProperty property) {
    const HistogramPair pair = note_histograms(property, generated, truth, bins);
    return histogram_distances(pair.generated, pair.truth);
  };
  return {of(NoteProperty::pitch), of(NoteProperty::duration), of(NoteProperty::velocity)};
}

}  // namespace etude
