#include "eval/latent.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "eval/points.h"

namespace etude {
namespace {

/// The styles numbered from 0 without gaps.
struct Styles {
  std::vector<int> of_point;
  std::vector<std::int64_t> sizes;

  size_t count() const { return sizes.size(); }
};

Styles number_styles(const char* who, std::span<const int> labels) {
  std::map<int, int> numbers;
  Styles styles;
  for (const int label : labels) {
    const int number = numbers.try_emplace(label, static_cast<int>(numbers.size())).first->second;
    styles.sizes.resize(numbers.size());
    styles.of_point.push_back(number);
    ++styles.sizes[number];
  }
  require(styles.count() > 1, who, ": needs at least two styles, all ", labels.size(),
          " labels are ", labels[0]);
  return styles;
}

/// [styles, dim].
std::vector<double> style_means(std::span<const float> points, int dim, const Styles& styles) {
  std::vector<double> means(styles.count() * dim);
  for (size_t i = 0; i < points.size(); ++i) {
    const int style = styles.of_point[i / dim];
    means[static_cast<size_t>(style) * dim + i % dim] +=
        static_cast<double>(points[i]) / static_cast<double>(styles.sizes[style]);
  }
  return means;
}

/// Points made ready for one of the distances.
class Metric {
 public:
  Metric(std::span<const float> points, int dim, Distance distance)
      : dim_(dim), distance_(distance), values_(points.begin(), points.end()) {
    if (distance == Distance::euclidean) return;
    for (size_t i = 0; i < values_.size(); i += dim) {
      const double length = std::sqrt(dot(&values_[i], &values_[i]));
      if (length == 0) continue;
      for (int d = 0; d < dim; ++d) values_[i + d] /= length;
    }
  }

  std::int64_t count() const { return static_cast<std::int64_t>(values_.size()) / dim_; }

  /// Index of the point nearest to query `q` of `queries`, leaving out point `skip`.
  std::int64_t nearest(const Metric& queries, std::int64_t q, std::int64_t skip = -1) const {
    std::int64_t best = -1;
    double least = std::numeric_limits<double>::infinity();
    for (std::int64_t n = 0; n < count(); ++n) {
      if (n == skip) continue;
      const double* a = &values_[n * dim_];
      const double* b = &queries.values_[q * dim_];
      const double d = distance_ == Distance::euclidean ? squared_distance(a, b, dim_) : -dot(a, b);
      if (d < least) {
        least = d;
        best = n;
      }
    }
    return best;
  }

 private:
  double dot(const double* a, const double* b) const {
    double sum = 0;
    for (int d = 0; d < dim_; ++d) sum += a[d] * b[d];
    return sum;
  }

  int dim_;
  Distance distance_;
  std::vector<double> values_;
};

double share_equal(std::span<const int> a, std::span<const int> b) {
  std::int64_t equal = 0;
  for (size_t n = 0; n < a.size(); ++n) equal += a[n] == b[n];
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace

int collapsed_dimensions(std::span<const double> kl_per_dimension, double threshold) {
  require(!kl_per_dimension.empty(), "collapsed dimensions: no dimensions");
  int collapsed = 0;
  for (size_t d = 0; d < kl_per_dimension.size(); ++d) {
    const double kl = kl_per_dimension[d];
    require(std::isfinite(kl) && kl >= -1e-4, "collapsed dimensions: KL ", kl, " of dimension ", d);
    collapsed += kl < threshold;
  }
  return collapsed;
}

int active_units(std::span<const float> means, int dim, double least) {
  const std::int64_t count = count_points("active units", means, dim);
  int active = 0;
  for (int d = 0; d < dim; ++d) {
    double mean = 0, squares = 0;
    for (std::int64_t n = 0; n < count; ++n) mean += means[n * dim + d];
    mean /= static_cast<double>(count);
    for (std::int64_t n = 0; n < count; ++n) {
      squares += (means[n * dim + d] - mean) * (means[n * dim + d] - mean);
    }
    active += squares / static_cast<double>(count) > least;
  }
  return active;
}

double disentanglement(std::span<const float> points, int dim, std::span<const int> labels) {
  const std::int64_t count = count_points("disentanglement", points, dim, labels);
  const Styles styles = number_styles("disentanglement", labels);
  const std::vector<double> means = style_means(points, dim, styles);
  const double num_styles = static_cast<double>(styles.count());
  std::vector<double> centre(dim);
  for (size_t i = 0; i < means.size(); ++i) centre[i % dim] += means[i] / num_styles;
  double between = 0, within = 0;
  for (size_t s = 0; s < styles.count(); ++s) {
    between += squared_distance(&means[s * dim], centre.data(), dim) / num_styles;
  }
  for (std::int64_t n = 0; n < count; ++n) {
    const int style = styles.of_point[n];
    double squares = 0;
    for (int d = 0; d < dim; ++d) {
      const double from_mean = points[n * dim + d] - means[static_cast<size_t>(style) * dim + d];
      squares += from_mean * from_mean;
    }
    within += squares / (static_cast<double>(styles.sizes[style]) * num_styles);
  }
  return between > 0 ? between / within : 0;
}

double silhouette(std::span<const float> points, int dim, std::span<const int> labels) {
  const std::int64_t count = count_points("silhouette", points, dim, labels);
  const Styles styles = number_styles("silhouette", labels);
  std::vector<double> widths(count);
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < count; ++n) {
    const int own = styles.of_point[n];
    if (styles.sizes[own] == 1) continue;
    std::vector<double> sums(styles.count());
    for (std::int64_t j = 0; j < count; ++j) {
      sums[styles.of_point[j]] +=
          std::sqrt(squared_distance(&points[n * dim], &points[j * dim], dim));
    }
    const double a = sums[own] / static_cast<double>(styles.sizes[own] - 1);
    double b = std::numeric_limits<double>::infinity();
    for (int s = 0; s < static_cast<int>(sums.size()); ++s) {
      if (s != own) b = std::min(b, sums[s] / static_cast<double>(styles.sizes[s]));
    }
    if (std::max(a, b) > 0) widths[n] = (b - a) / std::max(a, b);
  }
  double sum = 0;
  for (const double width : widths) sum += width;  // in order: the same bits at any thread count
  return sum / static_cast<double>(count);
}

std::vector<int> nearest_labels(std::span<const float> points, std::span<const int> labels,
                                std::span<const float> queries, int dim, Distance distance) {
  count_points("nearest labels", points, dim, labels);
  const std::int64_t count = count_points("nearest labels", queries, dim);
  const Metric known(points, dim, distance), asked(queries, dim, distance);
  std::vector<int> found(count);
#pragma omp parallel for schedule(static)
  for (std::int64_t q = 0; q < count; ++q) found[q] = labels[known.nearest(asked, q)];
  return found;
}

double nearest_neighbour_accuracy(std::span<const float> points, std::span<const int> labels,
                                  int dim, Distance distance) {
  const std::int64_t count = count_points("nearest-neighbour accuracy", points, dim, labels);
  require(count > 1, "nearest-neighbour accuracy: a single point has no neighbour");
  const Metric known(points, dim, distance);
  std::vector<int> found(count);
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < count; ++n) found[n] = labels[known.nearest(known, n, n)];
  return share_equal(found, labels);
}

double nearest_neighbour_accuracy(std::span<const float> train, std::span<const int> train_labels,
                                  std::span<const float> test, std::span<const int> test_labels,
                                  int dim, Distance distance) {
  count_points("nearest-neighbour accuracy", test, dim, test_labels);
  return share_equal(nearest_labels(train, train_labels, test, dim, distance), test_labels);
}

}  // namespace etude
