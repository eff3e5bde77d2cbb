#include "eval/drum_patterns.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Cells = std::span<const std::uint8_t>;

/// The patterns one by one.
std::vector<Cells> split(const char* who, Cells patterns, const DrumGrid& grid) {
  require(grid.steps > 0 && grid.instruments > 0, who, ": a grid of ", grid.steps, " steps x ",
          grid.instruments, " instruments");
  const size_t cells = grid.cells();
  require(!patterns.empty(), who, ": no patterns");
  require(patterns.size() % cells == 0, who, ": ", patterns.size(),
          " values are no whole number of patterns of ", cells, " cells");
  const auto wrong = std::find_if(patterns.begin(), patterns.end(), [](int v) { return v > 1; });
  require(wrong == patterns.end(), who, ": a cell is 0 or 1, not ",
          wrong == patterns.end() ? 0 : *wrong);
  std::vector<Cells> list;
  for (size_t i = 0; i < patterns.size(); i += cells) list.push_back(patterns.subspan(i, cells));
  return list;
}

Cells only(const char* who, Cells pattern, const DrumGrid& grid) {
  const std::vector<Cells> list = split(who, pattern, grid);
  require(list.size() == 1, who, ": compares single patterns, not ", list.size());
  return list[0];
}

int count_hits(Cells cells) { return std::accumulate(cells.begin(), cells.end(), 0); }

int count_different(Cells a, Cells b) {
  int different = 0;
  for (size_t i = 0; i < a.size(); ++i) different += a[i] != b[i];
  return different;
}

bool has_kick(Cells pattern, const DrumGrid& grid) {
  for (int step = 0; step < grid.steps; ++step) {
    if (pattern[static_cast<size_t>(step) * grid.instruments]) return true;
  }
  return false;
}

double validity(Cells pattern, const DrumGrid& grid) {
  const int hits = count_hits(pattern);
  if (hits == 0) return 0;
  const int half = grid.steps / 2 * grid.instruments;
  const int agree = half - count_different(pattern.first(half), pattern.subspan(half, half));
  double score = 1;
  if (2 * hits > grid.cells()) score *= 0.8;
  if (!has_kick(pattern, grid)) score *= 0.7;
  if (10 * agree < 3 * half) score *= 0.8;
  return score;
}

/// See pattern_diversity; of two patterns or more.
double diversity(std::span<const Cells> patterns, int limit) {
  const size_t count = std::min(patterns.size(), static_cast<size_t>(limit));
  std::int64_t different = 0;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < i; ++j) different += count_different(patterns[i], patterns[j]);
  }
  const size_t pairs = count * (count - 1) / 2;
  return static_cast<double>(different) / static_cast<double>(pairs * patterns[0].size());
}

void check_limit(const char* who, int limit) {
  require(limit > 1, who, ": of at least two patterns, limit is ", limit);
}

/// Hits on each step.
std::vector<int> step_energy(Cells pattern, const DrumGrid& grid) {
  std::vector<int> energy;
  for (int step = 0; step < grid.steps; ++step) {
    const size_t begin = static_cast<size_t>(step) * grid.instruments;
    energy.push_back(count_hits(pattern.subspan(begin, grid.instruments)));
  }
  return energy;
}

}  // namespace

double pattern_density(Cells patterns, const DrumGrid& grid) {
  std::int64_t hits = 0;
  for (const Cells pattern : split("pattern density", patterns, grid)) hits += count_hits(pattern);
  return static_cast<double>(hits) / static_cast<double>(patterns.size());
}

double pattern_validity(Cells patterns, const DrumGrid& grid) {
  require(grid.steps > 1, "pattern validity: ", grid.steps, " steps have no halves");
  const std::vector<Cells> list = split("pattern validity", patterns, grid);
  double sum = 0;
  for (const Cells pattern : list) sum += validity(pattern, grid);
  return sum / static_cast<double>(list.size());
}

double pattern_diversity(Cells patterns, int limit, const DrumGrid& grid) {
  check_limit("pattern diversity", limit);
  const std::vector<Cells> list = split("pattern diversity", patterns, grid);
  require(list.size() > 1, "pattern diversity: a single pattern has no pairs");
  return diversity(list, limit);
}

double within_style_diversity(Cells patterns, std::span<const int> styles, int limit,
                              const DrumGrid& grid) {
  check_limit("within-style diversity", limit);
  const std::vector<Cells> list = split("within-style diversity", patterns, grid);
  require(list.size() == styles.size(), "within-style diversity: ", styles.size(), " styles, ",
          list.size(), " patterns");
  std::map<int, std::vector<Cells>> by_style;
  for (size_t n = 0; n < list.size(); ++n) by_style[styles[n]].push_back(list[n]);
  double sum = 0;
  int counted = 0;
  for (const auto& [style, members] : by_style) {
    if (members.size() < 2) continue;
    sum += diversity(members, limit);
    ++counted;
  }
  require(counted > 0, "within-style diversity: no style has two patterns");
  return sum / counted;
}

double kick_jaccard(Cells a, Cells b, const DrumGrid& grid) {
  a = only("kick Jaccard", a, grid);
  b = only("kick Jaccard", b, grid);
  int both = 0, any = 0;
  for (int i = 0; i < grid.cells(); i += grid.instruments) {
    both += a[i] && b[i];
    any += a[i] || b[i];
  }
  return any == 0 ? 1 : static_cast<double>(both) / any;
}

double step_energy_correlation(Cells a, Cells b, const DrumGrid& grid) {
  const std::vector<int> x = step_energy(only("step-energy correlation", a, grid), grid);
  const std::vector<int> y = step_energy(only("step-energy correlation", b, grid), grid);
  // Sums of integers, so that a constant row is told from a nearly constant one without rounding:
  // n^2 cov(x, y) = n sum x y - sum x sum y.
  std::int64_t sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0;
  for (int t = 0; t < grid.steps; ++t) {
    sx += x[t];
    sy += y[t];
    sxx += static_cast<std::int64_t>(x[t]) * x[t];
    syy += static_cast<std::int64_t>(y[t]) * y[t];
    sxy += static_cast<std::int64_t>(x[t]) * y[t];
  }
  const std::int64_t n = grid.steps;
  const std::int64_t xx = n * sxx - sx * sx, yy = n * syy - sy * sy, xy = n * sxy - sx * sy;
  if (xx == 0 || yy == 0) return x == y ? 1 : 0;
  const double r = static_cast<double>(xy) /
                   (std::sqrt(static_cast<double>(xx)) * std::sqrt(static_cast<double>(yy)));
  return std::clamp(r, -1.0, 1.0);
}

}  // namespace etude
