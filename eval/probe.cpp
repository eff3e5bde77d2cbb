#include "eval/probe.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "eval/points.h"

namespace etude {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// y += scale * x.
void add_scaled(Vector& y, double scale, const Vector& x) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += scale * x[i];
}

/// Standardised points with a 1 behind each: [N, probe.dim + 1].
Vector design(std::span<const float> points, const LinearProbe& probe) {
  Vector x;
  x.reserve(points.size() / probe.dim * (probe.dim + 1));
  for (size_t i = 0; i < points.size(); i += probe.dim) {
    for (int d = 0; d < probe.dim; ++d) {
      x.push_back((points[i + d] - probe.mean[d]) / probe.scale[d]);
    }
    x.push_back(1);
  }
  return x;
}

void standardise(LinearProbe& probe, std::span<const float> points) {
  const double count = static_cast<double>(points.size()) / probe.dim;
  probe.mean.assign(probe.dim, 0);
  probe.scale.assign(probe.dim, 0);
  for (size_t i = 0; i < points.size(); ++i) probe.mean[i % probe.dim] += points[i] / count;
  for (size_t i = 0; i < points.size(); ++i) {
    const double from_mean = points[i] - probe.mean[i % probe.dim];
    probe.scale[i % probe.dim] += from_mean * from_mean / count;
  }
  for (int d = 0; d < probe.dim; ++d) {
    // The rounding of the mean alone makes a constant dimension deviate by a few units of 1e-16.
    const bool constant = probe.scale[d] <= 1e-28 * probe.mean[d] * probe.mean[d];
    probe.scale[d] = constant ? 1 : std::sqrt(probe.scale[d]);
  }
}

/// The objective of fit_probe at a point w, and its derivatives there.
class Objective {
 public:
  Objective(Vector x, std::span<const int> labels, int classes, double l2)
      : x_(std::move(x)), labels_(labels), classes_(classes), l2_(l2) {
    columns_ = static_cast<int>(x_.size() / labels.size());
  }

  size_t size() const { return static_cast<size_t>(classes_) * columns_; }
  double l2() const { return l2_; }

  /// The value at w; keeps the probabilities there for gradient() and hessian_times().
  double evaluate(const Vector& w) {
    p_ = scores(w);
    double loss = l2_ / 2 * dot(w, w);
    for (size_t n = 0; n < labels_.size(); ++n) {
      double* row = &p_[n * classes_];
      const double top = *std::max_element(row, row + classes_);
      const double at_label = row[labels_[n]] - top;
      double sum = 0;
      for (int c = 0; c < classes_; ++c) sum += row[c] = std::exp(row[c] - top);
      for (int c = 0; c < classes_; ++c) row[c] /= sum;
      loss += std::log(sum) - at_label;
    }
    return loss;
  }

  Vector gradient(const Vector& w) const {
    Vector error = p_;
    for (size_t n = 0; n < labels_.size(); ++n) error[n * classes_ + labels_[n]] -= 1;
    return back(error, w);
  }

  /// Of row n the Hessian is (diag(p) - p p^T) (x) x x^T.
  Vector hessian_times(const Vector& v) const {
    Vector s = scores(v);
    for (size_t n = 0; n < labels_.size(); ++n) {
      const double* p = &p_[n * classes_];
      double* row = &s[n * classes_];
      double mean = 0;
      for (int c = 0; c < classes_; ++c) mean += p[c] * row[c];
      for (int c = 0; c < classes_; ++c) row[c] = p[c] * (row[c] - mean);
    }
    return back(s, v);
  }

 private:
  /// x w^T: [N, classes].
  Vector scores(const Vector& w) const {
    Vector s(labels_.size() * classes_);
    for (size_t n = 0; n < labels_.size(); ++n) {
      const double* x = &x_[n * columns_];
      for (int c = 0; c < classes_; ++c) {
        const double* w_c = &w[static_cast<size_t>(c) * columns_];
        for (int d = 0; d < columns_; ++d) s[n * classes_ + c] += x[d] * w_c[d];
      }
    }
    return s;
  }

  /// s^T x + l2 v: [classes, columns].
  Vector back(const Vector& s, const Vector& v) const {
    Vector g(v.size());
    for (size_t n = 0; n < labels_.size(); ++n) {
      const double* x = &x_[n * columns_];
      for (int c = 0; c < classes_; ++c) {
        const double s_nc = s[n * classes_ + c];
        double* g_c = &g[static_cast<size_t>(c) * columns_];
        for (int d = 0; d < columns_; ++d) g_c[d] += s_nc * x[d];
      }
    }
    add_scaled(g, l2_, v);
    return g;
  }

  Vector x_;
  std::span<const int> labels_;
  int classes_, columns_;
  double l2_;
  Vector p_;  // [N, classes]
};

/// Solves hessian * step = -g until the residual is `tolerance` * |g|, or as far as rounding lets
/// it; what it then has is a descent direction still.
Vector newton_step(const Objective& objective, const Vector& g, double tolerance) {
  Vector step(g.size()), residual(g.size());
  add_scaled(residual, -1, g);
  Vector direction = residual;
  double squares = dot(residual, residual);
  const double enough = tolerance * tolerance * squares;
  for (size_t i = 0; i < 2 * g.size() && squares > enough; ++i) {
    const Vector curved = objective.hessian_times(direction);
    const double length = squares / dot(direction, curved);
    add_scaled(step, length, direction);
    add_scaled(residual, -length, curved);
    const double before = squares;
    squares = dot(residual, residual);
    for (size_t j = 0; j < g.size(); ++j) {
      direction[j] = residual[j] + squares / before * direction[j];
    }
  }
  return step;
}

Vector minimise(Objective& objective) {
  constexpr int kSteps = 200;
  Vector w(objective.size());
  double value = objective.evaluate(w), first = 0;
  for (int i = 0; i < kSteps; ++i) {
    const Vector g = objective.gradient(w);
    const double norm = std::sqrt(dot(g, g));
    if (i == 0) first = norm;
    if (norm <= 1e-9 * std::max(first, 1.0)) return w;
    // Rough systems far from the optimum, exact ones near it: convergence is superlinear.
    const Vector step = newton_step(objective, g, std::min(0.1, norm / first));
    // Armijo's condition, but for the rounding of the value: near the optimum it is larger than
    // what a good step still gains.
    const double slope = dot(g, step), slack = 1e-13 * std::max(value, 1.0);
    double length = 1, at_next;
    Vector next;
    for (;; length /= 2) {
      next = w;
      add_scaled(next, length, step);
      at_next = objective.evaluate(next);
      if (at_next <= value + 1e-4 * length * slope + slack) break;
      require(length > 1e-20, "linear probe: no descent from a loss of ", value);
    }
    w = std::move(next);
    value = at_next;
  }
  fail("linear probe: no convergence in ", kSteps, " Newton steps, use an l2 larger than ",
       objective.l2());
}

}  // namespace

std::vector<int> LinearProbe::predict(std::span<const float> points) const {
  const std::int64_t count = count_points("linear probe", points, dim);
  const Vector x = design(points, *this);
  std::vector<int> labels(count);
  for (std::int64_t n = 0; n < count; ++n) {
    double best = -std::numeric_limits<double>::infinity();
    for (int c = 0; c < classes; ++c) {
      double score = 0;
      for (int d = 0; d <= dim; ++d) score += x[n * (dim + 1) + d] * weights[c * (dim + 1) + d];
      if (score <= best) continue;
      best = score;
      labels[n] = c;
    }
  }
  return labels;
}

LinearProbe fit_probe(std::span<const float> points, std::span<const int> labels, int dim,
                      int classes, double l2) {
  count_points("linear probe", points, dim, labels);
  require(l2 > 0, "linear probe: l2 must be positive, not ", l2);
  for (const int label : labels) {
    require(label < classes, "linear probe: label ", label, " is not in [0, ", classes, ")");
  }
  LinearProbe probe{dim, classes, {}, {}, {}};
  standardise(probe, points);
  Objective objective(design(points, probe), labels, classes, l2);
  probe.weights = minimise(objective);
  return probe;
}

double probe_accuracy(std::span<const float> train, std::span<const int> train_labels,
                      std::span<const float> test, std::span<const int> test_labels, int dim,
                      int classes, double l2) {
  const std::int64_t count = count_points("linear probe", test, dim, test_labels);
  const LinearProbe probe = fit_probe(train, train_labels, dim, classes, l2);
  const std::vector<int> predicted = probe.predict(test);
  std::int64_t right = 0;
  for (std::int64_t n = 0; n < count; ++n) right += predicted[n] == test_labels[n];
  return static_cast<double>(right) / static_cast<double>(count);
}

}  // namespace etude
