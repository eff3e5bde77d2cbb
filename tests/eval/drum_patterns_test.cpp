#include "eval/drum_patterns.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

using Pattern = std::vector<std::uint8_t>;
using doctest::Approx;

/// A pattern, one string per step: "10.1" style rows of '1' and '.', the kick first.
Pattern rows(const std::vector<std::string>& steps) {
  Pattern pattern;
  for (const std::string& step : steps) {
    for (const char cell : step) pattern.push_back(cell == '1');
  }
  return pattern;
}

Pattern join(const std::vector<Pattern>& patterns) {
  Pattern all;
  for (const Pattern& p : patterns) all.insert(all.end(), p.begin(), p.end());
  return all;
}

constexpr DrumGrid kSmall{4, 3};

TEST_CASE("density: the share of hits") {
  CHECK(pattern_density(rows({"1..", "...", "1.1", "..."}), kSmall) == 0.25);
  CHECK(pattern_density(join({Pattern(12, 1), Pattern(12, 0)}), kSmall) == 0.5);
  CHECK(pattern_density(Pattern(144, 0)) == 0);
}

TEST_CASE("validity: each of its rules, at its edge") {
  CHECK(pattern_validity(Pattern(12, 0), kSmall) == 0);
  // 6 of 12 hits are not too many, 7 are.
  const Pattern six = rows({"111", "...", "111", "..."});
  CHECK(pattern_validity(six, kSmall) == 1);
  CHECK(pattern_validity(rows({"111", "...", "111", "1.."}), kSmall) == 0.8);
  CHECK(pattern_validity(rows({".1.", "...", ".1.", "..."}), kSmall) == 0.7);
  // 2 of 6 cells of the halves agree: 33 %. 1 of 6: 17 %.
  CHECK(pattern_validity(rows({"111", "...", "..1", ".11"}), kSmall) == 1);
  CHECK(pattern_validity(rows({"111", "...", "...", ".11"}), kSmall) == 0.8);
  // All together: 7 of 12, no kick needs a wider grid: 2 x 4 with 5 hits.
  CHECK(pattern_validity(rows({".11.", ".111"}), {2, 4}) == Approx(0.8 * 0.7));
  CHECK(pattern_validity(rows({"......", ".11111"}), {2, 6}) == Approx(0.8 * 0.7));
  // 3 of 10 agree: exactly 30 % is enough.
  CHECK(pattern_validity(rows({"1111111...", ".........."}), {2, 10}) == 1);
  CHECK(pattern_validity(rows({"11111111..", ".........."}), {2, 10}) == 0.8);
  // Of three steps the last is in no half.
  CHECK(pattern_validity(rows({"1.", "1.", ".1"}), {3, 2}) == 1);
  CHECK(pattern_validity(join({Pattern(12, 0), six}), kSmall) == 0.5);
}

TEST_CASE("validity of the full grid: its default, and how weak a test it is") {
  Pattern beat(144, 0);
  for (const int step : {0, 4, 8, 12}) beat[step * 9] = 1;
  CHECK(pattern_validity(beat) == 1);
  std::mt19937 generator(1);
  std::bernoulli_distribution hit(0.135);
  Pattern noise(144 * 2000);
  for (std::uint8_t& cell : noise) cell = hit(generator);
  CHECK(pattern_validity(noise) == Approx(0.970).epsilon(0.01));
}

TEST_CASE("diversity: mean pairwise Hamming distance per cell") {
  // Distances of 00, 01, 11: 1, 2, 1 of 2 cells.
  const Pattern three = {0, 0, 0, 1, 1, 1};
  CHECK(pattern_diversity(three, 100, {1, 2}) == Approx(4.0 / 6));
  CHECK(pattern_diversity(three, 2, {1, 2}) == 0.5);  // the first two only
  CHECK(pattern_diversity(Pattern(144 * 3, 1)) == 0);
  CHECK(pattern_diversity(join({Pattern(144, 0), Pattern(144, 1)})) == 1);
  CHECK_THROWS_AS(pattern_diversity(Pattern(144, 0)), Error);
  CHECK_THROWS_AS(pattern_diversity(three, 1, {1, 2}), Error);
}

TEST_CASE("diversity within styles: each style weighs the same") {
  // Style 3: 00 01 11, diversity 4/6, 1/2 of the first two. Style 1: 00 00. Style 8: one pattern.
  const Pattern patterns = {0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1};
  const std::vector<int> styles = {3, 1, 3, 8, 1, 3};
  CHECK(within_style_diversity(patterns, styles, 100, {1, 2}) == Approx(2.0 / 6));
  CHECK(within_style_diversity(patterns, styles, 2, {1, 2}) == 0.25);
  CHECK(within_style_diversity(patterns, std::vector<int>(6, 0), 100, {1, 2}) ==
        pattern_diversity(patterns, 100, {1, 2}));
  CHECK_THROWS_AS(within_style_diversity(Pattern{0, 1}, std::vector<int>{0, 1}, 100, {1, 1}),
                  Error);
  CHECK_THROWS_AS(within_style_diversity(patterns, std::vector<int>{0, 1}, 100, {1, 2}), Error);
}

TEST_CASE("kick Jaccard looks at the kick alone") {
  const Pattern a = rows({"1..", "1.1", "...", ".1."});
  const Pattern b = rows({"111", "...", "1..", "..1"});
  CHECK(kick_jaccard(a, b, kSmall) == Approx(1.0 / 3));
  CHECK(kick_jaccard(a, a, kSmall) == 1);
  CHECK(kick_jaccard(a, rows({"...", "...", "1..", "..."}), kSmall) == 0);
  CHECK(kick_jaccard(a, Pattern(12, 0), kSmall) == 0);
  CHECK(kick_jaccard(rows({".1.", "...", "...", "..."}), Pattern(12, 0), kSmall) == 1);
}

TEST_CASE("step-energy correlation by hand") {
  // Hits per step 3 1 0 0 and 2 2 1 1: deviations 2 0 -1 -1 and .5 .5 -.5 -.5: r = 2 / sqrt(6).
  const Pattern a = rows({"111", "..1", "...", "..."});
  const Pattern b = rows({"11.", ".11", "1..", "..1"});
  CHECK(step_energy_correlation(a, b, kSmall) == Approx(0.816497));
  CHECK(step_energy_correlation(b, a, kSmall) == Approx(0.816497));
  CHECK(step_energy_correlation(a, a, kSmall) == 1);
  // 3 1 0 0 and 0 2 3 3: the same shape upside down.
  CHECK(step_energy_correlation(a, rows({"...", "11.", "111", "111"}), kSmall) == -1);
  // The same number of hits on every step: not defined.
  const Pattern ones = rows({"1..", ".1.", "..1", "1.."});
  CHECK(step_energy_correlation(ones, rows({"..1", "..1", "..1", "..1"}), kSmall) == 1);
  CHECK(step_energy_correlation(ones, Pattern(12, 1), kSmall) == 0);
  CHECK(step_energy_correlation(ones, a, kSmall) == 0);
  CHECK(step_energy_correlation(Pattern(12, 0), Pattern(12, 0), kSmall) == 1);
}

TEST_CASE("measures of drum patterns refuse broken sizes and values") {
  const Pattern good(12, 1), broken(12, 2);
  CHECK_THROWS_AS(pattern_density({}, kSmall), Error);
  CHECK_THROWS_AS(pattern_density(good), Error);
  CHECK_THROWS_AS(pattern_density(broken, kSmall), Error);
  CHECK_THROWS_AS(pattern_density(good, {0, 3}), Error);
  CHECK_THROWS_AS(pattern_validity({}, kSmall), Error);
  CHECK_THROWS_AS(pattern_validity(good, {1, 12}), Error);
  CHECK_THROWS_AS(kick_jaccard(good, broken, kSmall), Error);
  CHECK_THROWS_AS(kick_jaccard(good, join({good, good}), kSmall), Error);
  CHECK_THROWS_AS(step_energy_correlation(good, {}, kSmall), Error);
}

}  // namespace
}  // namespace etude
