#include "eval/mode_history.h"

#include <algorithm>

#include "engine/error.h"

namespace etude {
namespace {

void check_rows(std::span<const std::vector<bool>> covered) {
  for (const std::vector<bool>& row : covered) {
    require(row.size() == covered[0].size(), "mode history: an evaluation has ", row.size(),
            " classes, the first ", covered[0].size());
  }
}

}  // namespace

std::optional<std::int64_t> collapse_onset(std::span<const std::int64_t> epochs,
                                           std::span<const int> coverage, int slack) {
  require(epochs.size() == coverage.size(), "collapse onset: ", epochs.size(), " epochs, ",
          coverage.size(), " values");
  int most = 0;
  std::size_t after = 0;  // the evaluation behind the last one at the maximum
  for (std::size_t i = 0; i < coverage.size(); ++i) {
    most = std::max(most, coverage[i]);
    if (coverage[i] >= most - slack) after = i + 1;
  }
  if (after >= epochs.size()) return std::nullopt;
  return epochs[after];
}

std::vector<ModeEvent> mode_events(std::span<const std::int64_t> epochs,
                                   std::span<const std::vector<bool>> covered) {
  require(epochs.size() == covered.size(), "mode events: ", epochs.size(), " epochs, ",
          covered.size(), " evaluations");
  check_rows(covered);
  std::vector<ModeEvent> events;
  if (covered.empty()) return events;
  std::vector<bool> before(covered[0].size()), ever(covered[0].size());
  for (std::size_t i = 0; i < covered.size(); ++i) {
    for (std::size_t c = 0; c < before.size(); ++c) {
      const bool now = covered[i][c];
      if (now != before[c]) {
        const auto kind = !now      ? ModeEvent::Kind::vanished
                          : ever[c] ? ModeEvent::Kind::back
                                    : ModeEvent::Kind::came;
        events.push_back({epochs[i], static_cast<int>(c), kind});
      }
      before[c] = now;
      ever[c] = ever[c] || now;
    }
  }
  return events;
}

std::vector<double> mode_survival(std::span<const std::vector<bool>> covered) {
  check_rows(covered);
  std::vector<double> survival(covered.empty() ? 0 : covered[0].size());
  for (std::size_t c = 0; c < survival.size(); ++c) {
    int seen = 0, held = 0;
    for (const std::vector<bool>& row : covered) {
      if (row[c] || seen > 0) ++seen;
      held += row[c];
    }
    if (seen > 0) survival[c] = static_cast<double>(held) / seen;
  }
  return survival;
}

}  // namespace etude
