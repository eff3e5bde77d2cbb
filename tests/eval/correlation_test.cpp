#include "eval/correlation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/error_text.h"

using namespace etude;
using V = std::vector<double>;

TEST_CASE("spearman: order alone counts, ties share a rank") {
  CHECK(spearman(V{1, 2, 3, 4}, V{1, 10, 11, 1000}) == doctest::Approx(1));
  CHECK(spearman(V{1, 2, 3, 4}, V{8, 3, 2, -5}) == doctest::Approx(-1));
  // Without ties 1 - 6 sum d^2 / (n (n^2 - 1)): differences 1, 1, 0, 1, 1.
  CHECK(spearman(V{1, 2, 3, 4, 5}, V{2, 1, 3, 5, 4}) == doctest::Approx(1 - 6.0 * 4 / 120));
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
  CHECK(spearman(V{0, 7, 7, 9}, V{1, 2, 3, 4}) == doctest::Approx(4.5 / std::sqrt(4.5 * 5)));
  CHECK(std::isnan(spearman(V{1, 1}, V{1, 2})));
  CHECK(spearman_critical(26) == doctest::Approx(0.392));
}

TEST_CASE("spearman: what it refuses") {
  CHECK(message_of([] { spearman(V{1, 2}, V{1}); }) == "spearman: 2 and 1 values");
  CHECK(message_of([] { spearman(V{1}, V{1}); }) == "spearman: 1 pairs");
  CHECK(message_of([] { spearman(V{1, NAN}, V{1, 2}); }) == "spearman: a value is not finite");
  CHECK(message_of([] { spearman_critical(1); }) == "spearman: 1 pairs");
}
