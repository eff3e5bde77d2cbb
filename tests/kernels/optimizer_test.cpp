#include "kernels/optimizer/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/optimizer/cases.h"
#include "kernels/optimizer/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using optimizer_cases::Case;
using testing::in_out;
using testing::input;
using testing::output;

/// Calls body(device, dtype, case) for all that a backend offers.
template <class Body>
void for_all(Body body) {
  for (const Case& c : optimizer_cases::tests()) {
    CAPTURE(c.n);
    CAPTURE(c.step);
    CAPTURE(c.scale);
    body(Device::cpu, DType::f32, c);
    body(Device::cpu, DType::f64, c);
    body(Device::gpu, DType::f32, c);
  }
}

TEST_SUITE("optimizer") {
  TEST_CASE("a step of Adam agrees with the double reference") {
    for_all([](Device device, DType dtype, const Case& c) {
      const AdamParams params{.lr = 0.01, .beta1 = 0.8, .weight_decay = c.weight_decay};
      const double square = c.scale * c.scale;
      auto w = in_out(dtype, {c.n}, testing::random_values(c.n, 1));
      auto dw = input(dtype, {c.n}, testing::random_values(c.n, 2, -c.scale, c.scale));
      auto m = in_out(dtype, {c.n}, testing::random_values(c.n, 3, -c.scale, c.scale));
      auto v = in_out(dtype, {c.n}, testing::random_values(c.n, 4, 0, square));
      const auto y = testing::run(device, {w, dw, m, v}, [&](Stream& s, auto views) {
        adam(s, views[0], views[1], views[2], views[3], params, c.step);
      });
      reference::adam(w.values, dw.values, m.values, v.values, params, c.step);
      const double eps = testing::epsilon_of(dtype);
      testing::expect_close("w", y[0], w.values, 8 * eps);
      testing::expect_close("m", y[1], m.values, 4 * eps, c.scale);
      testing::expect_close("v", y[2], v.values, 4 * eps, square);
    });
  }

  TEST_CASE("Adam's first step moves each weight by lr against its gradient's sign") {
    for (Device device : testing::kDevices) {
      const auto zero = in_out(DType::f32, {4}, {0, 0, 0, 0});
      const auto dw = input(DType::f32, {4}, {1e-3, -1e-3, 1e5, 0});
      const auto y = testing::run(device, {zero, dw, zero, zero}, [](Stream& s, auto v) {
        adam(s, v[0], v[1], v[2], v[3], {.lr = 0.5}, 1);
      });
      testing::expect_close("w", y[0], {-0.5, 0.5, -0.5, 0}, 2e-5);
    }
  }

  TEST_CASE("the gradient's norm and its clipping agree with the double reference") {
    for_all([](Device device, DType dtype, const Case& c) {
      for (double max_norm : {0.75, 1e6}) {
        CAPTURE(max_norm);
        auto dw = in_out(dtype, {c.n}, testing::random_values(c.n, 5, -c.scale, c.scale));
        const auto y = testing::run(device, {dw, output(dtype, {1})}, [&](Stream& s, auto v) {
          gradient_norm(s, v[0], v[1]);
          clip_gradient(s, v[0], v[1], max_norm);
        });
        const double norm = reference::gradient_norm(dw.values);
        reference::clip_gradient(dw.values, norm, max_norm);
        const double roundings = 32 + (dtype == DType::f64 ? static_cast<double>(c.n) : 0);
        const double tolerance = roundings * testing::epsilon_of(dtype);
        testing::expect_close("norm", y[1], {norm}, tolerance, c.scale);
        testing::expect_close("dw", y[0], dw.values, tolerance, c.scale);
      }
    });
  }

  TEST_CASE(
      "a NaN gradient makes the clipped gradient NaN; an infinite one leaves no finite step") {
    for (Device device : testing::kDevices) {
      for (double bad : {static_cast<double>(NAN), static_cast<double>(INFINITY)}) {
        const auto y =
            testing::run(device, {in_out(DType::f32, {3}, {1, bad, 2}), output(DType::f32, {1})},
                         [](Stream& s, auto v) {
                           gradient_norm(s, v[0], v[1]);
                           clip_gradient(s, v[0], v[1], 1.0);
                         });
        CHECK(!std::isfinite(y[1][0]));
        CHECK(std::isnan(y[0][1]));
        CHECK(std::isnan(y[0][0]) == std::isnan(bad));
      }
    }
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    Stream& s = Stream::of(Device::cpu);
    const View three(data, DType::f32, {3}), two(data, DType::f32, {2}), one(data, DType::f32, {1});
    CHECK_THROWS_WITH_AS(adam(s, three, two, three, three, {.lr = 1}, 1),
                         "adam: dw must be contiguous f32 [3], not f32 [2]", Error);
    CHECK_THROWS_WITH_AS(adam(s, three, three, three, three, {.lr = 1}, 0),
                         "adam: steps count from 1, not 0", Error);
    CHECK_THROWS_WITH_AS(gradient_norm(s, three, two),
                         "gradient_norm: the norm must be f32 [1], not f32 [2]", Error);
    CHECK_THROWS_WITH_AS(clip_gradient(s, three, one, 0),
                         "clip_gradient: max_norm must be positive, not 0", Error);
  }
}

}  // namespace
}  // namespace etude
