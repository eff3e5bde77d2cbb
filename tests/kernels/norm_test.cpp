#include "kernels/norm/norm.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/norm/cases.h"
#include "kernels/norm/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using norm_cases::Case;
using testing::in_out;
using testing::input;
using testing::Operand;
using testing::output;

/// The operands of a case, with the values that the kernel and the reference share.
struct Problem {
  Case c;
  BatchNormParams params;
  Operand x, gamma, beta, running_mean, running_var, dy;

  Problem(DType dtype, const Case& c_)
      : c(c_),
        params{.eps = 1e-5, .momentum = 0.3, .slope = c_.slope},
        x(input(
            dtype, {c.B, c.C, c.L},
            testing::random_values(c.B * c.C * c.L, 1, c.offset - c.spread, c.offset + c.spread))),
        gamma(input(dtype, {c.C}, testing::random_values(c.C, 2, -1.5, 1.5))),
        beta(input(dtype, {c.C}, testing::random_values(c.C, 3))),
        running_mean(in_out(dtype, {c.C}, testing::random_values(c.C, 4))),
        running_var(in_out(dtype, {c.C}, testing::random_values(c.C, 5, 0.1, 2))),
        dy(input(dtype, x.shape, testing::random_values(c.B * c.C * c.L, 6))) {}

  auto train() const {
    return reference::batch_norm_train<double>(x.values, gamma.values, beta.values,
                                               running_mean.values, running_var.values, c.B, c.C,
                                               c.L, params);
  }
};

/// Calls body(device, dtype, case) for all that a backend offers.
template <class Body>
void for_all(Body body) {
  for (const Case& c : norm_cases::tests()) {
    CAPTURE(c.B);
    CAPTURE(c.C);
    CAPTURE(c.L);
    CAPTURE(c.offset);
    body(Device::cpu, DType::f32, c);
    body(Device::cpu, DType::f64, c);
    body(Device::gpu, DType::f32, c);
  }
}

/// Rounding of the mean, relative to the deviation, limits what float can know of (x - mean) *
/// rstd.
double tolerance(DType dtype, const Case& c) {
  return (64 + 4 * std::abs(c.offset) / c.spread) * testing::epsilon_of(dtype);
}

TEST_SUITE("norm") {
  TEST_CASE("training agrees with the double reference, running statistics included") {
    for_all([](Device device, DType dtype, const Case& c) {
      if (c.B * c.L < 2 && c.C > 0) return;  // refused, see below
      const Problem p(dtype, c);
      const auto y = testing::run(device,
                                  {p.x, p.gamma, p.beta, output(dtype, {c.C}), output(dtype, {c.C}),
                                   p.running_mean, p.running_var, output(dtype, p.x.shape)},
                                  [&](Stream& s, auto v) {
                                    batch_norm_train(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6],
                                                     v[7], p.params);
                                  });
      const auto expected = p.train();
      const double eps = tolerance(dtype, c);
      const double size = std::max(std::abs(c.offset), c.spread);
      testing::expect_close("mean", y[0], expected.mean, 8 * testing::epsilon_of(dtype), size);
      testing::expect_close("rstd", y[1], expected.rstd, eps, 1e-30);
      testing::expect_close("running_mean", y[2], expected.running_mean, eps, size);
      testing::expect_close("running_var", y[3], expected.running_var, eps, 1e-30);
      testing::expect_close("y", y[4], expected.y, eps);
    });
  }

  TEST_CASE("inference agrees with the double reference") {
    for_all([](Device device, DType dtype, const Case& c) {
      const Problem p(dtype, c);
      const auto mean = input(dtype, {c.C}, p.running_mean.values);
      const auto variance = input(dtype, {c.C}, p.running_var.values);
      const auto y =
          testing::run(device, {p.x, p.gamma, p.beta, mean, variance, output(dtype, p.x.shape)},
                       [&](Stream& s, auto v) {
                         batch_norm_infer(s, v[0], v[1], v[2], v[3], v[4], v[5], p.params);
                       });
      std::vector<double> expected(p.x.values.size());
      for (std::int64_t i = 0; i < static_cast<std::int64_t>(expected.size()); ++i) {
        const std::int64_t k = i / c.L % c.C;
        const double rstd = 1 / std::sqrt(variance.values[k] + p.params.eps);
        const double z =
            (p.x.values[i] - mean.values[k]) * rstd * p.gamma.values[k] + p.beta.values[k];
        expected[i] = z > 0 ? z : c.slope * z;
      }
      testing::expect_close("y", y[0], expected, 16 * testing::epsilon_of(dtype),
                            10 * std::max({1.0, c.spread, std::abs(c.offset)}));
    });
  }

  TEST_CASE("the gradient agrees with the double reference, through the activation too") {
    for_all([](Device device, DType dtype, const Case& c) {
      const Problem p(dtype, c);
      if (c.B * c.L < 2 && c.C > 0) return;
      if (c.offset != 0 && c.slope != 1) return;  // rounding of x - mean decides signs there
      const auto statistics = p.train();
      const auto mean = input(dtype, {c.C}, statistics.mean);
      const auto rstd = input(dtype, {c.C}, statistics.rstd);
      const auto g = testing::run(device,
                                  {p.dy, p.x, p.gamma, p.beta, mean, rstd, output(dtype, p.x.shape),
                                   output(dtype, {c.C}), output(dtype, {c.C})},
                                  [&](Stream& s, auto v) {
                                    batch_norm_grad(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6],
                                                    v[7], v[8], p.params);
                                  });
      const auto expected =
          reference::batch_norm_grad<double>(p.dy.values, p.x.values, p.gamma.values, p.beta.values,
                                             mean.values, rstd.values, c.B, c.C, c.L, p.params);
      const double eps = tolerance(dtype, c), terms = std::sqrt(std::max(1.0, 1.0 * c.B * c.L));
      const double size = 2 / c.spread;  // of gamma * rstd
      testing::expect_close("dx", g[0], expected.dx, eps, 4 * size);
      testing::expect_close("dgamma", g[1], expected.dgamma, eps, terms);
      testing::expect_close("dbeta", g[2], expected.dbeta, eps, terms);
    });
  }

  TEST_CASE("the reference's gradient is the derivative of its forward pass") {
    const Problem p(DType::f64, {3, 2, 4, 0.2});
    const auto objective = [&](const Problem& q) {
      const auto y = q.train().y;
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * p.dy.values[i];
      return sum;
    };
    const auto check = [&](Operand Problem::*member, const std::vector<double>& gradient) {
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const auto at = [&](double h) {
          Problem q = p;
          (q.*member).values[i] += h;
          return objective(q);
        };
        constexpr double h = 1e-3;  // 4-point difference: error of order h^4
        const double slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
        CHECK(gradient[i] == doctest::Approx(slope).epsilon(1e-7));
      }
    };
    const auto t = p.train();
    const auto g = reference::batch_norm_grad<double>(
        p.dy.values, p.x.values, p.gamma.values, p.beta.values, t.mean, t.rstd, 3, 2, 4, p.params);
    check(&Problem::x, g.dx);
    check(&Problem::gamma, g.dgamma);
    check(&Problem::beta, g.dbeta);
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    Stream& s = Stream::of(Device::cpu);
    const View x(data, DType::f32, {1, 3, 1}), c(data, DType::f32, {3}), two(data, DType::f32, {2});
    CHECK_THROWS_WITH_AS(batch_norm_train(s, x, c, c, c, c, c, c, x),
                         "batch_norm_train: a variance needs at least 2 values per channel, x is "
                         "[1, 3, 1]",
                         Error);
    CHECK_THROWS_WITH_AS(batch_norm_infer(s, x, two, c, c, c, x),
                         "batch_norm_infer: gamma must be contiguous f32 [3], one per channel, not "
                         "f32 [2]",
                         Error);
    CHECK_THROWS_WITH_AS(batch_norm_grad(s, c, x, c, c, c, c, x, c, c),
                         "batch_norm_grad: dy must be contiguous f32 [1, 3, 1] as x, not f32 [3]",
                         Error);
    CHECK_THROWS_WITH_AS(batch_norm_infer(s, c, c, c, c, c, c),
                         "batch_norm_infer: x must be [batch, channels, length], not [3]", Error);
  }
}

}  // namespace
}  // namespace etude
