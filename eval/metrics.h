#pragma once
// Metrics of generated samples that need only labels and confidences: which classes appear, how
// evenly, how surely; confusion matrices; means over runs.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace etude {

/// counts[c] = number of samples with label c. labels: [N] in [0, classes); errors otherwise.
std::vector<std::int64_t> class_histogram(std::span<const int> labels, int classes);

/// KL(p || uniform) = sum_c p_c ln(p_c K) in nats, p = counts / sum(counts), K = counts.size(),
/// 0 ln 0 = 0. 0 for an even histogram, ln K when one class has everything. Error: no samples.
/// Source: the mode-coverage measure of Metz et al. 2017 (Unrolled GANs, section 3.3.1, stacked
/// MNIST).
double kl_to_uniform(std::span<const std::int64_t> counts);

/// The largest class's share of all samples. Error: no samples.
double top_share(std::span<const std::int64_t> counts);

/// Number of classes with at least one sample, however unsure the classifier was.
int coverage_any(std::span<const std::int64_t> counts);

/// What makes a class count as covered: at least `share` of all samples carry its label with at
/// least this classifier confidence. One blurred sample that happens to land there is not enough.
struct CoverageRule {
  double share = 0.01;
  float confidence = 0.9f;
};

/// covered[c] = |{n: label_n = c, confidence_n >= rule.confidence}| / N >= rule.share.
/// labels, confidences: [N]. Errors: lengths differ, a label outside [0, classes), N = 0.
std::vector<bool> covered_classes(std::span<const int> labels, std::span<const float> confidences,
                                  int classes, const CoverageRule& rule = {});

/// Number of classes covered (see covered_classes).
int coverage(std::span<const int> labels, std::span<const float> confidences, int classes,
             const CoverageRule& rule = {});

/// The classes that are not covered, as letters: "B G N"; class 0 is A; "" where none is missing.
/// Error: more than 26 classes.
std::string missing_letters(const std::vector<bool>& covered);

/// As above for the weaker definition: the letters with no sample at all.
std::string missing_letters(std::span<const std::int64_t> counts);

/// Share of samples with confidence >= `least`. Error: no samples.
double confident_share(std::span<const float> confidences, float least = 0.9f);

/// counts[truth * classes + predicted], both labels [N] in [0, classes).
std::vector<std::int64_t> confusion_matrix(std::span<const int> truth,
                                           std::span<const int> predicted, int classes);

/// Share of samples on the diagonal of a confusion matrix. Error: not square, no samples.
double accuracy(std::span<const std::int64_t> confusion);

struct MeanSd {
  double mean;
  double sd;  // sample standard deviation, n - 1 in the denominator; NaN for a single run
};

/// Mean and standard deviation over runs (seeds). Error: no values.
MeanSd mean_sd(std::span<const double> values);

}  // namespace etude
