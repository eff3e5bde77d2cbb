#include "eval/birthday.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/error.h"

namespace etude {
namespace {

TEST_SUITE("birthday") {
  TEST_CASE("duplicates are pairs closer than the distance") {
    // On a line: 0, 0.1, 0.1, 5 - pairs (0, .1) twice, (.1, .1).
    const std::vector<float> samples = {0, 0.1f, 0.1f, 5};
    const Birthday near = birthday_support(samples, 1, 0.05);
    CHECK(near.pairs == 6);
    CHECK(near.duplicates == 1);
    CHECK(near.support == doctest::Approx(6));
    CHECK(birthday_support(samples, 1, 0.2).duplicates == 3);
    CHECK(birthday_support(samples, 2, 0.2).duplicates == 0);
    CHECK(std::isinf(birthday_support(samples, 1, 0.0).support));
    CHECK(std::isinf(birthday_support(samples, 1, 0.0).batch));
    CHECK(birthday_support(samples, 1, 100).support == 1);
    CHECK(birthday_support(samples, 1, 100).batch == doctest::Approx(2));
  }

  TEST_CASE("among 23 of 365 a shared birthday is as likely as not") {
    // Each day twice: pairs 730 * 729 / 2, duplicates 365, support 729.
    std::vector<float> days;
    for (int day = 0; day < 365; ++day) days.insert(days.end(), 2, static_cast<float>(day));
    CHECK(birthday_support(days, 1, 0.5).support == doctest::Approx(729));
    // 729 equally likely: 32 people.
    CHECK(std::round(birthday_support(days, 1, 0.5).batch) == 32);
    // Twenty people per day: support 7299 / 19 = 384, 23.6 people.
    std::vector<float> many;
    for (int day = 0; day < 365; ++day) many.insert(many.end(), 20, static_cast<float>(day));
    const Birthday b = birthday_support(many, 1, 0.5);
    CHECK(b.support == doctest::Approx(7299.0 / 19));
    CHECK(b.batch > 23);
    CHECK(b.batch < 24);
  }

  TEST_CASE("the distance of duplicates is one that few nearest neighbours fall below") {
    // Nearest distances 1, 1, 2, 4, 8.
    const std::vector<float> points = {0, 1, 3, 7, 15};
    CHECK(duplicate_distance(points, 1, 0.2) == 1);
    CHECK(duplicate_distance(points, 1, 0.4) == 2);
    CHECK(duplicate_distance(points, 1, 1) == 8);
  }

  TEST_CASE("errors") {
    const std::vector<float> points = {0, 1, std::numeric_limits<float>::quiet_NaN()};
    CHECK_THROWS_AS(birthday_support(points, 2, 1), Error);
    CHECK_THROWS_AS(birthday_support(points, 1, 1), Error);
    CHECK_THROWS_AS(birthday_support(std::span(points).first(1), 1, 1), Error);
    CHECK_THROWS_AS(duplicate_distance(std::span(points).first(2), 1, 0), Error);
  }
}

}  // namespace
}  // namespace etude
