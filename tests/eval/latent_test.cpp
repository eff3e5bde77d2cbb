#include "eval/latent.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Points = std::vector<float>;
using Labels = std::vector<int>;
using doctest::Approx;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST_CASE("collapsed dimensions lie below the threshold, not on it") {
  const std::vector<double> kl = {0.009, 0.01, 0.05,
                                  1.2,   0,    -1e-6};  // the last: 0, but for rounding
  CHECK(collapsed_dimensions(kl, 0.01) == 3);
  CHECK(collapsed_dimensions(kl, 0.02) == 4);
  CHECK(collapsed_dimensions(kl, 0.1) == 5);
  CHECK(collapsed_dimensions(kl, 0) == 1);
  CHECK_THROWS_AS(collapsed_dimensions({}, 0.1), Error);
  CHECK_THROWS_AS(collapsed_dimensions(std::vector<double>{0.1, kNan}, 0.1), Error);
  CHECK_THROWS_AS(collapsed_dimensions(std::vector<double>{-0.5}, 0.1), Error);
}

TEST_CASE("active units: the population variance of each column of means") {
  // Columns: constant; +-0.5, variance 1/4; 1000 +- 0.0625, variance 1/256, far from zero.
  const Points means = {3, -0.5f, 1000.0625f, 3, 0.5f, 999.9375f};
  CHECK(active_units(means, 3) == 1);
  CHECK(active_units(means, 3, 1.0 / 512) == 2);
  CHECK(active_units(means, 3, 1.0 / 256) == 1);  // more than `least`
  CHECK(active_units(means, 3, -1) == 3);
  CHECK(active_units(means, 6) == 0);  // a single row does not vary
  CHECK_THROWS_AS(active_units({}, 3), Error);
  CHECK_THROWS_AS(active_units(means, 4), Error);
  CHECK_THROWS_AS(active_units(means, 0), Error);
  CHECK_THROWS_AS(active_units(Points{0, kNan}, 1), Error);
}

TEST_CASE("disentanglement by hand") {
  // Style 7: (0, 0) (2, 0): mean (1, 0), variance 1. Style 2: (5, 3) (5, 5) (5, 4) (5, 4): mean
  // (5, 4), variance 1/2. Centre of the means (3, 2): B = 8 in spite of the unequal sizes.
  const Points points = {0, 0, 2, 0, 5, 3, 5, 5, 5, 4, 5, 4};
  const Labels labels = {7, 7, 2, 2, 2, 2};
  CHECK(disentanglement(points, 2, labels) == Approx(8 / 0.75));
  Points scaled = points;
  for (float& value : scaled) value = 100 + 8 * value;
  CHECK(disentanglement(scaled, 2, labels) == Approx(8 / 0.75));
  CHECK(disentanglement(points, 2, Labels{0, 1, 2, 3, 4, 5}) == INFINITY);
  CHECK(disentanglement(Points(12, 4.0f), 2, labels) == 0);                  // all points equal
  CHECK(disentanglement(Points{-1, 1, 1, -1}, 1, Labels{0, 0, 1, 1}) == 0);  // equal means
}

TEST_CASE("disentanglement and silhouette refuse one style, wrong labels, NaN") {
  const Points points = {0, 1, 2, 3};
  for (const auto measure : {disentanglement, silhouette}) {
    CHECK_THROWS_AS(measure(points, 1, Labels{3, 3, 3, 3}), Error);
    CHECK_THROWS_AS(measure(points, 1, Labels{0, 1, 0}), Error);
    CHECK_THROWS_AS(measure(points, 1, Labels{0, 1, -1, 0}), Error);
    CHECK_THROWS_AS(measure(points, 3, Labels{0}), Error);
    CHECK_THROWS_AS(measure({}, 1, {}), Error);
    CHECK_THROWS_AS(measure(Points{0, kNan}, 1, Labels{0, 1}), Error);
  }
}

TEST_CASE("silhouette by hand") {
  // 0 and 1 of style 0, 4 and 6 of style 5, 20 alone in style 9.
  //   0: a = 1, b = 5: 4/5.   1: a = 1, b = 4: 3/4.   20: 0.
  //   4: a = 2, b = (4 + 3) / 2: 3/7.   6: a = 2, b = (6 + 5) / 2: 7/11.
  const Points points = {0, 4, 1, 20, 6};
  const Labels labels = {0, 5, 0, 9, 5};
  CHECK(silhouette(points, 1, labels) == Approx((0.8 + 0.75 + 3.0 / 7 + 7.0 / 11) / 5));
  // Two dimensions, Euclidean: a = 5 (3-4-5 triangle), b = 10 and, of (3, 4), sqrt(9 + 36).
  const Points plane = {0, 0, 3, 4, 0, 10};
  const double b = std::sqrt(45.0);
  CHECK(silhouette(plane, 2, Labels{0, 0, 1}) == Approx((0.5 + (b - 5) / b) / 3));
  CHECK(silhouette(Points{0, 0, 1, 1}, 1, Labels{0, 0, 1, 1}) == 1);
  CHECK(silhouette(Points{0, 2, 0, 2}, 1, Labels{0, 0, 1, 1}) == Approx(-0.5));  // a = 2, b = 1
  CHECK(silhouette(Points{1, 1, 1, 1}, 1, Labels{0, 0, 1, 1}) == 0);             // 0 / 0
}

TEST_CASE("nearest neighbour: the two distances see different neighbours") {
  const Points train = {1, 0, 10, 10, 0, 0};  // the last: no direction
  const Labels labels = {4, 6, 8};
  const Points test = {2, 2, 0.2f, 0, -5, -5};
  CHECK(nearest_labels(train, labels, test, 2) == Labels{4, 8, 8});
  // Cosines of (-5, -5): -0.7, -1, and 0 with the zero vector.
  CHECK(nearest_labels(train, labels, test, 2, Distance::cosine) == Labels{6, 4, 8});
  // A zero query is equally far from everything: the first.
  CHECK(nearest_labels(train, labels, Points{0, 0}, 2, Distance::cosine) == Labels{4});
  CHECK(nearest_labels(Points{1, 3}, Labels{5, 3}, Points{2}, 1) == Labels{5});  // a tie
  CHECK(nearest_neighbour_accuracy(train, labels, test, Labels{4, 8, 4}, 2) == Approx(2.0 / 3));
  CHECK(nearest_neighbour_accuracy(train, labels, test, Labels{6, 4, 8}, 2, Distance::cosine) == 1);
}

TEST_CASE("nearest neighbour, each point left out once") {
  // Neighbours: 0 -> 1, 1 -> 0, 5 -> 7, 7 -> 5; and 100 -> 7.
  const Points points = {0, 1, 5, 7, 100};
  CHECK(nearest_neighbour_accuracy(points, Labels{0, 0, 1, 1, 1}, 1) == 1);
  CHECK(nearest_neighbour_accuracy(points, Labels{0, 1, 0, 1, 1}, 1) == Approx(0.2));
  CHECK(nearest_neighbour_accuracy(Points{3, 3}, Labels{0, 1}, 1) == 0);  // copies are neighbours
  // By direction (1, 0) (9, 1) (0, 1) (1, 9) pair up; by distance (9, 1) is nearest to (1, 0) too,
  // but (1, 0) to (0, 1).
  const Points plane = {1, 0, 9, 1, 0, 1, 1, 9};
  const Labels labels = {0, 0, 1, 1};
  CHECK(nearest_neighbour_accuracy(plane, labels, 2, Distance::cosine) == 1);
  CHECK(nearest_neighbour_accuracy(plane, labels, 2) == 0.5);
}

TEST_CASE("nearest neighbour refuses what has no neighbour") {
  CHECK_THROWS_AS(nearest_neighbour_accuracy(Points{1}, Labels{0}, 1), Error);
  CHECK_THROWS_AS(nearest_neighbour_accuracy({}, {}, 1), Error);
  CHECK_THROWS_AS(nearest_labels({}, {}, Points{1}, 1), Error);
  CHECK_THROWS_AS(nearest_labels(Points{1}, Labels{0}, {}, 1), Error);
  CHECK_THROWS_AS(nearest_labels(Points{1, 2}, Labels{0}, Points{1}, 1), Error);
  CHECK_THROWS_AS(nearest_neighbour_accuracy(Points{1}, Labels{0}, Points{1}, Labels{0, 1}, 1),
                  Error);
  CHECK_THROWS_AS(nearest_labels(Points{1}, Labels{0}, Points{kNan}, 1), Error);
}

}  // namespace
}  // namespace etude
