#include "eval/mode_history.h"

#include <doctest/doctest.h>

#include "engine/error.h"

namespace etude {
namespace {

using Row = std::vector<bool>;

TEST_SUITE("mode_history") {
  TEST_CASE("collapse begins where coverage leaves its running maximum for good") {
    const std::vector<std::int64_t> epochs = {10, 20, 30, 40, 50};
    const auto onset = [&](std::vector<int> coverage, int slack = 0) {
      return collapse_onset(epochs, coverage, slack);
    };
    CHECK_FALSE(onset({1, 2, 3, 4, 5}));
    CHECK_FALSE(onset({5, 4, 3, 4, 5}));
    CHECK(onset({1, 5, 4, 3, 2}) == 30);
    CHECK(onset({5, 3, 5, 4, 4}) == 40);
    CHECK(onset({5, 3, 6, 6, 5}) == 50);
    CHECK_FALSE(onset({5, 3, 6, 6, 5}, 1));
    CHECK(onset({1, 9, 8, 7, 8}, 1) == std::nullopt);
    CHECK(onset({1, 9, 8, 7, 7}, 1) == 40);
    CHECK_FALSE(collapse_onset({}, {}));
    CHECK_THROWS_AS(collapse_onset(epochs, std::vector<int>{1}), Error);
  }

  TEST_CASE("classes come, vanish and return") {
    const std::vector<std::int64_t> epochs = {1, 2, 3};
    const std::vector<Row> covered = {
        {true, false, false}, {false, true, false}, {true, true, false}};
    const std::vector<ModeEvent> events = mode_events(epochs, covered);
    using Kind = ModeEvent::Kind;
    const std::vector<ModeEvent> expected = {
        {1, 0, Kind::came}, {2, 0, Kind::vanished}, {2, 1, Kind::came}, {3, 0, Kind::back}};
    REQUIRE(events.size() == expected.size());
    for (std::size_t i = 0; i < events.size(); ++i) {
      CAPTURE(i);
      CHECK(events[i].epoch == expected[i].epoch);
      CHECK(events[i].mode == expected[i].mode);
      CHECK(events[i].kind == expected[i].kind);
    }
    const std::vector<double> survival = mode_survival(covered);
    CHECK(survival[0] == doctest::Approx(2.0 / 3));
    CHECK(survival[1] == 1);
    CHECK(survival[2] == 0);
    CHECK(mode_events({}, {}).empty());
    CHECK_THROWS_AS(mode_events(epochs, std::vector<Row>{{true}}), Error);
    CHECK_THROWS_AS(mode_survival(std::vector<Row>{{true}, {}}), Error);
  }
}

}  // namespace
}  // namespace etude
