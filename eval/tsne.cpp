#include "eval/tsne.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/random.h"
#include "eval/points.h"

namespace etude {
namespace {

/// Rows whose pairs are worked on at a time, so that intermediate results stay in the cache.
constexpr std::int64_t kBlock = 128;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Points less their mean, in double: [N, dim].
Tensor centred(std::span<const float> points, std::int64_t count, int dim) {
  const Tensor x = cast(Tensor::from(points, {count, dim}), DType::f64);
  return x - mean(x, {0}, true);
}

/// |x_i - x_j|^2: [N, N], up to rounding, so not always >= 0.
std::vector<double> squared_distances(const Tensor& x) {
  const Tensor squares = sum(square(x), {1}, true);
  return (squares + transpose(squares) - 2 * matmul(x, transpose(x))).to_vector<double>();
}

/// Replaces row i of squared distances by p_{.|i}, with 0 for i itself.
void to_probabilities(std::span<double> row, std::int64_t i, double log_perplexity) {
  row[i] = std::numeric_limits<double>::infinity();
  const double nearest = *std::min_element(row.begin(), row.end());
  row[i] = nearest;
  double total = 0;
  for (double& d : row) total += d -= nearest;  // the factor exp(b nearest) cancels in p
  const double size = static_cast<double>(row.size());
  double beta = total > 0 ? size / total : 1, low = 0;
  double high = std::numeric_limits<double>::infinity();
  std::vector<double> p(row.size());
  double sum = 0;
  // Where equal points alone exceed the perplexity the entropy stays above it: then beta has grown
  // by 2^100 and p is uniform on them, which is what is wanted.
  for (int step = 0; step < 100; ++step) {
    double weighted = 0;
    sum = 0;
    for (size_t j = 0; j < row.size(); ++j) {
      p[j] = std::exp(-beta * row[j]);
      sum += p[j];
      weighted += p[j] * row[j];
    }
    sum -= p[i];
    const double entropy = std::log(sum) + beta * weighted / sum;
    if (std::abs(entropy - log_perplexity) < 1e-6) break;
    (entropy > log_perplexity ? low : high) = beta;
    beta = std::isinf(high) ? 2 * beta : (low + high) / 2;
  }
  for (size_t j = 0; j < row.size(); ++j) row[j] = p[j] / sum;
  row[i] = 0;
}

/// p_ij: [N, N], summing to 1.
Tensor affinities(const Tensor& x, double perplexity) {
  const std::int64_t count = x.dim(0);
  std::vector<double> p = squared_distances(x);
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    to_probabilities({&p[i * count], static_cast<size_t>(count)}, i, std::log(perplexity));
  }
  const Tensor conditional = Tensor::from(p, {count, count});
  const double scale = 0.5 / static_cast<double>(count);
  return cast(contiguous((conditional + transpose(conditional)) * scale), DType::f32);
}

/// Makes the two columns of v: [D, 2] orthonormal; a column of zeros stays.
void orthonormalise(std::vector<double>& v) {
  const auto dot = [&v](int a, int b) {
    double sum = 0;
    for (size_t i = 0; i < v.size(); i += 2) sum += v[i + a] * v[i + b];
    return sum;
  };
  const auto normalise = [&](int column) {
    const double length = std::sqrt(dot(column, column));
    for (size_t i = column; i < v.size() && length > 0; i += 2) v[i] /= length;
  };
  normalise(0);
  const double along = dot(0, 1);
  for (size_t i = 0; i < v.size(); i += 2) v[i + 1] -= along * v[i];
  normalise(1);
}

/// The start, [N, 2]. The principal components come from 50 rounds of orthogonal iteration (Golub &
/// Van Loan, section 8.2.4): where it has not converged the start is nearly as good.
std::vector<double> start(const Tensor& x, std::uint64_t seed) {
  constexpr double kDeviation = 1e-4;
  Generator generator(seed, 0);
  const Tensor covariance = matmul(transpose(x), x);
  std::vector<double> v = normal(generator, {x.dim(1), 2}, 0, 1, DType::f64).to_vector<double>();
  for (int round = 0; round < 50; ++round) {
    orthonormalise(v);
    v = matmul(covariance, Tensor::from(v, {x.dim(1), 2})).to_vector<double>();
  }
  orthonormalise(v);
  std::vector<double> y = matmul(x, Tensor::from(v, {x.dim(1), 2})).to_vector<double>();
  double squares = 0;
  for (size_t i = 0; i < y.size(); i += 2) squares += y[i] * y[i];
  const double deviation = std::sqrt(squares / static_cast<double>(x.dim(0)));
  const std::vector<double> noise =
      normal(generator, {x.dim(0), 2}, 0, 0.01 * kDeviation, DType::f64).to_vector<double>();
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = (deviation > 0 ? y[i] / deviation * kDeviation : 0) + noise[i];
  }
  return y;
}

/// dKL/dy: [N, 2]:
///   4 sum_j (e p_ij - q_ij) w_ij (y_i - y_j)
///     = 4 e (y_i sum_j a_ij - sum_j a_ij y_j) - 4 / Z (y_i sum_j w_ij^2 - sum_j w_ij^2 y_j)
/// with a = p w, Z = sum_{i != j} w_ij and the exaggeration e. So the sums over j are matrix
/// products with the columns (y, 1), and the pairs i = j cancel.
std::vector<double> gradient(const Tensor& p, const std::vector<double>& y, double exaggeration) {
  const std::int64_t count = p.dim(0);
  // left_i . right_j = 1 + |y_i - y_j|^2
  std::vector<double> left, right, columns;
  for (std::int64_t i = 0; i < count; ++i) {
    const double u = y[2 * i], v = y[2 * i + 1], squares = u * u + v * v;
    left.insert(left.end(), {-2 * u, -2 * v, 1 + squares, 1});
    right.insert(right.end(), {u, v, 1, squares});
    columns.insert(columns.end(), {u, v, 1});
  }
  const auto f32 = [count](const std::vector<double>& values, std::int64_t num_columns) {
    return cast(Tensor::from(values, {count, num_columns}), DType::f32);
  };
  const Tensor left_of = f32(left, 4), right_of = transpose(f32(right, 4));
  const Tensor one_of = f32(columns, 3);
  std::vector<double> pull(3 * count), push(3 * count);
  double z = -static_cast<double>(count);  // less the pairs i = j, of weight 1 each
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = std::min(begin + kBlock, count);
    // Far from the centre rounding would take 1 + |y_i - y_j|^2 of near points below 1, even to 0.
    const Tensor w =
        reciprocal(clamp(matmul(slice(left_of, 0, begin, end), right_of), 1, kInfinity));
    z += sum(w).item();
    const Tensor a = matmul(slice(p, 0, begin, end) * w, one_of);
    const Tensor b = matmul(square(w), one_of);
    std::ranges::copy(a.to_vector<double>(), pull.begin() + 3 * begin);
    std::ranges::copy(b.to_vector<double>(), push.begin() + 3 * begin);
  }
  std::vector<double> dy(y.size());
  for (size_t i = 0; i < dy.size(); ++i) {
    const size_t row = i / 2 * 3, column = row + i % 2;
    dy[i] = 4 * exaggeration * (y[i] * pull[row + 2] - pull[column]) -
            4 / z * (y[i] * push[row + 2] - push[column]);
  }
  return dy;
}

/// One step of gradient descent with momentum and a gain for each coordinate, which grows while the
/// gradient and the last step agree (Jacobs 1988).
struct Descent {
  std::vector<double> step, gain;

  void advance(std::vector<double>& y, const std::vector<double>& dy, double rate,
               double momentum) {
    double mean[2] = {};
    for (size_t i = 0; i < y.size(); ++i) {
      const bool onward = (dy[i] > 0) != (step[i] > 0);
      gain[i] = std::max(onward ? gain[i] + 0.2 : gain[i] * 0.8, 0.01);
      step[i] = momentum * step[i] - rate * gain[i] * dy[i];
      y[i] += step[i];
      mean[i % 2] += y[i] / (static_cast<double>(y.size()) / 2);
    }
    for (size_t i = 0; i < y.size(); ++i) y[i] -= mean[i % 2];
  }
};

/// The k nearest other points of point i, sorted by index.
std::vector<std::int64_t> neighbours(std::span<const float> points, int dim, std::int64_t i,
                                     int k) {
  const auto count = static_cast<std::int64_t>(points.size()) / dim;
  std::vector<double> distance(count);
  for (std::int64_t j = 0; j < count; ++j) {
    distance[j] = squared_distance(&points[i * dim], &points[j * dim], dim);
  }
  std::vector<std::int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  order.erase(order.begin() + i);
  std::ranges::nth_element(order, order.begin() + k - 1, [&](std::int64_t a, std::int64_t b) {
    return distance[a] != distance[b] ? distance[a] < distance[b] : a < b;
  });
  order.resize(k);
  std::ranges::sort(order);
  return order;
}

}  // namespace

std::vector<float> tsne(std::span<const float> points, int dim, const TsneOptions& options) {
  const std::int64_t count = count_points("t-SNE", points, dim);
  require(options.perplexity > 1 && options.perplexity < static_cast<double>(count - 1),
          "t-SNE: the perplexity of ", count, " points must lie between 1 and ", count - 1,
          ", not ", options.perplexity);
  require(options.iterations >= 0 && options.exaggerated_iterations >= 0,
          "t-SNE: ", options.iterations, " iterations, ", options.exaggerated_iterations,
          " exaggerated");
  require(options.exaggeration >= 1, "t-SNE: exaggeration ", options.exaggeration,
          " is less than 1");
  const NoGrad evaluation;
  const Tensor x = centred(points, count, dim);
  const Tensor p = affinities(x, options.perplexity);
  std::vector<double> y = start(x, options.seed);
  // The plane's scale is the number of points': the attraction's largest eigenvalue is 4 e / N.
  const double rate = static_cast<double>(count) / (4 * options.exaggeration);
  Descent descent{std::vector<double>(y.size()), std::vector<double>(y.size(), 1)};
  for (int i = 0; i < options.iterations; ++i) {
    const bool early = i < options.exaggerated_iterations;
    const std::vector<double> dy = gradient(p, y, early ? options.exaggeration : 1);
    descent.advance(y, dy, rate, early ? 0.5 : 0.8);
  }
  return {y.begin(), y.end()};
}

double neighbourhood_preservation(std::span<const float> points, int dim,
                                  std::span<const float> embedding, int embedding_dim, int k) {
  const std::int64_t count = count_points("neighbourhood preservation", points, dim);
  const std::int64_t embedded =
      count_points("neighbourhood preservation", embedding, embedding_dim);
  require(count == embedded, "neighbourhood preservation: ", count, " points, ", embedded,
          " in the embedding");
  require(k >= 1 && k < count, "neighbourhood preservation: ", k, " neighbours of ", count,
          " points");
  std::int64_t kept = 0;
#pragma omp parallel for schedule(static) reduction(+ : kept)
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<std::int64_t> common;
    std::ranges::set_intersection(neighbours(points, dim, i, k),
                                  neighbours(embedding, embedding_dim, i, k),
                                  std::back_inserter(common));
    kept += static_cast<std::int64_t>(common.size());
  }
  return static_cast<double>(kept) / (static_cast<double>(count) * k);
}

}  // namespace etude
