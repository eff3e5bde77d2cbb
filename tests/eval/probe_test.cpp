#include "eval/probe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Points = std::vector<float>;
using Labels = std::vector<int>;
using doctest::Approx;

/// The objective of fit_probe from its formula, for points that are standardised already.
double objective(const Points& points, const Labels& labels, int dim, int classes, double l2,
                 const std::vector<double>& w) {
  double loss = 0;
  for (double value : w) loss += l2 / 2 * value * value;
  for (size_t n = 0; n < labels.size(); ++n) {
    std::vector<double> score;
    double sum = 0;
    for (int c = 0; c < classes; ++c) {
      const double* row = &w[c * (dim + 1)];
      double s = row[dim];
      for (int d = 0; d < dim; ++d) s += row[d] * points[n * dim + d];
      score.push_back(s);
      sum += std::exp(s);
    }
    loss += std::log(sum) - score[labels[n]];
  }
  return loss;
}

/// Each coordinate is +1 in one half of the rows and -1 in the other: mean 0, deviation 1.
Points standardised(std::mt19937& generator, int count, int dim) {
  Points points(static_cast<size_t>(count) * dim);
  for (int d = 0; d < dim; ++d) {
    std::vector<float> column(count, 1);
    std::fill(column.begin(), column.begin() + count / 2, -1.0f);
    std::shuffle(column.begin(), column.end(), generator);
    for (int n = 0; n < count; ++n) points[n * dim + d] = column[n];
  }
  return points;
}

TEST_CASE("probe by hand: two points, one dimension") {
  // By symmetry w = (-u, u) without biases; the derivative of 2 ln(1 + exp(-2u)) + l2 u^2 is zero.
  for (const double l2 : {0.01, 1.0, 30.0}) {
    const LinearProbe probe = fit_probe(Points{-1, 1}, Labels{0, 1}, 1, 2, l2);
    const double u = probe.weights[2];
    CHECK(4 / (1 + std::exp(2 * u)) == Approx(2 * l2 * u).epsilon(1e-8));
    CHECK(probe.weights[0] == Approx(-u));
    CHECK(std::abs(probe.weights[1]) < 1e-8);
    CHECK(std::abs(probe.weights[3]) < 1e-8);
  }
}

TEST_CASE("probe: no step in any direction lowers the objective") {
  std::mt19937 generator(3);
  const int dim = 3, classes = 4, count = 40;
  const Points points = standardised(generator, count, dim);
  Labels labels;
  for (int n = 0; n < count; ++n) labels.push_back(static_cast<int>(generator() % classes));
  for (const double l2 : {1e-3, 1.0}) {
    const LinearProbe probe = fit_probe(points, labels, dim, classes, l2);
    for (size_t i = 0; i < probe.weights.size(); ++i) {
      const double h = 1e-4;
      std::vector<double> up = probe.weights, down = probe.weights;
      up[i] += h;
      down[i] -= h;
      const double slope = (objective(points, labels, dim, classes, l2, up) -
                            objective(points, labels, dim, classes, l2, down)) /
                           (2 * h);
      CHECK(std::abs(slope) < 1e-6);
    }
  }
}

TEST_CASE("probe: units and offsets of the features do not matter, constant ones are ignored") {
  std::mt19937 generator(4);
  std::normal_distribution<float> normal;
  Points points, scaled;
  Labels labels;
  for (int n = 0; n < 60; ++n) {
    const float u = normal(generator), v = normal(generator);
    points.insert(points.end(), {u, v, 0.1f});
    scaled.insert(scaled.end(), {1e-4f * u, 1e4f * v + 500, 0.1f});
    labels.push_back(u + 2 * v + 0.5f * normal(generator) > 0.2f);
  }
  const LinearProbe probe = fit_probe(points, labels, 3, 2);
  const LinearProbe other = fit_probe(scaled, labels, 3, 2);
  for (size_t i = 0; i < probe.weights.size(); ++i) {
    CHECK(other.weights[i] == Approx(probe.weights[i]).epsilon(1e-4));
  }
  CHECK(std::abs(probe.weights[2]) < 1e-12);
  CHECK(probe.predict(points) == other.predict(scaled));
  CHECK(fit_probe(points, labels, 3, 2).weights == probe.weights);  // deterministic
  CHECK(probe_accuracy(points, labels, points, labels, 3, 2) > 0.85);
}

TEST_CASE("probe reads what a line can tell, on new points, and not more") {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal(0, 0.3f);
  const auto draw = [&](int count, Points& points, Labels& labels) {
    for (int n = 0; n < count; ++n) {
      labels.push_back(n % 3);
      points.push_back(3 * std::cos(2.1f * static_cast<float>(n % 3)) + normal(generator));
      points.push_back(3 * std::sin(2.1f * static_cast<float>(n % 3)) + normal(generator));
    }
  };
  Points train, test;
  Labels train_labels, test_labels;
  draw(90, train, train_labels);
  draw(60, test, test_labels);
  CHECK(probe_accuracy(train, train_labels, test, test_labels, 2, 3) == 1);
  CHECK(probe_accuracy(train, train_labels, test, test_labels, 2, 3, 1e-6) == 1);  // separable
  test_labels[0] = 1;
  CHECK(probe_accuracy(train, train_labels, test, test_labels, 2, 3) == Approx(59.0 / 60));
  // Exclusive or: by symmetry the optimum is w = 0, so every label is the first.
  const Points corners = {-1, -1, -1, 1, 1, -1, 1, 1};
  CHECK(fit_probe(corners, Labels{0, 1, 1, 0}, 2, 2).predict(corners) == Labels{0, 0, 0, 0});
}

TEST_CASE("probe: labels that do not occur, a single label, a single point") {
  const Points points = {-2, -1, 1, 2};
  const LinearProbe gaps = fit_probe(points, Labels{1, 1, 4, 4}, 1, 6);
  CHECK(gaps.predict(points) == Labels{1, 1, 4, 4});
  CHECK(fit_probe(points, Labels{2, 2, 2, 2}, 1, 3).predict(points) == Labels{2, 2, 2, 2});
  CHECK(fit_probe(points, Labels{0, 0, 0, 0}, 1, 1).predict(points) == Labels{0, 0, 0, 0});
  CHECK(fit_probe(Points{5}, Labels{1}, 1, 2).predict(Points{-3, 5}) == Labels{1, 1});
}

TEST_CASE("probe refuses broken shapes, labels, numbers") {
  const Points points = {-2, -1, 1, 2};
  const Labels labels = {0, 0, 1, 1};
  CHECK_NOTHROW(fit_probe(points, labels, 1, 2));
  CHECK_THROWS_AS(fit_probe({}, {}, 1, 2), Error);
  CHECK_THROWS_AS(fit_probe(points, labels, 3, 2), Error);
  CHECK_THROWS_AS(fit_probe(points, labels, 2, 2), Error);
  CHECK_THROWS_AS(fit_probe(points, labels, 1, 1), Error);
  CHECK_THROWS_AS(fit_probe(points, Labels{0, 0, 1, -1}, 1, 2), Error);
  CHECK_THROWS_AS(fit_probe(points, labels, 1, 2, 0), Error);
  Points broken = points;
  broken[1] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(fit_probe(broken, labels, 1, 2), Error);
  CHECK_THROWS_AS(fit_probe(points, labels, 1, 2).predict(broken), Error);
  CHECK_THROWS_AS(probe_accuracy(points, labels, points, Labels{0}, 1, 2), Error);
}

}  // namespace
}  // namespace etude
