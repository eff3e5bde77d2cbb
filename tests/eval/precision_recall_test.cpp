#include "eval/precision_recall.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Features = std::vector<float>;

double squared_distance(const Features& a, size_t i, const Features& b, size_t j, int dim) {
  double sum = 0;
  for (int d = 0; d < dim; ++d) {
    const double difference = static_cast<double>(a[i * dim + d]) - b[j * dim + d];
    sum += difference * difference;
  }
  return sum;
}

/// Share of `points` in the balls of `manifold`, from the definition, in double.
double brute_force_share(const Features& points, const Features& manifold, int dim, int k) {
  const size_t count = manifold.size() / dim;
  std::vector<double> radii;
  for (size_t i = 0; i < count; ++i) {
    std::vector<double> others;
    for (size_t j = 0; j < count; ++j) {
      if (j != i) others.push_back(squared_distance(manifold, i, manifold, j, dim));
    }
    std::sort(others.begin(), others.end());
    radii.push_back(others[k - 1]);
  }
  size_t inside = 0;
  for (size_t i = 0; i < points.size() / dim; ++i) {
    bool in_any = false;
    for (size_t j = 0; j < count; ++j) {
      in_any |= squared_distance(points, i, manifold, j, dim) <= radii[j];
    }
    inside += in_any;
  }
  return static_cast<double>(inside) / (points.size() / dim);
}

Features normal(std::mt19937& generator, int count, int dim, float mean, float sd) {
  std::normal_distribution<float> distribution(mean, sd);
  Features features(static_cast<size_t>(count) * dim);
  for (float& value : features) value = distribution(generator);
  return features;
}

TEST_CASE("precision and recall by hand, in one dimension") {
  // k = 1. Balls of the real points 0, 1, 10: radii 1, 1, 9: [-1, 1] [0, 2] [1, 19].
  const Features real = {0, 1, 10};
  // Balls of the generated points 2, 3, 30, 31: radii 1: [1, 3] [2, 4] [29, 31] [30, 32].
  const Features generated = {2, 3, 30, 31};
  const PrecisionRecall result = precision_recall(real, generated, 1, 1);
  CHECK(result.precision == 0.5);                    // 2 and 3
  CHECK(result.recall == doctest::Approx(1.0 / 3));  // 1, on the edge of [1, 3]
}

TEST_CASE("precision and recall agree with the definition") {
  std::mt19937 generator(1);
  const int shapes[][4] = {{4, 4, 1, 3},    {5, 9, 2, 3},     {31, 33, 7, 3},
                           {64, 50, 16, 1}, {127, 129, 5, 5}, {40, 200, 33, 3}};
  for (const auto& [num_real, num_generated, dim, k] : shapes) {
    CAPTURE(num_real);
    CAPTURE(num_generated);
    const Features real = normal(generator, num_real, dim, 0, 1);
    const Features generated = normal(generator, num_generated, dim, 0.2f, 0.8f);
    const PrecisionRecall result = precision_recall(real, generated, dim, k);
    CHECK(result.precision == brute_force_share(generated, real, dim, k));
    CHECK(result.recall == brute_force_share(real, generated, dim, k));
  }
}

TEST_CASE("precision and recall: a common offset does not drown the distances") {
  std::mt19937 generator(2);
  const Features real = normal(generator, 60, 8, 1000, 0.01f);
  const Features generated = normal(generator, 60, 8, 1000, 0.01f);
  const PrecisionRecall result = precision_recall(real, generated, 8);
  CHECK(result.precision == brute_force_share(generated, real, 8, 3));
  CHECK(result.recall == brute_force_share(real, generated, 8, 3));
}

TEST_CASE("precision and recall: the same set is perfect, sets far apart have nothing in common") {
  std::mt19937 generator(3);
  const Features real = normal(generator, 50, 19, 0, 1);
  const PrecisionRecall same = precision_recall(real, real, 19);
  CHECK(same.precision == 1);
  CHECK(same.recall == 1);
  const PrecisionRecall apart = precision_recall(real, normal(generator, 50, 19, 100, 1), 19);
  CHECK(apart.precision == 0);
  CHECK(apart.recall == 0);
}

TEST_CASE("precision and recall: copies have radius 0 and still hold their own kind, exactly") {
  std::mt19937 generator(4);
  const int dim = 37;
  const Features real = normal(generator, 40, dim, 3, 1);
  // A collapsed generator: one real sample, many times. All on the manifold, only one recalled.
  Features collapsed;
  for (int i = 0; i < 20; ++i) {
    collapsed.insert(collapsed.end(), real.begin() + 7 * dim, real.begin() + 8 * dim);
  }
  const PrecisionRecall result = precision_recall(real, collapsed, dim);
  CHECK(result.precision == 1);
  CHECK(result.recall == 1.0 / 40);
  // k copies besides the point itself: the radius is 0, and one of them fewer makes it positive.
  Features pairs = {0, 0, 0, 0, 5, 6, 7, 8};
  CHECK(precision_recall(pairs, Features{0.5f, 20, 30, 40}, 1, 3).precision == 0);
  pairs[3] = 1;
  CHECK(precision_recall(pairs, Features{0.5f, 20, 30, 40}, 1, 3).precision == 0.25);
}

TEST_CASE("precision and recall refuse too few rows, broken shapes and NaN") {
  const Features four(8), three(6);
  CHECK_NOTHROW(precision_recall(four, four, 2));
  CHECK_THROWS_AS(precision_recall(four, three, 2), Error);
  CHECK_THROWS_AS(precision_recall(three, four, 2), Error);
  CHECK_THROWS_AS(precision_recall(four, four, 3), Error);
  CHECK_THROWS_AS(precision_recall(four, four, 0), Error);
  Features broken = four;
  broken[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(precision_recall(four, broken, 2), Error);
}

}  // namespace
}  // namespace etude
