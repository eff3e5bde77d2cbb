#include "kernels/copy/copy.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/copy/cases.h"
#include "kernels/copy/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using copy_cases::Case;
using testing::input;
using testing::output;

constexpr DType kDTypes[] = {DType::f32, DType::f64, DType::bf16, DType::i32, DType::u8};

/// Random values in [0, 256) of which elements at the same offset have the same one.
std::vector<double> values_at(const Dims& shape, const Dims& strides, std::uint64_t seed) {
  const auto offsets = reference::offsets(shape, strides);
  std::int64_t last = 0;
  for (std::int64_t offset : offsets) last = std::max(last, offset);
  const auto pool = testing::random_values(last + 1, seed, 0, 256);
  std::vector<double> values;
  for (std::int64_t offset : offsets) values.push_back(pool[offset]);
  return values;
}

void check_copy(Device device, DType from, DType to, const Case& c) {
  CAPTURE(name_of(device));
  CAPTURE(name_of(from));
  CAPTURE(name_of(to));
  CAPTURE(c.shape);
  const Dims strides = c.x.rank ? c.x : contiguous_strides(c.shape);
  const auto x = input(from, c.shape, values_at(c.shape, strides, 1), c.x);
  std::vector<double> expected;
  for (double value : x.values) expected.push_back(reference::cast(value, from, to));
  const auto y = testing::run(device, {x, output(to, c.shape, c.y)},
                              [](Stream& s, auto v) { copy(s, v[0], v[1]); });
  testing::expect_close("copy", y[0], expected, 0);
}

TEST_SUITE("copy") {
  TEST_CASE("every case, and every pair of dtypes contiguous, strided and transposed") {
    for (Device device : testing::kDevices) {
      for (const Case& c : copy_cases::tests()) {
        check_copy(device, DType::f32, DType::f32, c);
        check_copy(device, DType::u8, DType::u8, c);
      }
      for (DType from : kDTypes) {
        for (DType to : kDTypes) {
          check_copy(device, from, to, {{37}});
          check_copy(device, from, to, {{31}, {2}, {1}});
          check_copy(device, from, to, {{9, 35}, {1, 9}});
        }
      }
    }
  }

  TEST_CASE("sizes that several threads share") {
    check_copy(Device::cpu, DType::f32, DType::bf16, {{100003}});
    check_copy(Device::cpu, DType::f32, DType::f32, {{3, 160, 128}, {20480, 1, 160}});
  }

  TEST_CASE("integers from what no integer holds: truncated, saturated, NaN is 0") {
    const double inf = INFINITY;
    const std::vector<double> values{NAN,         inf,         -inf,         1e20, -1e20, -0.5,
                                     0.9,         255,         255.9,        256,  300,   -1,
                                     2147483520., 2147483648., -2147483648., 0.0,  -7.9,  1e-40};
    const auto n = static_cast<std::int64_t>(values.size());
    for (Device device : testing::kDevices) {
      for (DType from : {DType::f32, DType::f64, DType::bf16}) {
        const auto x = input(from, {n}, values);
        for (DType to : kDTypes) {
          CAPTURE(name_of(from));
          CAPTURE(name_of(to));
          std::vector<double> expected;
          for (double value : x.values) expected.push_back(reference::cast(value, from, to));
          const auto y = testing::run(device, {x, output(to, {n})},
                                      [](Stream& s, auto v) { copy(s, v[0], v[1]); });
          testing::expect_close("cast", y[0], expected, 0);
        }
      }
      const auto x = input(DType::i32, {4}, {-1, 256, 511, 2147483647});
      const auto y = testing::run(device, {x, output(DType::u8, {4})},
                                  [](Stream& s, auto v) { copy(s, v[0], v[1]); });
      testing::expect_close("wrap", y[0], {255, 0, 255, 255}, 0);
    }
  }

  TEST_CASE("what lies between the elements of y is left alone; strides may be negative") {
    for (Device device : testing::kDevices) {
      const auto x = input(DType::f32, {20}, testing::random_values(20, 2));
      const auto y = testing::run(
          device, {x, output(DType::f32, {40}), output(DType::f32, {40})}, [](Stream& s, auto v) {
            copy(s, v[0], View(v[1].data, DType::f32, {20}, {2}));
            const View backwards(v[0].template as<float>() + 19, DType::f32, {4, 5}, {-5, -1});
            copy(s, backwards, View(v[2].data, DType::f32, {4, 5}, {10, 2}));
          });
      for (int i = 0; i < 20; ++i) {
        CHECK(y[0][2 * i] == x.values[i]);
        CHECK(y[1][2 * i] == x.values[19 - i]);
        CHECK(std::isnan(y[0][2 * i + 1]));
        CHECK(std::isnan(y[1][2 * i + 1]));
      }
    }
  }

  TEST_CASE("fill") {
    for (Device device : testing::kDevices) {
      for (const Case& c : copy_cases::tests()) {
        CAPTURE(c.shape);
        for (DType dtype : kDTypes) {
          const auto y = testing::run(device, {output(dtype, c.shape, c.y)},
                                      [](Stream& s, auto v) { fill(s, v[0], 7.25); });
          const double expected = reference::cast(7.25, DType::f64, dtype);
          testing::expect_close("fill", y[0], std::vector<double>(numel(c.shape), expected), 0);
        }
      }
    }
  }

  TEST_CASE("a walk is cut into slabs that cover it once") {
    const Dims shape{3, 5, 7}, strides{35, 1, 5};
    const View y(nullptr, DType::f32, shape, strides), x(nullptr, DType::f32, shape);
    const auto whole = collapse<2>(y, std::span(&x, 1));
    CHECK(whole.rank == 3);
    std::vector<int> seen_y(105), seen_x(105);
    for_each_slab(whole, 8, [&](const Strided<2>& s, const std::array<std::int64_t, 2>& at) {
      CHECK(s.numel() <= 8);
      const Dims extent(std::span(s.extent.data(), s.rank));
      const auto offsets = [&](int k) {
        return reference::offsets(extent, Dims(std::span(s.stride[k].data(), s.rank)));
      };
      for (std::int64_t offset : offsets(0)) ++seen_y[at[0] + offset];
      for (std::int64_t offset : offsets(1)) ++seen_x[at[1] + offset];
    });
    CHECK(seen_y == std::vector<int>(105, 1));
    CHECK(seen_x == std::vector<int>(105, 1));
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    const View x(data, DType::f32, {2, 3}), y(data, DType::f32, {3, 2});
    Stream& s = Stream::of(Device::cpu);
    CHECK_THROWS_WITH_AS(copy(s, x, y), "copy: x and y must have one shape, not [2, 3] and [3, 2]",
                         Error);
    const View same(data, DType::f32, {2, 3}, {0, 1});
    CHECK_THROWS_WITH_AS(copy(s, x, same), "copy: y repeats elements: shape [2, 3], strides [0, 1]",
                         Error);
    CHECK_THROWS_WITH_AS(fill(s, same, 1), "fill: y repeats elements: shape [2, 3], strides [0, 1]",
                         Error);
  }
}

}  // namespace
}  // namespace etude
