#include "kernels/elementwise/elementwise.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "kernels/copy/reference.h"
#include "kernels/elementwise/cases.h"
#include "kernels/elementwise/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using elementwise_cases::Case;
using testing::input;
using testing::Operand;
using testing::output;

/// Input k of an operation: elements at the same offset have the same value, and some are equal to
/// those of other inputs or 0.
Operand make_input(DType dtype, const Case& c, int k, double lo, double hi) {
  const Dims strides = c.inputs[k].rank ? c.inputs[k] : contiguous_strides(c.shape);
  const auto offsets = reference::offsets(c.shape, strides);
  std::int64_t last = 0;
  for (std::int64_t offset : offsets) last = std::max(last, offset);
  auto pool = testing::random_values(last + 1, k, lo, hi);
  for (std::size_t i = 0; i < pool.size(); i += 5) pool[i] = i % 2 ? 0.5 : std::max(lo, 0.0);
  std::vector<double> values;
  for (std::int64_t offset : offsets) values.push_back(pool[offset]);
  return input(dtype, c.shape, values, c.inputs[k]);
}

/// elementwise of an operation known only at run time.
void apply(Stream& s, const AnyElementwise& any, std::span<const View> inputs, const View& y) {
  std::visit([&](const auto& op) { elementwise(s, op, inputs, y); }, any);
}

std::vector<double> run_one(Device device, const reference::Elementwise& operation,
                            std::vector<Operand> operands, DType dtype, const Case& c) {
  const int n = operation.arity;
  operands.push_back(output(dtype, c.shape, c.y));
  return testing::run(device, operands,
                      [&](Stream& s, auto v) { apply(s, operation.op, v.first(n), v[n]); })[0];
}

void check(Device device, DType dtype, const reference::Elementwise& operation, const Case& c) {
  CAPTURE(name_of(device));
  CAPTURE(c.shape);
  std::vector<Operand> x;
  for (int k = 0; k < operation.arity; ++k) {
    x.push_back(make_input(dtype, c, k, operation.lo, operation.hi));
  }
  std::vector<double> expected;
  for (std::int64_t i = 0; i < numel(c.shape); ++i) {
    const auto at = [&](int k) { return k < operation.arity ? x[k].values[i] : 0.0; };
    expected.push_back(operation.value(at(0), at(1), at(2)));
  }
  // In double the reference's own roundings show as well.
  const double ulp = (dtype == DType::f64 ? 16 : 2) * testing::epsilon_of(dtype);
  const auto y = run_one(device, operation, x, dtype, c);
  testing::expect_close(operation.name, y, expected, operation.ulps * ulp,
                        std::max(1e-30, operation.absolute / operation.ulps));
}

/// Error of `value` in units in the last place of float; infinite where it should not be.
double ulps_off(float value, double exact) {
  if (std::isnan(exact)) return std::isnan(value) ? 0 : INFINITY;
  if (value == static_cast<float>(exact)) return 0;
  if (std::isnan(value)) return INFINITY;
  // Just over the largest float either side of the step to infinity is one ulp off.
  const double seen = std::isinf(value) ? std::copysign(0x1p128, value) : value;
  const double wanted = std::clamp(exact, -0x1p128, 0x1p128);
  int exponent = 0;
  std::frexp(wanted, &exponent);
  return std::abs(seen - wanted) / std::ldexp(1.0, std::max(exponent - 24, -149));
}

/// The worst error of f over bit patterns of all exponents, both signs, NaN and infinities
/// included.
template <class F, class Exact>
double worst_ulps(F f, Exact exact) {
  double worst = 0;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 8191) {
    const float x = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    worst = std::max(worst, ulps_off(f(x), exact(static_cast<double>(x))));
  }
  for (float x :
       {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 0x1p-126f, 0x1p-149f, -0x1p-149f,
        88.72283f, 88.72284f, -87.33655f, -103.97208f, 3.4028235e38f, -3.4028235e38f}) {
    worst = std::max(worst, ulps_off(f(x), exact(static_cast<double>(x))));
  }
  return worst;
}

TEST_SUITE("elementwise") {
  TEST_CASE("every operation over every case agrees with the double reference") {
    const auto operations = reference::operations();
    CHECK(operations.size() ==
          std::variant_size_v<AnyElementwise> + 1);  // LeakyRelu is there twice
    for (const auto& operation : operations) {
      for (const Case& c : elementwise_cases::tests()) {
        check(Device::cpu, DType::f32, operation, c);
        check(Device::cpu, DType::f64, operation, c);
        check(Device::gpu, DType::f32, operation, c);
      }
    }
  }

  TEST_CASE("sizes that several threads share") {
    for (const auto& operation : reference::operations()) {
      check(Device::cpu, DType::f32, operation, {{50021}});
      check(Device::cpu, DType::f32, operation, {{211, 257}, {{{1, 211}, {0, 1}, {257, 1}}}});
    }
  }

  TEST_CASE("float functions over all exponents, in ulp") {
    using D = double;
    CHECK(worst_ulps([](float x) { return math::exp(x); }, [](D x) { return std::exp(x); }) < 1.1);
    CHECK(worst_ulps([](float x) { return math::log(x); }, [](D x) { return std::log(x); }) < 1);
    CHECK(worst_ulps([](float x) { return math::tanh(x); }, [](D x) { return std::tanh(x); }) < 3);
    CHECK(worst_ulps([](float x) { return math::sigmoid(x); },
                     [](D x) { return 1 / (1 + std::exp(-x)); }) < 3);
    CHECK(worst_ulps([](float x) { return math::softplus(x); },
                     [](D x) { return x > 700 ? x : std::log1p(std::exp(x)); }) < 3);
    CHECK(worst_ulps([](float x) { return math::normal_cdf(x); }, reference::normal_cdf) < 7);
    CHECK(worst_ulps([](float x) { return math::normal_pdf(x); }, reference::normal_pdf) < 4);
  }

  TEST_CASE("cpu and gpu give the same bits") {
    const Case c{{4099}};
    for (const auto& operation : reference::operations()) {
      CAPTURE(operation.name);
      std::vector<Operand> x;
      for (int k = 0; k < operation.arity; ++k) {
        x.push_back(make_input(DType::f32, c, k, operation.lo, operation.hi));
      }
      const auto on_cpu = run_one(Device::cpu, operation, x, DType::f32, c);
      const auto on_gpu = run_one(Device::gpu, operation, x, DType::f32, c);
#ifdef __FMA__
      const bool exact = !std::holds_alternative<Power>(operation.op);  // pow is the library's
#else
      const bool exact = false;
#endif
      const double tolerance = exact ? 0 : 2 * operation.ulps * 0x1p-23;
      testing::expect_close(operation.name, on_gpu, on_cpu, tolerance,
                            std::max(1e-30, operation.absolute / operation.ulps));
    }
  }

  TEST_CASE(
      "NaN passes through; comparisons with it are 0; Where does not touch what it leaves out") {
    for (Device device : testing::kDevices) {
      for (const auto& operation : reference::operations()) {
        CAPTURE(operation.name);
        if (operation.arity > 2) continue;
        const std::vector<Operand> x(operation.arity,
                                     input(DType::f32, {5}, {NAN, NAN, NAN, NAN, NAN}));
        const bool compares = std::holds_alternative<Greater>(operation.op) ||
                              std::holds_alternative<GreaterEqual>(operation.op) ||
                              std::holds_alternative<Equal>(operation.op);
        for (double y : run_one(device, operation, x, DType::f32, {{5}})) {
          CHECK((compares ? y == 0 : std::isnan(y)));
        }
      }
      const auto y =
          testing::run(device,
                       {input(DType::f32, {3}, {1, 0, NAN}), input(DType::f32, {3}, {2, NAN, 3}),
                        input(DType::f32, {3}, {NAN, 4, 5}), output(DType::f32, {3}),
                        output(DType::f32, {3}), output(DType::f32, {3})},
                       [](Stream& s, auto v) {
                         elementwise(s, Where{}, v.first(3), v[3]);
                         elementwise(s, Maximum{}, {v[1], v[2]}, v[4]);
                         elementwise(s, Minimum{}, {v[1], v[2]}, v[5]);
                       });
      testing::expect_close("where", y[0], {2, 4, 3}, 0);
      testing::expect_close("maximum", y[1], {NAN, NAN, 5}, 0);
      testing::expect_close("minimum", y[2], {NAN, NAN, 3}, 0);
    }
  }

  TEST_CASE("extreme values") {
    const double inf = INFINITY;
    const auto x = input(DType::f32, {7}, {-inf, -1e30, -100, 0, 100, 1e30, inf});
    for (Device device : testing::kDevices) {
      std::vector<Operand> operands{x};
      for (int i = 0; i < 5; ++i) operands.push_back(output(DType::f32, {7}));
      const auto y = testing::run(device, operands, [](Stream& s, auto v) {
        elementwise(s, Exp{}, v.first(1), v[1]);
        elementwise(s, Sigmoid{}, v.first(1), v[2]);
        elementwise(s, Tanh{}, v.first(1), v[3]);
        elementwise(s, Softplus{}, v.first(1), v[4]);
        elementwise(s, Log{}, v.first(1), v[5]);
      });
      testing::expect_close("exp", y[0], {0, 0, std::exp(-100.0), 1, inf, inf, inf}, 1e-6, 1e-38);
      testing::expect_close("sigmoid", y[1], {0, 0, std::exp(-100.0), 0.5, 1, 1, 1}, 1e-6, 1e-38);
      testing::expect_close("tanh", y[2], {-1, -1, -1, 0, 1, 1, 1}, 0);
      testing::expect_close("softplus", y[3], {0, 0, std::exp(-100.0), std::log(2), 100, 1e30, inf},
                            1e-6, 1e-38);
      testing::expect_close("log", y[4],
                            {NAN, NAN, NAN, -inf, std::log(100.0), std::log(1e30), inf}, 1e-6);
    }
  }

  TEST_CASE("y may be an input") {
    for (Device device : testing::kDevices) {
      const auto a = testing::random_values(1000, 1), b = testing::random_values(1000, 2);
      Operand y = testing::in_out(DType::f32, {1000}, a);
      const auto x = input(DType::f32, {1000}, b);
      std::vector<double> expected;
      for (int i = 0; i < 1000; ++i) expected.push_back(y.values[i] + 3 * x.values[i]);
      const auto result = testing::run(device, {y, x}, [](Stream& s, auto v) {
        elementwise(s, AddScaled(3), {v[0], v[1]}, v[0]);
      });
      testing::expect_close("in place", result[0], expected, 0x1p-23);
    }
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    const View x(data, DType::f32, {2, 3}), y(data, DType::f32, {3, 2});
    const View z(data, DType::i32, {2, 3}), same(data, DType::f32, {2, 3}, {0, 1});
    Stream& s = Stream::of(Device::cpu);
    CHECK_THROWS_WITH_AS(elementwise(s, Add{}, {x}, x),
                         "elementwise: the operation takes 2 inputs, not 1", Error);
    CHECK_THROWS_WITH_AS(elementwise(s, Add{}, {x, y}, x),
                         "elementwise: input 1 has shape [3, 2], y has [2, 3]", Error);
    CHECK_THROWS_WITH_AS(elementwise(s, Add{}, {z, x}, x), "elementwise: input 0 is i32, y is f32",
                         Error);
    CHECK_THROWS_WITH_AS(elementwise(s, Neg{}, {x}, same),
                         "elementwise: y repeats elements: shape [2, 3], strides [0, 1]", Error);
    CHECK_THROWS_WITH_AS(elementwise(s, Neg{}, {z}, z),
                         "elementwise: dtype i32 is not supported here", Error);
  }
}

}  // namespace
}  // namespace etude
