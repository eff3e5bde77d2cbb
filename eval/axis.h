#pragma once
// Axes of the plots: where the ticks lie, how they are written, where a value falls.

#include <span>
#include <string>
#include <vector>

namespace etude {

/// Multiples of 1, 2 or 5 times a power of ten that span [low, high]: the first is <= low, the last
/// >= high, except for a millionth of a step (rounding must not add ticks); about `target` steps
/// between. A single point is widened. `integers` forbids steps < 1.
/// Errors: a range that is not finite, low > high, target < 1.
std::vector<double> nice_ticks(double low, double high, int target, bool integers = false);

/// Ticks of a logarithmic axis that span [low, high]: powers of ten, with 2 and 5 times them
/// between where there are few; every second (third, ...) power where there are many.
/// Errors: bounds not positive and finite, low > high.
std::vector<double> log_ticks(double low, double high);

/// Labels with the decimals the smallest step needs, thousands as "k", "M", "G" where the largest
/// tick is >= 10,000.
std::vector<std::string> tick_labels(std::span<const double> ticks);

/// One axis: its range, its ticks and their labels.
struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;
  std::vector<double> ticks;
  std::vector<std::string> labels;

  /// 0 at low, 1 at high; outside [0, 1] for values outside the range.
  double position(double value) const;
};

enum class Range { to_ticks, exact };  // whether the axis grows to its outermost ticks

Axis linear_axis(double low, double high, int target, Range range, bool integers = false);
Axis log_axis(double low, double high);

}  // namespace etude
