#include "eval/music_structure.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/error.h"

namespace etude {
namespace {

constexpr int classes = 12;
constexpr int most_positions = 4096;

void check(std::span<const Onset> onsets, std::span<const double> lines, int positions) {
  require(lines.size() >= 2, "bar grid: ", lines.size(), " bar lines, fewer than two");
  for (size_t i = 0; i < lines.size(); ++i) {
    require(std::isfinite(lines[i]) && (i == 0 || lines[i] > lines[i - 1]), "bar grid: line ", i,
            " is at ", lines[i], ", which does not follow on the one before");
  }
  require(positions >= 1 && positions <= most_positions, "bar grid: ", positions,
          " positions, which is not in [1, ", most_positions, "]");
  for (size_t i = 0; i < onsets.size(); ++i) {
    require(std::isfinite(onsets[i].time), "bar grid: onset ", i, " is at ", onsets[i].time);
    require(onsets[i].pitch >= 0 && onsets[i].pitch <= 127, "bar grid: onset ", i, " has pitch ",
            onsets[i].pitch, ", which is not in [0, 127]");
  }
}

/// In bits; 0 of a histogram without counts.
double entropy(const std::array<int, classes>& histogram) {
  double total = 0, sum = 0;
  for (const int count : histogram) {
    total += count;
    if (count > 0) sum += count * std::log2(count);
  }
  return total > 0 ? std::max(std::log2(total) - sum / total, 0.0) : 0;
}

}  // namespace

BarGrid bar_grid(std::span<const Onset> onsets, std::span<const double> bar_lines, int positions) {
  check(onsets, bar_lines, positions);
  const int bars = static_cast<int>(bar_lines.size()) - 1;
  BarGrid grid{bars, positions, std::vector<int>(size_t(bars) * classes),
               std::vector<std::uint8_t>(size_t(bars) * positions)};
  for (const auto& [time, pitch] : onsets) {
    // An upbeat is measured by the first bar: it may round into it.
    const auto behind = std::upper_bound(bar_lines.begin(), bar_lines.end(), time);
    const std::ptrdiff_t bar = std::max<std::ptrdiff_t>(behind - bar_lines.begin() - 1, 0);
    if (bar == bars) continue;
    const double share = (time - bar_lines[bar]) / (bar_lines[bar + 1] - bar_lines[bar]);
    const double rounded = std::floor(share * positions + 0.5);
    const double cell = static_cast<double>(bar) * positions + rounded;
    if (cell < 0 || cell >= static_cast<double>(bars) * positions) continue;
    const size_t index = static_cast<size_t>(cell);
    grid.onsets[index] = 1;
    ++grid.pitch_classes[index / positions * classes + pitch % classes];
  }
  return grid;
}

double pitch_class_entropy(const BarGrid& grid, int window) {
  require(window >= 1, "pitch-class entropy: of ", window, " bars");
  window = std::min(window, grid.bars);
  double sum = 0;
  int windows = 0;
  for (int first = 0; first + window <= grid.bars; ++first) {
    std::array<int, classes> histogram{};
    for (int i = first * classes; i < (first + window) * classes; ++i) {
      histogram[i % classes] += grid.pitch_classes[i];
    }
    sum += entropy(histogram);
    windows += std::ranges::any_of(histogram, [](int count) { return count > 0; });
  }
  require(windows > 0, "pitch-class entropy: no notes in ", grid.bars, " bars");
  return sum / windows;
}

double grooving_similarity(const BarGrid& grid) {
  require(grid.bars >= 2, "grooving similarity: of ", grid.bars, " bars");
  // At each position, every bar with an onset differs from every bar without.
  std::int64_t differences = 0;
  for (int q = 0; q < grid.positions; ++q) {
    std::int64_t with = 0;
    for (int b = 0; b < grid.bars; ++b) with += grid.onsets[size_t(b) * grid.positions + q];
    differences += with * (grid.bars - with);
  }
  const double pairs = 0.5 * grid.bars * (grid.bars - 1.0);
  return 1 - static_cast<double>(differences) / (pairs * grid.positions);
}

}  // namespace etude
