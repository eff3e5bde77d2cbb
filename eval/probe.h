#pragma once
// The linear probe: how well a linear classifier reads the labels off a representation.

#include <span>
#include <vector>

namespace etude {

/// Multinomial logistic regression, fitted by fit_probe.
struct LinearProbe {
  int dim = 0;
  int classes = 0;
  std::vector<double> mean, scale;  // [dim]: x is standardised to (x - mean) / scale
  std::vector<double> weights;      // [classes, dim + 1], the last column is the bias

  /// The most probable label of each point [N, dim], the lowest of equally probable ones.
  std::vector<int> predict(std::span<const float> points) const;
};

/// Minimises over w: [classes, dim + 1]
///   sum_n -ln p(label_n | x_n) + l2 / 2 |w|^2,
///   p(c | x) = exp(w_c . (s, 1)) / sum_k exp(w_k . (s, 1))
/// in nats, s = (x - mean) / scale with mean and standard deviation of the training points (a
/// constant dimension has scale 1), so that the result does not depend on the units of x. The
/// optimum is unique (l2 > 0, on the biases too: labels that do not occur are no special case) and
/// reached by Newton's method, its linear systems solved by conjugate gradients: deterministic.
/// points: [N, dim], labels: [N] in [0, classes). O(N classes dim) per step.
/// Errors: no points, sizes that do not fit, a value that is not finite, a label out of range,
/// l2 <= 0, no convergence.
/// Sources: Alain & Bengio 2016, "Understanding intermediate layers using linear classifier
/// probes"; Nocedal & Wright 2006, "Numerical Optimization", algorithm 7.1 (line-search Newton-CG).
LinearProbe fit_probe(std::span<const float> points, std::span<const int> labels, int dim,
                      int classes, double l2 = 1);

/// Share of the test points whose label the probe fitted on the training points predicts.
double probe_accuracy(std::span<const float> train, std::span<const int> train_labels,
                      std::span<const float> test, std::span<const int> test_labels, int dim,
                      int classes, double l2 = 1);

}  // namespace etude
