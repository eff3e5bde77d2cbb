#include "eval/metrics.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace etude {
namespace {

using Counts = std::vector<std::int64_t>;

TEST_CASE("class_histogram counts and refuses labels outside the classes") {
  CHECK(class_histogram(std::vector{0, 2, 2, 3}, 4) == Counts{1, 0, 2, 1});
  CHECK_THROWS_AS(class_histogram(std::vector{0, 4}, 4), Error);
  CHECK_THROWS_AS(class_histogram(std::vector{-1}, 4), Error);
}

TEST_CASE("kl_to_uniform: 0 for even, ln K for one class, by hand between") {
  CHECK(kl_to_uniform(Counts(26, 7)) == doctest::Approx(0).epsilon(1e-12));
  CHECK(kl_to_uniform(Counts{0, 9, 0, 0}) == doctest::Approx(std::log(4)));
  // 3/4 ln(3/4 * 2) + 1/4 ln(1/4 * 2)
  CHECK(kl_to_uniform(Counts{3, 1}) == doctest::Approx(0.13081203594113697));
  CHECK_THROWS_AS(kl_to_uniform(Counts{0, 0}), Error);
}

TEST_CASE("top_share and coverage_any") {
  CHECK(top_share(Counts{1, 6, 0, 1}) == 0.75);
  CHECK(coverage_any(Counts{1, 6, 0, 1}) == 3);
  CHECK_THROWS_AS(top_share(Counts{}), Error);
}

TEST_CASE("coverage: exactly 1 % of all samples at exactly 0.9 counts, less does not") {
  std::vector<int> labels(1000, 0);
  std::vector<float> confidences(1000, 0.95f);
  std::fill_n(labels.begin(), 10, 1);        // exactly 1 %, all sure
  std::fill_n(labels.begin() + 10, 9, 2);    // 0.9 %
  std::fill_n(labels.begin() + 19, 200, 3);  // many, of which 9 are sure
  std::fill_n(confidences.begin(), 10, 0.9f);
  std::fill_n(confidences.begin() + 28, 191, 0.8999f);
  CHECK(covered_classes(labels, confidences, 5) ==
        std::vector<bool>{true, true, false, false, false});
  CHECK(coverage(labels, confidences, 5) == 2);
  CHECK(coverage(labels, confidences, 5, {.share = 0.005, .confidence = 0.9f}) == 4);
  CHECK(missing_letters(covered_classes(labels, confidences, 5)) == "C D E");
  CHECK_THROWS_AS(coverage(labels, std::vector<float>(3), 5), Error);
}

TEST_CASE("coverage: 1 % is exact for every hundred of samples") {
  for (int hundreds = 1; hundreds <= 200; ++hundreds) {
    std::vector<int> labels(100 * hundreds, 0);
    std::fill_n(labels.begin(), hundreds, 1);
    const std::vector<float> sure(labels.size(), 1);
    CHECK(coverage(labels, sure, 2) == 2);
  }
}

TEST_CASE("missing_letters names classes without a sample") {
  CHECK(missing_letters(Counts{1, 0, 2, 0}) == "B D");
  CHECK(missing_letters(Counts{1, 1}) == "");
  CHECK_THROWS_AS(missing_letters(Counts(27)), Error);
}

TEST_CASE("confident_share includes the threshold itself") {
  CHECK(confident_share(std::vector{0.9f, 0.95f, 0.1f, 0.89f}) == 0.5);
  CHECK_THROWS_AS(confident_share({}), Error);
}

TEST_CASE("confusion_matrix has true labels in rows; accuracy is its diagonal") {
  const Counts confusion = confusion_matrix(std::vector{0, 0, 1, 2}, std::vector{0, 1, 1, 0}, 3);
  CHECK(confusion == Counts{1, 1, 0, 0, 1, 0, 1, 0, 0});
  CHECK(accuracy(confusion) == 0.5);
  CHECK_THROWS_AS(accuracy(Counts{1, 2, 3}), Error);
  CHECK_THROWS_AS(confusion_matrix(std::vector{0}, std::vector{0, 1}, 2), Error);
}

TEST_CASE("mean_sd divides by n - 1; one run has no deviation") {
  const MeanSd runs = mean_sd(std::vector<double>{2, 4, 4, 4, 5, 5, 7, 9});
  CHECK(runs.mean == 5);
  CHECK(runs.sd == doctest::Approx(std::sqrt(32.0 / 7)));
  CHECK(std::isnan(mean_sd(std::vector<double>{3}).sd));
  CHECK(mean_sd(std::vector<double>{3, 3}).sd == 0);
  CHECK_THROWS_AS(mean_sd({}), Error);
}

}  // namespace
}  // namespace etude
