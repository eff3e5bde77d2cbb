#include "kernels/rotary/rotary.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/rotary/cases.h"
#include "kernels/rotary/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using rotary_cases::Case;
using testing::input;
using testing::output;

/// Calls body(device, dtype, case) for all that a backend offers.
template <class Body>
void for_all(Body body) {
  for (const Case& n : rotary_cases::tests()) {
    for (Device device : testing::kDevices) {
      for (DType dtype : {DType::f32, DType::bf16, DType::f64}) {
        if (device == Device::gpu && dtype == DType::f64) continue;
        CAPTURE(n.T);
        CAPTURE(n.D);
        CAPTURE(name_of(device));
        CAPTURE(name_of(dtype));
        body(device, dtype, n);
      }
    }
  }
}

TEST_SUITE("rotary") {
  TEST_CASE("turns and their inverse agree with the double reference, also in place") {
    for_all([](Device device, DType dtype, const Case& n) {
      const Dims shape{n.B, n.T, 3, n.heads, n.D};
      const auto x = input(dtype, shape, testing::random_values(numel(shape), 1));
      for (bool inverse : {false, true}) {
        const RotaryParams params{.first = n.first, .inverse = inverse};
        const auto y =
            testing::run(device, {x, output(dtype, shape), testing::in_out(dtype, shape, x.values)},
                         [&](Stream& s, auto v) {
                           rotary(s, v[0], v[1], params);
                           rotary(s, v[2], v[2], params);
                         });
        const auto expected = reference::rotary<double>(x.values, n.B, n.T, n.heads, n.D, n.first,
                                                        params.base, inverse);
        const double tolerance =
            4 * std::min(testing::epsilon_of(dtype), 0x1p-24) + (dtype == DType::bf16  ? 2 * 0x1p-8
                                                                 : dtype == DType::f64 ? 1e-12
                                                                                       : 0);
        testing::expect_close("y", y[0], expected, tolerance);
        CHECK(y[1] == y[0]);
      }
    });
  }

  TEST_CASE("products of turned queries and keys depend on their distance alone") {
    const Dims shape{1, 40, 3, 1, 8};
    std::vector<double> row = testing::random_values(3 * 8, 5), all;
    for (int t = 0; t < 40; ++t) all.insert(all.end(), row.begin(), row.end());
    for (Device device : testing::kDevices) {
      const auto y =
          testing::run(device, {input(DType::f32, shape, all), output(DType::f32, shape)},
                       [](Stream& s, auto v) { rotary(s, v[0], v[1]); });
      const auto product = [&](int t, int s) {
        double sum = 0;
        for (int i = 0; i < 8; ++i) sum += y[0][t * 24 + i] * y[0][s * 24 + 8 + i];
        return sum;
      };
      CHECK(product(9, 4) == doctest::Approx(product(39, 34)).epsilon(1e-5));
      CHECK(std::abs(product(9, 4) - product(9, 5)) > 1e-3);
    }
  }

  TEST_CASE("wrong operands are answered by an Error that names them") {
    std::vector<float> data(64);
    const View x(data.data(), DType::f32, {1, 1, 3, 1, 3});
    CHECK_THROWS_WITH_AS(
        rotary(Stream::of(Device::cpu), x, x),
        "rotary: x must be [B, T, 3, heads, D] with an even D, not [1, 1, 3, 1, 3]", Error);
  }
}

}  // namespace
}  // namespace etude
