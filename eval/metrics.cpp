#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/error.h"

namespace etude {
namespace {

void check_label(const char* who, int label, int classes) {
  require(label >= 0 && label < classes, who, ": label ", label, " is not in [0, ", classes, ")");
}

std::int64_t total(const char* who, std::span<const std::int64_t> counts) {
  const std::int64_t sum = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  require(sum > 0, who, ": the histogram holds no samples");
  return sum;
}

template <class Missing>
std::string letters_where(size_t classes, Missing missing) {
  require(classes <= 26, "missing letters: at most 26 classes, not ", classes);
  std::string letters;
  for (size_t c = 0; c < classes; ++c) {
    if (!missing(c)) continue;
    if (!letters.empty()) letters += ' ';
    letters += static_cast<char>('A' + c);
  }
  return letters;
}

}  // namespace

std::vector<std::int64_t> class_histogram(std::span<const int> labels, int classes) {
  require(classes > 0, "class histogram: ", classes, " classes");
  std::vector<std::int64_t> counts(classes);
  for (const int label : labels) {
    check_label("class histogram", label, classes);
    ++counts[label];
  }
  return counts;
}

double kl_to_uniform(std::span<const std::int64_t> counts) {
  const double sum = static_cast<double>(total("KL to uniform", counts));
  double kl = 0;
  for (const std::int64_t count : counts) {
    const double p = static_cast<double>(count) / sum;
    if (count > 0) kl += p * std::log(p * static_cast<double>(counts.size()));
  }
  return std::max(kl, 0.0);  // rounding can leave -1e-17 for an even histogram
}

double top_share(std::span<const std::int64_t> counts) {
  const double sum = static_cast<double>(total("top share", counts));
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) / sum;
}

int coverage_any(std::span<const std::int64_t> counts) {
  return static_cast<int>(
      std::count_if(counts.begin(), counts.end(), [](std::int64_t count) { return count > 0; }));
}

std::vector<bool> covered_classes(std::span<const int> labels, std::span<const float> confidences,
                                  int classes, const CoverageRule& rule) {
  require(labels.size() == confidences.size(), "coverage: ", labels.size(), " labels, ",
          confidences.size(), " confidences");
  require(!labels.empty(), "coverage: no samples");
  require(classes > 0, "coverage: ", classes, " classes");
  std::vector<std::int64_t> sure(classes);
  for (size_t n = 0; n < labels.size(); ++n) {
    check_label("coverage", labels[n], classes);
    sure[labels[n]] += confidences[n] >= rule.confidence;
  }
  std::vector<bool> covered(classes);
  for (int c = 0; c < classes; ++c) {
    // A quotient, not share * N: 10 / 1000 rounds to exactly the double 0.01.
    covered[c] = static_cast<double>(sure[c]) / static_cast<double>(labels.size()) >= rule.share;
  }
  return covered;
}

int coverage(std::span<const int> labels, std::span<const float> confidences, int classes,
             const CoverageRule& rule) {
  const std::vector<bool> covered = covered_classes(labels, confidences, classes, rule);
  return static_cast<int>(std::count(covered.begin(), covered.end(), true));
}

std::string missing_letters(const std::vector<bool>& covered) {
  return letters_where(covered.size(), [&](size_t c) { return !covered[c]; });
}

std::string missing_letters(std::span<const std::int64_t> counts) {
  return letters_where(counts.size(), [&](size_t c) { return counts[c] == 0; });
}

double confident_share(std::span<const float> confidences, float least) {
  require(!confidences.empty(), "confident share: no samples");
  const auto sure = std::count_if(confidences.begin(), confidences.end(),
                                  [&](float confidence) { return confidence >= least; });
  return static_cast<double>(sure) / static_cast<double>(confidences.size());
}

std::vector<std::int64_t> confusion_matrix(std::span<const int> truth,
                                           std::span<const int> predicted, int classes) {
  require(truth.size() == predicted.size(), "confusion matrix: ", truth.size(), " true labels, ",
          predicted.size(), " predicted");
  require(classes > 0, "confusion matrix: ", classes, " classes");
  std::vector<std::int64_t> counts(static_cast<size_t>(classes) * classes);
  for (size_t n = 0; n < truth.size(); ++n) {
    check_label("confusion matrix", truth[n], classes);
    check_label("confusion matrix", predicted[n], classes);
    ++counts[static_cast<size_t>(truth[n]) * classes + predicted[n]];
  }
  return counts;
}

double accuracy(std::span<const std::int64_t> confusion) {
  const auto classes = static_cast<size_t>(std::llround(std::sqrt(confusion.size())));
  require(classes * classes == confusion.size(), "accuracy: a confusion matrix is square, ",
          confusion.size(), " values are not");
  const double sum = static_cast<double>(total("accuracy", confusion));
  std::int64_t right = 0;
  for (size_t c = 0; c < classes; ++c) right += confusion[c * classes + c];
  return static_cast<double>(right) / sum;
}

MeanSd mean_sd(std::span<const double> values) {
  require(!values.empty(), "mean and standard deviation: no values");
  const double n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() == 1) return {mean, std::numeric_limits<double>::quiet_NaN()};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (n - 1))};
}

}  // namespace etude
