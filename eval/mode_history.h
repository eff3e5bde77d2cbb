#pragma once
// How the classes that a generator covers change during training.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace etude {

/// The epoch at which coverage leaves its running maximum for good: that of the first evaluation
/// after the last one whose coverage is within `slack` classes of the most so far. None if the last
/// evaluation is. A slack of 1 or 2 is for coverage measured on few samples.
/// epochs, coverage: [N]. Error: lengths differ.
std::optional<std::int64_t> collapse_onset(std::span<const std::int64_t> epochs,
                                           std::span<const int> coverage, int slack = 0);

/// A class that vanished (was covered at the evaluation before, and is not) or came (the reverse;
/// `back` if it had been covered before).
struct ModeEvent {
  std::int64_t epoch;
  int mode;
  enum class Kind { came, vanished, back } kind;
};

/// The mode-recovery map as a list, in order of epoch, then of class. covered: one row of classes
/// per evaluation; before the first nothing is covered. Error: lengths differ.
std::vector<ModeEvent> mode_events(std::span<const std::int64_t> epochs,
                                   std::span<const std::vector<bool>> covered);

/// Share of the evaluations from a class's first coverage on at which it is covered; 0 for one that
/// never was. covered as above; one value per class.
std::vector<double> mode_survival(std::span<const std::vector<bool>> covered);

}  // namespace etude
