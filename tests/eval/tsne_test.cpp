#include "eval/tsne.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/error.h"
#include "eval/latent.h"
#include "eval/points.h"

namespace etude {
namespace {

using Points = std::vector<float>;

/// Points and scikit-learn's embedding of them; see make_tsne_golden.py.
struct Golden {
  int dim, k;
  double preservation, trustworthiness;
  std::vector<int> labels;
  Points points, embedding;
};

Golden read_golden() {
  std::ifstream file("tests/eval/tsne_golden.txt");
  Golden g;
  std::string name;
  int count = 0;
  file >> name >> count >> g.dim >> name >> g.k >> g.preservation >> name >> g.k >>
      g.trustworthiness;
  const auto read = [&](auto& values, int number) {
    for (int i = 0; i < number; ++i) file >> values.emplace_back();
  };
  for (int n = 0; n < count; ++n) {
    read(g.labels, 1);
    read(g.points, g.dim);
    read(g.embedding, 2);
  }
  REQUIRE(file.good());
  REQUIRE(count > 0);
  return g;
}

/// rank[i][j]: how many other points are nearer to i than j is.
std::vector<std::vector<int>> ranks(const Points& points, int dim) {
  const int count = static_cast<int>(points.size()) / dim;
  std::vector<std::vector<int>> rank(count, std::vector<int>(count));
  for (int i = 0; i < count; ++i) {
    std::vector<std::pair<double, int>> order;
    for (int j = 0; j < count; ++j) {
      if (j != i) order.emplace_back(squared_distance(&points[i * dim], &points[j * dim], dim), j);
    }
    std::sort(order.begin(), order.end());
    for (int r = 0; r < count - 1; ++r) rank[i][order[r].second] = r;
  }
  return rank;
}

/// 1 less the mean rank by which neighbours in the embedding were not neighbours before.
/// Source: Venna & Kaski 2001, "Neighborhood preservation in nonlinear projection methods".
double trustworthiness(const Points& points, int dim, const Points& embedding, int k) {
  const auto before = ranks(points, dim), after = ranks(embedding, 2);
  const int count = static_cast<int>(before.size());
  double penalty = 0;
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < count; ++j) {
      if (j != i && after[i][j] < k) penalty += std::max(before[i][j] + 1 - k, 0);
    }
  }
  return 1 - penalty * 2 / (static_cast<double>(count) * k * (2 * count - 3 * k - 1));
}

Points clusters(int count, int dim, float distance) {
  std::mt19937 generator(7);
  std::normal_distribution<float> normal;
  Points points;
  for (int n = 0; n < count; ++n) {
    for (int d = 0; d < dim; ++d) points.push_back(normal(generator) + distance * (n % 2));
  }
  return points;
}

TEST_CASE("t-SNE keeps neighbourhoods as scikit-learn's does") {
  const Golden g = read_golden();
  // The measures agree with scikit-learn's on its own embedding (six digits).
  CHECK(neighbourhood_preservation(g.points, g.dim, g.embedding, 2, g.k) ==
        doctest::Approx(g.preservation).epsilon(1e-6));
  CHECK(trustworthiness(g.points, g.dim, g.embedding, g.k) ==
        doctest::Approx(g.trustworthiness).epsilon(1e-6));
  const Points y = tsne(g.points, g.dim);
  CHECK(neighbourhood_preservation(g.points, g.dim, y, 2, g.k) > g.preservation - 0.01);
  CHECK(trustworthiness(g.points, g.dim, y, g.k) > g.trustworthiness - 0.001);
  CHECK(nearest_neighbour_accuracy(y, g.labels, 2) == 1);
  CHECK(silhouette(y, 2, g.labels) > silhouette(g.embedding, 2, g.labels) - 0.02);
}

TEST_CASE("t-SNE: centred, deterministic, whatever the units and the offset") {
  const Points points = clusters(150, 3, 6);
  const TsneOptions options{.perplexity = 10, .iterations = 400};
  const Points y = tsne(points, 3, options);
  CHECK(y.size() == 300);
  CHECK(tsne(points, 3, options) == y);
  double mean[2] = {};
  for (size_t i = 0; i < y.size(); ++i) mean[i % 2] += y[i] / 150;
  CHECK(std::abs(mean[0]) < 1e-3);
  CHECK(std::abs(mean[1]) < 1e-3);
  const double kept = neighbourhood_preservation(points, 3, y, 2, 5);
  CHECK(kept > 0.6);
  Points scaled = points;
  for (float& value : scaled) value = 1000 + 0.125f * value;
  CHECK(neighbourhood_preservation(points, 3, tsne(scaled, 3, options), 2, 5) > kept - 0.05);
  TsneOptions other = options;
  other.seed = 2;
  CHECK(tsne(points, 3, other) != y);
}

TEST_CASE("t-SNE: the start is the plane of the principal components") {
  // Deviations 10, 3 and 0.1 along the axes 2, 0 and 1.
  std::mt19937 generator(8);
  std::normal_distribution<float> normal;
  Points points;
  for (int n = 0; n < 200; ++n) {
    const float a = normal(generator), b = normal(generator), c = normal(generator);
    points.insert(points.end(), {3 * a, 0.1f * b, 10 * c});
  }
  const Points y = tsne(points, 3, {.iterations = 0});
  const auto correlation = [&](int axis, int column) {
    double xx = 0, yy = 0, xy = 0, mean = 0;
    for (int n = 0; n < 200; ++n) mean += points[n * 3 + axis] / 200;
    for (int n = 0; n < 200; ++n) {
      const double u = points[n * 3 + axis] - mean, v = y[n * 2 + column];
      xx += u * u;
      yy += v * v;
      xy += u * v;
    }
    return std::abs(xy) / std::sqrt(xx * yy);
  };
  CHECK(correlation(2, 0) > 0.99);
  CHECK(correlation(0, 1) > 0.99);
  double squares = 0;
  for (int n = 0; n < 200; ++n) squares += y[n * 2] * y[n * 2] / 200;
  CHECK(std::sqrt(squares) == doctest::Approx(1e-4).epsilon(0.01));
}

TEST_CASE("t-SNE of equal points, of a line, of few points") {
  const auto finite = [](const Points& y) {
    return std::all_of(y.begin(), y.end(), [](float value) { return std::isfinite(value); });
  };
  const TsneOptions options{.perplexity = 3};
  const Points equal = tsne(Points(40, 2.5f), 2, options);  // no direction, no scale
  CHECK(finite(equal));
  CHECK(squared_distance(&equal[0], &equal[2], 2) > 0);
  Points line;
  for (int n = 0; n < 60; ++n) line.push_back(static_cast<float>(n / 2));  // in pairs
  const Points y = tsne(line, 1, options);
  CHECK(finite(y));
  CHECK(neighbourhood_preservation(line, 1, y, 2, 1) > 0.9);
  Points copies = clusters(30, 4, 8);
  for (size_t i = 0; i < 12 * 4; ++i) copies[i] = copies[i % 4];  // more copies than neighbours
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Points map = tsne(copies, 4, {.perplexity = 3, .seed = seed});
    CHECK(finite(map));
    CHECK(*std::ranges::max_element(map) < 200);  // does not fly apart
  }
  CHECK(finite(tsne(Points{0, 1, 5, 6}, 1, {.perplexity = 1.5, .iterations = 50})));
}

TEST_CASE("neighbourhood preservation by hand") {
  const Points points = {0, 1, 3, 7, 15};  // nearest: 1, 0, 1, 3, 7
  CHECK(neighbourhood_preservation(points, 1, points, 1, 1) == 1);
  // Reversed, mirrored and stretched nothing changes; 7 moved next to 15 changes 7 and 15 (k = 1:
  // 15's nearest was 7 before).
  CHECK(neighbourhood_preservation(points, 1, Points{30, 28, 24, 16, 0}, 1, 2) == 1);
  CHECK(neighbourhood_preservation(points, 1, Points{0, 1, 3, 14, 15}, 1, 1) ==
        doctest::Approx(0.8));
  // k = 2: {1 3} {0 3} {1 0} {3 1} {7 3} against {1 3} {0 3} {1 0} {15 3} {14 3}.
  CHECK(neighbourhood_preservation(points, 1, Points{0, 1, 3, 14, 15}, 1, 2) ==
        doctest::Approx(0.9));
  CHECK(neighbourhood_preservation(points, 1, Points{4, 0, 9, 2, 1}, 1, 4) == 1);  // all others
  // Of equally near ones the first: 1, 0, 0, 0 against 1, 0, 1, 2.
  CHECK(neighbourhood_preservation(Points(4, 0.0f), 1, Points{0, 1, 10, 20}, 1, 1) == 0.5);
}

TEST_CASE("t-SNE and neighbourhood preservation refuse what they cannot place") {
  const Points points = clusters(10, 2, 3);
  CHECK_NOTHROW(tsne(points, 2, {.perplexity = 8.9, .iterations = 1}));
  CHECK_THROWS_AS(tsne(points, 2, {.perplexity = 9}), Error);
  CHECK_THROWS_AS(tsne(points, 2, {.perplexity = 1}), Error);
  CHECK_THROWS_AS(tsne(points, 2, {.perplexity = 3, .iterations = -1}), Error);
  CHECK_THROWS_AS(tsne(points, 2, {.perplexity = 3, .exaggeration = 0.5}), Error);
  CHECK_THROWS_AS(tsne(points, 3, {.perplexity = 3}), Error);
  CHECK_THROWS_AS(tsne({}, 2, {.perplexity = 3}), Error);
  Points broken = points;
  broken[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(tsne(broken, 2, {.perplexity = 3}), Error);
  CHECK_THROWS_AS(neighbourhood_preservation(points, 2, points, 2, 0), Error);
  CHECK_THROWS_AS(neighbourhood_preservation(points, 2, points, 2, 10), Error);
  CHECK_THROWS_AS(neighbourhood_preservation(points, 2, points, 1, 3), Error);
  CHECK_THROWS_AS(neighbourhood_preservation(points, 2, broken, 2, 3), Error);
}

}  // namespace
}  // namespace etude
