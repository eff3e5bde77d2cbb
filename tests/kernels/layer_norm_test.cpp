#include "kernels/layer_norm/layer_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "kernels/layer_norm/cases.h"
#include "kernels/layer_norm/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using layer_norm_cases::Case;
using testing::input;
using testing::output;
using Reference = reference::LayerNorm<double>;

constexpr double kEps = 1e-5;

/// Calls body(device, dtype, case) for all that a backend offers.
template <class Body>
void for_all(Body body) {
  for (const Case& n : layer_norm_cases::tests()) {
    for (Device device : testing::kDevices) {
      for (DType dtype : {DType::f32, DType::bf16, DType::f64}) {
        if (device == Device::gpu && dtype == DType::f64) continue;
        CAPTURE(n.rows);
        CAPTURE(n.C);
        CAPTURE(name_of(device));
        CAPTURE(name_of(dtype));
        body(device, dtype, n);
      }
    }
  }
}

DType statistics_of(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

struct Operands {
  testing::Operand x, gamma, beta, dy;
};
Operands operands(DType dtype, const Case& n) {
  const auto random = [&](const Dims& shape, std::uint64_t seed, double lo, double hi) {
    return input(dtype, shape, testing::random_values(numel(shape), seed, lo, hi));
  };
  return {random({n.rows, n.C}, 1, n.offset - n.spread, n.offset + n.spread),
          random({n.C}, 2, -2, 2), random({n.C}, 3, -1, 1), random({n.rows, n.C}, 4, -1, 1)};
}

Reference reference_of(const Case& n, const Operands& o) {
  return {.rows = n.rows,
          .C = n.C,
          .eps = kEps,
          .x = o.x.values,
          .gamma = o.gamma.values,
          .beta = o.beta.values};
}

/// What a row's offset costs: its mean is exact to a few units of the offset only, and those are
/// divided by the row's deviation.
double tolerance_of(DType dtype, const Case& n, double largest_rstd) {
  const double compute = std::min(testing::epsilon_of(dtype), 0x1p-24);
  const double sums = (16 + std::sqrt(static_cast<double>(n.C))) * compute;
  const double magnitude = std::abs(n.offset) + n.spread;
  const double of_storage = dtype == DType::bf16 ? 4 * 0x1p-8 : 0;
  return sums * (1 + magnitude * largest_rstd) + of_storage;
}

TEST_SUITE("layer_norm") {
  TEST_CASE("the forward pass agrees with the double reference") {
    for_all([](Device device, DType dtype, const Case& n) {
      const Operands o = operands(dtype, n);
      Reference expected = reference_of(n, o);
      expected.forward();
      const DType statistics = statistics_of(dtype);
      const auto y = testing::run(
          device,
          {o.x, o.gamma, o.beta, output(statistics, {n.rows}), output(statistics, {n.rows}),
           output(dtype, {n.rows, n.C})},
          [](Stream& s, auto v) { layer_norm(s, v[0], v[1], v[2], v[3], v[4], v[5], kEps); });
      if (n.C == 0) return;  // the statistics of nothing are NaN
      const double rstd =
          n.rows > 0 ? *std::max_element(expected.rstd.begin(), expected.rstd.end()) : 0;
      const double tolerance = tolerance_of(dtype, n, rstd);
      testing::expect_close("mean", y[0], expected.mean, tolerance,
                            std::max(1.0, std::abs(n.offset) + n.spread));
      testing::expect_close("rstd", y[1], expected.rstd, tolerance, 1e-6);
      testing::expect_close("y", y[2], expected.y, tolerance);
    });
  }

  TEST_CASE("the gradient agrees with the double reference") {
    for_all([](Device device, DType dtype, const Case& n) {
      const Operands o = operands(dtype, n);
      Reference expected = reference_of(n, o);
      expected.forward();
      const DType statistics = statistics_of(dtype);
      // The kernel gets rounded statistics: the reference goes on with the same.
      const auto mean = input(statistics, {n.rows}, expected.mean);
      const auto rstd = input(statistics, {n.rows}, expected.rstd);
      expected.mean = mean.values, expected.rstd = rstd.values;
      expected.backward(o.dy.values);
      const auto d =
          testing::run(device,
                       {o.dy, o.x, o.gamma, mean, rstd, output(dtype, {n.rows, n.C}),
                        output(dtype, {n.C}), output(dtype, {n.C})},
                       [](Stream& s, auto v) {
                         layer_norm_grad(s, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
                       });
      if (n.C == 0) return;
      const double largest =
          n.rows > 0 ? *std::max_element(expected.rstd.begin(), expected.rstd.end()) : 0;
      const double tolerance = tolerance_of(dtype, n, largest);
      testing::expect_close("dx", d[0], expected.dx, tolerance, std::max(1e-6, largest));
      const double scale = 1 + std::sqrt(static_cast<double>(n.rows));
      testing::expect_close("dgamma", d[1], expected.dgamma, 2 * tolerance, scale);
      testing::expect_close("dbeta", d[2], expected.dbeta, 2 * tolerance, scale);
    });
  }

  TEST_CASE("the reference's gradient is the slope of its forward pass") {
    const Case n{3, 5};
    const Operands o = operands(DType::f64, n);
    Reference r = reference_of(n, o);
    r.forward();
    r.backward(o.dy.values);
    const Reference at = r;
    const auto loss = [&] {
      r.forward();
      double sum = 0;
      for (std::size_t i = 0; i < r.y.size(); ++i) sum += o.dy.values[i] * r.y[i];
      return sum;
    };
    testing::expect_slope("x", r.x, at.dx, loss, 1e-7);
    testing::expect_slope("gamma", r.gamma, at.dgamma, loss, 1e-7);
    testing::expect_slope("beta", r.beta, at.dbeta, loss, 1e-7);
  }

  TEST_CASE("wrong operands are answered by an Error that names them") {
    std::vector<float> data(64);
    const auto view = [&](const Dims& shape) { return View(data.data(), DType::f32, shape); };
    CHECK_THROWS_WITH_AS(layer_norm(Stream::of(Device::cpu), view({2, 3}), view({3}), view({2}),
                                    view({2}), view({2}), view({2, 3})),
                         "layer_norm: gamma must be f32 [3] without gaps, not f32 [2]", Error);
  }
}

}  // namespace
}  // namespace etude
