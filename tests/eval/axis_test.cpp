#include "eval/axis.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "engine/error.h"

namespace etude {
namespace {

using Numbers = std::vector<double>;
using Labels = std::vector<std::string>;

TEST_CASE("nice_ticks: round steps that span the range") {
  CHECK(nice_ticks(0, 1, 5) == Numbers{0, 0.2, 0.4, 0.6, 0.8, 1});
  CHECK(nice_ticks(0.03, 0.97, 5) == Numbers{0, 0.2, 0.4, 0.6, 0.8, 1});
  CHECK(nice_ticks(-7, 12, 4) == Numbers{-10, -5, 0, 5, 10, 15});
  CHECK(nice_ticks(0, 0.1 * 3, 3) == Numbers{0, 0.1, 0.2, 0.3});  // 0.1 * 3 is above 0.3
  CHECK(nice_ticks(1, 3, 8, true) == Numbers{1, 2, 3});
}

TEST_CASE("nice_ticks: any finite range gives few, distinct, ascending ticks") {
  const double largest = std::numeric_limits<double>::max();
  const double ranges[][2] = {{3, 3},           {0, 0},          {-1e-300, 1e-300},
                              {1e15, 1e15 + 1}, {48000, 48000},  {-1e8, 1e-8},
                              {1e-7, 1.1e-7},   {-1e300, 1e300}, {0, largest / 4}};
  for (const auto& [low, high] : ranges) {
    CAPTURE(low);
    CAPTURE(high);
    const Numbers ticks = nice_ticks(low, high, 6);
    REQUIRE(ticks.size() >= 2);
    CHECK(ticks.size() <= 15);
    const double slack = 1e-6 * (ticks[1] - ticks[0]);
    CHECK(ticks.front() <= low + slack);
    CHECK(ticks.back() >= high - slack);
    for (size_t i = 1; i < ticks.size(); ++i) CHECK(ticks[i] > ticks[i - 1]);
    const Labels labels = tick_labels(ticks);
    CHECK(std::set<std::string>(labels.begin(), labels.end()).size() == labels.size());
  }
}

TEST_CASE("log_ticks: powers of ten, with 2 and 5 between where there are few") {
  CHECK(log_ticks(22, 58) == Numbers{20, 50, 100});
  CHECK(log_ticks(1, 100) == Numbers{1, 2, 5, 10, 20, 50, 100});
  const Numbers wide = log_ticks(2e-5, 30);
  CHECK(wide.front() <= 2e-5);
  CHECK(wide.back() >= 30);
  CHECK(wide.size() == 8);
  CHECK(log_ticks(1e-300, 1e300).size() < 12);
  CHECK(log_ticks(10, 10).size() >= 2);
}

TEST_CASE("tick_labels: the decimals of the step, thousands shortened") {
  CHECK(tick_labels(Numbers{0, 0.5, 1}) == Labels{"0.0", "0.5", "1.0"});
  CHECK(tick_labels(Numbers{0, 2000, 4000}) == Labels{"0", "2000", "4000"});
  CHECK(tick_labels(Numbers{0, 20000, 40000}) == Labels{"0", "20k", "40k"});
  CHECK(tick_labels(Numbers{0, 500000, 1000000}) == Labels{"0.0", "0.5M", "1.0M"});
  CHECK(tick_labels(Numbers{1e-5, 2e-5}) == Labels{"1e-5", "2e-5"});
}

TEST_CASE("axes map their ends to 0 and 1 and refuse what they cannot show") {
  const Axis linear = linear_axis(3, 97, 5, Range::to_ticks);
  CHECK(linear.position(0) == 0);
  CHECK(linear.position(100) == 1);
  const Axis exact = linear_axis(3, 97, 5, Range::exact);
  CHECK(exact.position(3) == 0);
  CHECK(exact.ticks == Numbers{20, 40, 60, 80});
  CHECK(log_axis(0.1, 1000).position(10) == doctest::Approx(0.5));
  CHECK_THROWS_AS(linear_axis(1, 0, 5, Range::exact), Error);
  CHECK_THROWS_AS(linear_axis(0, std::nan(""), 5, Range::exact), Error);
  CHECK_THROWS_AS(linear_axis(-1e308, 1e308, 5, Range::exact), Error);
  CHECK_THROWS_AS(log_axis(0, 1), Error);
}

}  // namespace
}  // namespace etude
