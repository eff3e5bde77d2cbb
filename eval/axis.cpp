#include "eval/axis.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "eval/text.h"

namespace etude {
namespace {

void check(double low, double high) {
  require(std::isfinite(high - low) && low <= high, "axis: range [", low, ", ", high, "]");
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int target, bool integers) {
  check(low, high);
  require(target > 0, "axis: ", target, " steps");
  // A range lost in rounding (a constant series, mostly) is widened until it has room for ticks.
  const double size = std::max(std::abs(low), std::abs(high));
  if (high - low <= 1e-9 * size || high == low) {
    const double widen = size > 0 ? 0.1 * size : 1;
    low -= widen;
    high += widen;
  }
  const double raw = (high - low) / target;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double fraction = raw / power;
  double step = power * (fraction < 1.5 ? 1 : fraction < 3.5 ? 2 : fraction < 7.5 ? 5 : 10);
  if (integers) step = std::max(step, 1.0);
  // The slack keeps 0.3 / 0.1 = 2.9999... from adding a tick beyond the last.
  const double first = std::floor(low / step + 1e-6);
  const double last = std::ceil(high / step - 1e-6);
  std::vector<double> ticks;
  // Steps below one are divided by their inverse: 3 / 10 is the double 0.3, 3 * 0.1 is not.
  const double inverse = std::round(1 / step);
  for (double i = first; i <= last; ++i) ticks.push_back(step < 1 ? i / inverse : i * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  check(low, high);
  require(low > 0, "axis: a logarithmic axis needs positive values, not ", low);
  const int first = static_cast<int>(std::floor(std::log10(low) + 1e-9));
  const int last = static_cast<int>(std::ceil(std::log10(high) - 1e-9));
  std::vector<double> ticks;
  if (last - first > 3) {
    const int stride = (last - first + 7) / 8;
    for (int e = first; e < last + stride; e += stride) ticks.push_back(std::pow(10.0, e));
    return ticks;
  }
  for (int e = first; e <= last; ++e) {
    for (const double m : {1.0, 2.0, 5.0}) ticks.push_back(m * std::pow(10.0, e));
  }
  // Only as many as span the range: [20, 60] needs 20, 50, 100, not 10 and 200.
  const double slack = 1 + 1e-9;
  while (ticks.size() > 2 && ticks[1] <= low * slack) ticks.erase(ticks.begin());
  while (ticks.size() > 2 && ticks[ticks.size() - 2] * slack >= high) ticks.pop_back();
  return ticks;
}

std::vector<std::string> tick_labels(std::span<const double> ticks) {
  if (ticks.empty()) return {};
  double largest = 0;
  double step = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]));
    if (i > 0) step = std::min(step, ticks[i] - ticks[i - 1]);
  }
  std::vector<std::string> labels;
  const bool wide = ticks.front() > 0 && ticks.back() / ticks.front() > 1000;  // a log axis
  if (wide || ticks.size() == 1 || largest >= 1e15 || largest < 1e-3) {
    // Neighbours must differ: as many digits as the step needs, three at least.
    const double digits = wide || !(step < largest) ? 0 : std::ceil(std::log10(largest / step)) + 1;
    for (const double tick : ticks) {
      labels.push_back(format_number(tick, std::clamp(static_cast<int>(digits), 3, 12)));
    }
    return labels;
  }
  int thousands = 0;
  if (largest >= 1e4) thousands = std::min(4, static_cast<int>(std::log10(largest) / 3));
  const double unit = std::pow(1000.0, thousands);
  const double digits = std::ceil(-std::log10(step / unit) - 1e-9);
  const int decimals = std::clamp(static_cast<int>(digits), 0, 12);
  for (const double tick : ticks) {
    std::string label = format_fixed(tick / unit, decimals);
    if (tick != 0) label += std::string_view(" kMGT").substr(thousands > 0 ? thousands : 5, 1);
    labels.push_back(label);
  }
  return labels;
}

double Axis::position(double value) const {
  if (log) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

Axis linear_axis(double low, double high, int target, Range range, bool integers) {
  Axis axis;
  axis.ticks = nice_ticks(low, high, target, integers);
  axis.low = axis.ticks.front();
  axis.high = axis.ticks.back();
  if (range == Range::exact && high > low) {
    axis.low = low;
    axis.high = high;
    const double slack = 1e-9 * (high - low);
    std::erase_if(axis.ticks, [&](double t) { return t < low - slack || t > high + slack; });
  }
  axis.labels = tick_labels(axis.ticks);
  return axis;
}

Axis log_axis(double low, double high) {
  Axis axis;
  axis.log = true;
  axis.ticks = log_ticks(low, high);
  axis.low = axis.ticks.front();
  axis.high = axis.ticks.back();
  if (axis.high <= axis.low) axis.high = 10 * axis.low;
  axis.labels = tick_labels(axis.ticks);
  return axis;
}

}  // namespace etude
