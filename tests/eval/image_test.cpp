#include "eval/image.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/error.h"

namespace etude {
namespace {

TEST_CASE("grid: rows of columns, padding around and between, -1 black and +1 white") {
  const std::vector<float> images = {-1, 1, 0, 5, -5, std::numeric_limits<float>::quiet_NaN()};
  const Image out = grid(images, 1, 1, 2, {.columns = 2, .padding = 1});
  CHECK(out.height == 5);
  CHECK(out.width == 7);
  constexpr std::uint8_t p = 128;
  const std::vector<std::uint8_t> expected = {p, p, p,   p, p,   p,   p,  //
                                              p, 0, 255, p, 128, 255, p,  //
                                              p, p, p,   p, p,   p,   p,  //
                                              p, 0, 128, p, p,   p,   p,  //
                                              p, p, p,   p, p,   p,   p};
  CHECK(out.bytes == expected);
}

TEST_CASE("grid: scale repeats pixels, invert swaps ink and paper, fewer images than columns") {
  const std::vector<float> image = {-1, 1};
  const Image out = grid(image, 1, 1, 2, {.columns = 5, .padding = 0, .scale = 2, .invert = true});
  CHECK(out.height == 2);
  CHECK(out.width == 4);
  CHECK(out.bytes == std::vector<std::uint8_t>{255, 255, 0, 0, 255, 255, 0, 0});
}

TEST_CASE("grid: planes of RGB images become interleaved") {
  const std::vector<float> image = {1, -1, -1, 1, -1, -1};  // R plane, G plane, B plane of 1 x 2
  const Image out = grid(image, 3, 1, 2, {.columns = 1, .padding = 0});
  CHECK(out.bytes == std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0});
}

TEST_CASE("grid: sizes that do not fit are errors") {
  const std::vector<float> values(5);
  CHECK_THROWS_AS(grid(values, 1, 2, 2), Error);
  CHECK_THROWS_AS(grid({}, 1, 2, 2), Error);
  CHECK_THROWS_AS(grid(values, 5, 1, 1), Error);
  CHECK_THROWS_AS(grid(values, 1, 5, 1, {.columns = 0}), Error);
}

}  // namespace
}  // namespace etude
