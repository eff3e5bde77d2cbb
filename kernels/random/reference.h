#pragma once
// The maths in plain loops, draw by draw.

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/core/philox.h"

namespace etude::reference {

inline std::uint32_t draw(const PhiloxKey& key, std::int64_t i) {
  return philox(key, static_cast<std::uint64_t>(i) / 4).word[i % 4];
}

/// Uniform in (0, 1], rounded to float: near 1, where its logarithm is small, this is part of the
/// definition of the draw.
inline double box_muller_uniform(std::uint32_t word) {
  const double half = static_cast<float>(word >> 1);
  return static_cast<float>(half * 0x1p-31 + 0x1p-32);
}

/// Box-Muller in double.
inline double standard_normal(const PhiloxKey& key, std::int64_t i) {
  const std::int64_t even = i - i % 2;
  const double u = box_muller_uniform(draw(key, even));
  const double angle = 2 * std::acos(-1.0) * draw(key, even + 1) * 0x1p-32;
  const double r = std::sqrt(-2 * std::log(u));
  return r * (i % 2 ? std::sin(angle) : std::cos(angle));
}

inline bool keeps(const PhiloxKey& key, std::int64_t i, std::int64_t group, double p) {
  return uniform01(draw(key, i / group)) >= p;
}

inline std::vector<double> dropout(const PhiloxKey& key, const std::vector<double>& x, double p,
                                   std::int64_t group, double slope) {
  std::vector<double> y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double leaky = x[i] > 0 ? x[i] : slope * x[i];
    y.push_back(keeps(key, i, group, p) ? leaky / (1 - p) : 0);
  }
  return y;
}

inline std::vector<double> dropout_grad(const PhiloxKey& key, const std::vector<double>& dy,
                                        const std::vector<double>& x, double p, std::int64_t group,
                                        double slope) {
  std::vector<double> dx;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double gradient = x[i] > 0 ? dy[i] : slope * dy[i];
    dx.push_back(keeps(key, i, group, p) ? gradient / (1 - p) : 0);
  }
  return dx;
}

}  // namespace etude::reference
