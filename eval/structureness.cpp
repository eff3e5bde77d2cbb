#include "eval/structureness.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/error.h"
#include "eval/chroma.h"

namespace etude {
namespace {

constexpr int diagonal = 16;  // cells of the filter, 8 s
constexpr int tempos = 7;
constexpr double kept_share = 0.25;
constexpr double penalty = -2;
constexpr double tie = 1e-12;  // S is nearly symmetric: twins at the threshold go together
constexpr double never = -std::numeric_limits<double>::infinity();

/// Of `count` places spread over `length` cells, the cell of each: the nearest.
std::vector<int> resample(int length, int count) {
  std::vector<int> cells(count);
  for (int i = 0; i < count; ++i) {
    const double at = std::nearbyint((i + 1.0) / count * length);
    cells[i] = std::max(static_cast<int>(at) - 1, 0);
  }
  return cells;
}

/// s[n, m] = x[n] transposed up by `shift`, times x[m].
std::vector<double> dot_products(std::span<const double> x, int count, int shift) {
  std::vector<double> s(size_t(count) * count);
  for (int n = 0; n < count; ++n) {
    for (int m = 0; m < count; ++m) {
      double sum = 0;
      for (int c = 0; c < chroma_bins; ++c) {
        sum += x[n * chroma_bins + c] * x[m * chroma_bins + (c + shift) % chroma_bins];
      }
      s[size_t(n) * count + m] = sum;
    }
  }
  return s;
}

/// Raises `best` to s, filtered forward and backward with its columns at `tempo`.
void filter_diagonals(const std::vector<double>& s, int count, double tempo,
                      std::vector<double>& best) {
  constexpr int margin = diagonal - 1;  // zeros on all sides
  const int columns = static_cast<int>(std::ceil(count / tempo)), width = columns + 2 * margin;
  const std::vector<int> from = resample(count, columns), to = resample(columns, count);
  std::vector<double> padded(size_t(count + 2 * margin) * width);
  for (int n = 0; n < count; ++n) {
    double* row = &padded[size_t(n + margin) * width + margin];
    for (int m = 0; m < columns; ++m) row[m] = s[size_t(n) * count + from[m]];
  }
#pragma omp parallel for schedule(static)
  for (int n = 0; n < count; ++n) {
    std::vector<double> sums(columns);
    for (const int offset : {margin, 0}) {  // forward from the cell; backward, to end at it
      std::ranges::fill(sums, 0.0);
      for (int p = 0; p < diagonal; ++p) {
        const double* row = &padded[size_t(n + offset + p) * width + offset + p];
        for (int m = 0; m < columns; ++m) sums[m] += row[m];
      }
      double* target = &best[size_t(n) * count];
      for (int m = 0; m < count; ++m) target[m] = std::max(target[m], sums[to[m]] / diagonal);
    }
  }
}

/// Keeps the greatest quarter, see self_similarity.
void threshold(std::vector<double>& s, int count) {
  std::vector<double> sorted = s;
  const auto below = std::lround(static_cast<double>(s.size()) * (1 - kept_share));
  const auto at = sorted.begin() + std::min<std::ptrdiff_t>(below, std::ssize(s) - 1);
  std::nth_element(sorted.begin(), at, sorted.end());
  const double least = *at;
  const double greatest = *std::ranges::max_element(s);
  for (double& value : s) {
    if (value <= 0 || value < least - tie) {
      value = penalty;
    } else {
      value = greatest > least + tie ? std::max(value - least, 0.0) / (greatest - least) : 1;
    }
  }
  for (int n = 0; n < count; ++n) s[size_t(n) * count + n] = 1;
}

/// Sums of S along the best family of paths that ends here, with what else the fitness needs of it:
/// both grow by the same steps, so one number counts both.
struct Row {
  explicit Row(int columns) : sum(columns + 1, never), counts(columns + 1) {}
  std::vector<double> sum;
  std::vector<std::int64_t> counts;  // cells * 2^32 + rows
};

constexpr std::int64_t one_cell = std::int64_t{1} << 32, one_row = 1;

/// Columns 2 to `last` of a row from those of the row before and of the one before that; column 0
/// is never on a path.
void step(const double* s, const Row& before, const Row& earlier, int last, Row& row) {
  const double *a = before.sum.data(), *b = earlier.sum.data();
  const std::int64_t *ka = before.counts.data(), *kb = earlier.counts.data();
  double* sum = row.sum.data();
  std::int64_t* counts = row.counts.data();
  for (int m = 2; m <= last; ++m) {
    double best = a[m - 1];
    std::int64_t count = ka[m - 1] + one_row;
    const std::int64_t skipped = kb[m - 1] + 2 * one_row, wide = ka[m - 2] + one_row;
    count = b[m - 1] > best ? skipped : count;
    best = b[m - 1] > best ? b[m - 1] : best;
    count = a[m - 2] > best ? wide : count;
    best = a[m - 2] > best ? a[m - 2] : best;
    sum[m] = best + s[m - 1];
    counts[m] = count + one_cell;
  }
}

double fitness(const double* s, int frames, int length, Row& row, Row& before, Row& earlier) {
  for (Row* r : {&before, &earlier}) std::ranges::fill(r->sum, never);
  before.sum[1] = s[0];
  before.counts[1] = one_cell + one_row;
  double free = 0;  // the best family that ends above this row
  std::int64_t free_counts = 0;
  for (int n = 1; n < frames; ++n) {
    if (before.sum[length] > free) {
      free = before.sum[length];
      free_counts = before.counts[length];
    }
    const double* cells = s + size_t(n) * frames;
    row.sum[1] = free + cells[0];
    row.counts[1] = free_counts + one_cell + one_row;
    step(cells, before, earlier, length, row);
    std::swap(earlier, before);
    std::swap(before, row);
  }
  const bool ends = before.sum[length] >= free;
  const double sum = ends ? before.sum[length] : free;
  const std::int64_t counts = ends ? before.counts[length] : free_counts;
  const double score = (sum - length) / static_cast<double>(counts / one_cell);
  const double coverage = static_cast<double>(counts % one_cell - length) / frames;
  return score > 0 && coverage > 0 ? 2 * score * coverage / (score + coverage) : 0;
}

}  // namespace

std::vector<double> self_similarity(std::span<const double> features) {
  require(!features.empty() && features.size() % chroma_bins == 0, "self-similarity: of ",
          features.size(), " values, no rows of 12");
  for (size_t i = 0; i < features.size(); ++i) {
    require(std::isfinite(features[i]) && features[i] >= 0, "self-similarity: feature ", i, " is ",
            features[i]);
  }
  const int count = static_cast<int>(features.size()) / chroma_bins;
  std::vector<double> best(size_t(count) * count);
  for (int shift = 0; shift < chroma_bins; ++shift) {
    const std::vector<double> s = dot_products(features, count, shift);
    for (int t = 0; t < tempos; ++t) {
      filter_diagonals(s, count, std::exp2(2.0 * t / (tempos - 1) - 1), best);
    }
  }
  threshold(best, count);
  return best;
}

ScapePlot scape_plot(std::span<const double> s, int frames, int longest) {
  require(frames >= 1 && s.size() == size_t(frames) * frames, "scape plot: ", s.size(),
          " values, which are not [", frames, ", ", frames, "]");
  require(longest >= 1, "scape plot: segments of ", longest, " frames");
  longest = std::min(longest, frames);
  ScapePlot plot{frames, longest, std::vector<double>(size_t(longest) * frames)};
#pragma omp parallel for schedule(dynamic)
  for (int length = 1; length <= longest; ++length) {
    Row rows[] = {Row(length), Row(length), Row(length)};
    for (int start = 0; start + length <= frames; ++start) {
      plot.fitness[size_t(length - 1) * frames + start] =
          fitness(&s[start], frames, length, rows[0], rows[1], rows[2]);
    }
  }
  return plot;
}

double structureness(const ScapePlot& plot, double from, double to) {
  require(from > 0 && from <= to, "structureness: from ", from, " to ", to, " s");
  const double last = std::min(std::floor(to * structure_rate), double(plot.longest));
  double best = 0;
  for (int length = static_cast<int>(std::ceil(from * structure_rate)); length <= last; ++length) {
    const auto row = plot.fitness.begin() + std::ptrdiff_t(length - 1) * plot.frames;
    best = std::max(best, *std::max_element(row, row + plot.frames));
  }
  return best;
}

Structureness structureness(const Audio& audio) {
  constexpr double bounds[] = {3, 8, 15, 128};
  const std::vector<double> features = structure_features(chroma(audio));
  const ScapePlot plot =
      scape_plot(self_similarity(features), static_cast<int>(features.size()) / chroma_bins,
                 static_cast<int>(bounds[3]) * structure_rate);
  return {structureness(plot, bounds[0], bounds[1]), structureness(plot, bounds[1], bounds[2]),
          structureness(plot, bounds[2], bounds[3])};
}

Image scape_image(const ScapePlot& plot) {
  Image image{plot.longest, plot.frames, 1, {}};
  image.bytes.assign(size_t(plot.longest) * plot.frames, 255);
  for (int length = 1; length <= plot.longest; ++length) {
    for (int start = 0; start + length <= plot.frames; ++start) {
      const double value = plot.fitness[size_t(length - 1) * plot.frames + start];
      image.bytes[size_t(plot.longest - length) * plot.frames + start + (length - 1) / 2] =
          static_cast<std::uint8_t>(std::lround(255 * (1 - std::clamp(value, 0.0, 1.0))));
    }
  }
  return image;
}

}  // namespace etude
