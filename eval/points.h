#pragma once
// What the measures of points in a space share: checks of their input, and the distance.

#include <cmath>
#include <cstdint>
#include <span>

#include "engine/error.h"

namespace etude {

/// N of points: [N, dim], rows contiguous. Error that names `who`: dim < 1, a size that is no
/// multiple of dim, no rows, a value that is not finite.
inline std::int64_t count_points(const char* who, std::span<const float> points, int dim) {
  require(dim > 0, who, ": points of ", dim, " dimensions");
  require(!points.empty(), who, ": no points");
  require(points.size() % dim == 0, who, ": ", points.size(), " values are no whole number of ",
          "points of ", dim, " dimensions");
  for (size_t i = 0; i < points.size(); ++i) {
    require(std::isfinite(points[i]), who, ": value ", i % dim, " of point ", i / dim,
            " is not finite");
  }
  return static_cast<std::int64_t>(points.size()) / dim;
}

/// As above, with a label >= 0 for each point. Labels need not be consecutive.
inline std::int64_t count_points(const char* who, std::span<const float> points, int dim,
                                 std::span<const int> labels) {
  const std::int64_t count = count_points(who, points, dim);
  require(static_cast<std::int64_t>(labels.size()) == count, who, ": ", labels.size(), " labels, ",
          count, " points");
  for (const int label : labels) require(label >= 0, who, ": label ", label, " is negative");
  return count;
}

/// |a - b|^2 of two points of the same dimension, summed in double: exact enough that points far
/// from the origin keep their order.
template <class T>
double squared_distance(const T* a, const T* b, int dim) {
  double sum = 0;
  for (int d = 0; d < dim; ++d) {
    const double difference = static_cast<double>(a[d]) - static_cast<double>(b[d]);
    sum += difference * difference;
  }
  return sum;
}

}  // namespace etude
