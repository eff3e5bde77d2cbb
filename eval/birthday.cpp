#include "eval/birthday.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

/// Number of rows, at least two, of finite values.
std::int64_t check_rows(std::span<const float> points, int dim) {
  require(dim > 0 && points.size() % static_cast<std::size_t>(dim) == 0,
          "birthday: ", points.size(), " values are no whole number of rows of ", dim);
  const auto rows = static_cast<std::int64_t>(points.size()) / dim;
  require(rows >= 2, "birthday: ", rows, " points have no pair");
  require(std::all_of(points.begin(), points.end(), [](float x) { return std::isfinite(x); }),
          "birthday: a value is not finite");
  return rows;
}

float squared_distance(const float* a, const float* b, int dim) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int d = 0; d < dim; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

}  // namespace

double duplicate_distance(std::span<const float> points, int dim, double share) {
  const std::int64_t n = check_rows(points, dim);
  require(share > 0 && share <= 1, "birthday: a share of ", share, " is not in (0, 1]");
  std::vector<float> nearest(static_cast<std::size_t>(n), std::numeric_limits<float>::max());
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      if (i == j) continue;
      nearest[i] = std::min(nearest[i], squared_distance(&points[i * dim], &points[j * dim], dim));
    }
  }
  // The smallest distance that at least this share reaches; less than it is nearer than that.
  const auto rank = static_cast<std::int64_t>(share * static_cast<double>(n));
  const auto place = nearest.begin() + std::min(rank, n - 1);
  std::nth_element(nearest.begin(), place, nearest.end());
  return std::sqrt(static_cast<double>(*place));
}

Birthday birthday_support(std::span<const float> samples, int dim, double distance) {
  const std::int64_t n = check_rows(samples, dim);
  const double limit = distance * distance;
  std::int64_t duplicates = 0;
#pragma omp parallel for schedule(dynamic, 16) reduction(+ : duplicates)
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      duplicates += squared_distance(&samples[i * dim], &samples[j * dim], dim) < limit;
    }
  }
  Birthday result{.pairs = n * (n - 1) / 2, .duplicates = duplicates};
  result.support = static_cast<double>(result.pairs) / static_cast<double>(duplicates);
  // Without a duplicate among s (s - 1) / 2 pairs with probability (1 - p)^that = 1/2; all pairs
  // duplicates: the first two.
  const double p = 1 / result.support;
  const double wanted =
      duplicates == result.pairs ? 1.0 : std::max(1.0, -std::numbers::ln2 / std::log1p(-p));
  result.batch = 0.5 + std::sqrt(0.25 + 2 * wanted);
  return result;
}

}  // namespace etude
