#include "kernels/softmax/softmax.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/softmax/cases.h"
#include "kernels/softmax/reference.h"
#include "tests/error_text.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using softmax_cases::Case;
using testing::input;
using testing::output;

/// Calls body(device, dtype, case) for all that a backend offers.
template <class Body>
void for_all(Body body) {
  for (const Case& c : softmax_cases::tests()) {
    CAPTURE(c.rows);
    CAPTURE(c.cols);
    body(Device::cpu, DType::f32, c);
    body(Device::cpu, DType::f64, c);
    body(Device::gpu, DType::f32, c);
  }
}

TEST_SUITE("softmax") {
  TEST_CASE("softmax and log_softmax agree with the double reference") {
    for_all([](Device device, DType dtype, const Case& c) {
      const auto x = input(dtype, {c.rows, c.cols},
                           testing::random_values(c.rows * c.cols, 1, -c.scale, c.scale));
      const auto logs = reference::log_softmax(x.values, c.rows, c.cols);
      std::vector<double> probabilities(logs.size());
      for (std::size_t i = 0; i < logs.size(); ++i) probabilities[i] = std::exp(logs[i]);
      const auto y = testing::run(device, {x, output(dtype, x.shape), output(dtype, x.shape)},
                                  [](Stream& s, auto v) {
                                    log_softmax(s, v[0], v[1]);
                                    softmax(s, v[0], v[2]);
                                  });
      // exp turns the absolute error of its argument, up to |x| * epsilon, into a relative one.
      const double tolerance = (16 + 2 * c.scale) * testing::epsilon_of(dtype);
      testing::expect_close("log_softmax", y[0], logs, tolerance);
      testing::expect_close("softmax", y[1], probabilities, tolerance);
    });
  }

  TEST_CASE("cross entropy and its gradient agree with the double reference") {
    for_all([](Device device, DType dtype, const Case& c) {
      const auto x = input(dtype, {c.rows, c.cols},
                           testing::random_values(c.rows * c.cols, 2, -c.scale, c.scale));
      const auto target = input(DType::i32, {c.rows},
                                testing::random_integers(c.rows, 3, static_cast<int>(c.cols)));
      const auto dloss = input(dtype, {c.rows}, testing::random_values(c.rows, 4));
      const auto logs = reference::log_softmax(x.values, c.rows, c.cols);
      std::vector<double> loss, dx;
      for (std::int64_t r = 0; r < c.rows; ++r) {
        const auto t = static_cast<std::int64_t>(target.values[r]);
        loss.push_back(-logs[r * c.cols + t]);
        for (std::int64_t k = 0; k < c.cols; ++k) {
          dx.push_back(dloss.values[r] * (std::exp(logs[r * c.cols + k]) - (k == t)));
        }
      }
      const auto y =
          testing::run(device, {x, target, dloss, output(dtype, {c.rows}), output(dtype, x.shape)},
                       [](Stream& s, auto v) {
                         cross_entropy(s, v[0], v[1], v[3]);
                         cross_entropy_grad(s, v[0], v[1], v[2], v[4]);
                       });
      const double tolerance = (16 + 2 * c.scale) * testing::epsilon_of(dtype);
      testing::expect_close("loss", y[0], loss, tolerance);
      testing::expect_close("dx", y[1], dx, tolerance);
    });
  }

  TEST_CASE("edges: -inf logits have probability 0, a foreign target and an all -inf row are NaN") {
    for (Device device : testing::kDevices) {
      const auto x =
          input(DType::f32, {3, 3}, {0, -INFINITY, 0, -INFINITY, -INFINITY, -INFINITY, 1, 2, 3});
      const auto y = testing::run(
          device,
          {x, input(DType::i32, {3}, {0, 0, 7}), output(DType::f32, {3, 3}),
           output(DType::f32, {3}), input(DType::f32, {3}, {1, 1, 1}), output(DType::f32, {3, 3})},
          [](Stream& s, auto v) {
            softmax(s, v[0], v[2]);
            cross_entropy(s, v[0], v[1], v[3]);
            cross_entropy_grad(s, v[0], v[1], v[4], v[5]);
          });
      testing::expect_close("softmax", {y[0].begin(), y[0].begin() + 3}, {0.5, 0, 0.5}, 1e-6);
      for (int c = 3; c < 6; ++c) CHECK(std::isnan(y[0][c]));
      CHECK(y[1][0] == doctest::Approx(std::log(2.0)));
      CHECK(std::isnan(y[1][2]));
      for (int c = 6; c < 9; ++c) CHECK(std::isnan(y[2][c]));  // no step on a label that is none
    }
  }

  TEST_CASE("what does not lie without gaps is refused by name") {
    float x[6] = {}, loss[2] = {};
    std::int32_t target[2] = {};
    const View rows(x, DType::f32, {2, 3}), targets(target, DType::i32, {2}),
        losses(loss, DType::f32, {2});
    View turned = rows, one = losses;
    turned.strides = {1, 2};
    one.strides = {0};
    Stream& s = Stream::of(Device::cpu);
    const std::string refused = "cross_entropy: logits, targets and losses must be contiguous";
    CHECK(message_of([&] { cross_entropy(s, turned, targets, losses); }) == refused);
    CHECK(message_of([&] { cross_entropy(s, rows, targets, one); }) == refused);
    CHECK(message_of([&] { cross_entropy_grad(s, rows, targets, one, rows); }) == refused);
    CHECK(message_of([&] { cross_entropy(s, rows, targets, losses); }) == "no error");
  }

  TEST_CASE("a row without a target has no loss and no gradient, whatever its logits") {
    for (Device device : testing::kDevices) {
      const auto x = input(DType::f32, {2, 3}, {NAN, 0, INFINITY, 1, 2, 3});
      const auto y =
          testing::run(device,
                       {x, input(DType::i32, {2}, {-1, 2}), input(DType::f32, {2}, {1, 1}),
                        output(DType::f32, {2}), output(DType::f32, {2, 3})},
                       [](Stream& s, auto v) {
                         cross_entropy(s, v[0], v[1], v[3]);
                         cross_entropy_grad(s, v[0], v[1], v[2], v[4]);
                       });
      CHECK(y[0][0] == 0);
      CHECK(y[0][1] == doctest::Approx(0.40760596));
      for (int c = 0; c < 3; ++c) CHECK(y[1][c] == 0);
      CHECK(y[1][3] == doctest::Approx(0.09003057));
    }
  }

  TEST_CASE("a NaN logit makes its row NaN and no other") {
    for (Device device : testing::kDevices) {
      auto values = testing::random_values(2 * 70, 8);
      values[3] = NAN;
      const auto y =
          testing::run(device, {input(DType::f32, {2, 70}, values), output(DType::f32, {2, 70})},
                       [](Stream& s, auto v) { softmax(s, v[0], v[1]); });
      for (int c = 0; c < 140; ++c) CHECK(std::isnan(y[0][c]) == (c < 70));
    }
  }

  TEST_CASE("wrong shapes are answered by an Error that names them") {
    float data[6] = {};
    const View x(data, DType::f32, {2, 3}), y(data, DType::f32, {3, 2});
    CHECK_THROWS_WITH_AS(softmax(Stream::of(Device::cpu), x, y),
                         "softmax: x and y must be [rows, cols], not [2, 3] and [3, 2]", Error);
  }
}

}  // namespace
}  // namespace etude
