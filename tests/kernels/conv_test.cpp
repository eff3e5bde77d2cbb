#include "kernels/conv/conv.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/cases.h"
#include "kernels/conv/columns_cpu.h"
#include "kernels/conv/reference.h"
#include "kernels/conv/winograd_cpu.h"
#include "tests/kernels/conv_tolerance.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using conv_cases::Case;
using testing::input;
using testing::Operand;
using testing::output;
using Values = std::vector<double>;

/// One operation (conv or one of its gradients) in all its implementations.
struct Operation {
  const char* name;
  void (*front)(Stream&, const View&, const View&, const View&, const ConvParams&);
  void (*blocked)(const ConvProblem&, const float*, const float*, float*);
  void (*winograd)(const ConvProblem&, const float*, const float*, float*);
  void (*columns)(const ConvProblem&, const View&, const View&, const View&);
  std::span<const ConvRung> rungs;
};

struct Expected {
  Operand first, second, result;  // the operation's arguments; result has no values
  Values values;
  std::int64_t terms;  // of each sum
};

void check(const Operation& op, const Case& c, DType dtype, const Expected& e) {
  const auto problem = [&](std::span<const View> v) {
    const std::string name = op.name;
    if (name == "conv") return ConvProblem(v[0], v[1], v[2], c.params);
    if (name == "conv_input_grad") return ConvProblem(v[2], v[1], v[0], c.params);
    return ConvProblem(v[0], v[2], v[1], c.params);
  };
  const auto expect = [&](const std::string& what, Device device, const testing::Call& call,
                          double roundoff = 0) {
    const auto y = testing::run(device, {e.first, e.second, e.result}, call);
    const double spread = std::sqrt(static_cast<double>(std::max<std::int64_t>(1, e.terms)));
    testing::expect_close(op.name + (" " + what), y[0], e.values,
                          testing::conv_tolerance(dtype, roundoff, e.terms), c.scale * spread);
  };
  const auto front = [&](bool tf32) {
    ConvParams params = c.params;
    params.tf32 = tf32;
    return [&op, params](Stream& s, auto v) { op.front(s, v[0], v[1], v[2], params); };
  };
  expect("cpu", Device::cpu, front(true));
  if (dtype != DType::bf16) {
    expect("columns", Device::cpu,
           [&](Stream&, auto v) { op.columns(problem(v), v[0], v[1], v[2]); });
  }
  if (dtype == DType::f32 && c.B > 0) {
    expect("blocked", Device::cpu, [&](Stream&, auto v) {
      op.blocked(problem(v), v[0].template as<float>(), v[1].template as<float>(),
                 v[2].template as<float>());
    });
    if (cpu::winograd::takes(c.params, c.R, c.S)) {
      expect("winograd", Device::cpu, [&](Stream&, auto v) {
        op.winograd(problem(v), v[0].template as<float>(), v[1].template as<float>(),
                    v[2].template as<float>());
      });
    }
  }
  if (dtype == DType::f64) return;
  expect("gpu", Device::gpu, front(false));
  if (dtype == DType::f32) expect("gpu tf32", Device::gpu, front(true), 0x1p-11);
  for (const ConvRung& rung : op.rungs) {
    if (rung.dtype != dtype) continue;
    testing::expect_rung(rung, [&] {
      expect(
          rung.name, Device::gpu,
          [&](Stream& s, auto v) { rung.run(s, v[0], v[1], v[2], c.params); }, rung.roundoff);
    });
  }
}

TEST_SUITE("conv") {
  TEST_CASE("conv and its gradients agree with the double reference") {
    const Operation forward{
        "conv",      conv, cpu::blocked::forward, cpu::winograd::forward, cpu::columns::forward,
        conv_rungs()};
    const Operation input_grad{"conv_input_grad",        conv_input_grad,
                               cpu::blocked::input_grad, cpu::winograd::input_grad,
                               cpu::columns::input_grad, conv_input_grad_rungs()};
    const Operation weight_grad{"conv_weight_grad",        conv_weight_grad,
                                cpu::blocked::weight_grad, cpu::winograd::weight_grad,
                                cpu::columns::weight_grad, conv_weight_grad_rungs()};
    for (const Case& c : conv_cases::tests()) {
      for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
        CAPTURE(c.x());
        CAPTURE(c.w());
        const Dims y_shape = conv_output_shape(c.x(), c.w(), c.params);
        REQUIRE(y_shape == c.y());
        const auto random = [&](const Dims& shape, int seed, double scale) {
          return input(dtype, shape, testing::random_values(numel(shape), seed, -scale, scale));
        };
        const Operand x = random(c.x(), 1, c.scale), w = random(c.w(), 2, 1),
                      dy = random(c.y(), 3, c.scale);
        check(forward, c, dtype,
              {x, w, output(dtype, c.y()), reference::conv(c, x.values, w.values),
               c.C / c.params.groups * c.R * c.S});
        check(input_grad, c, dtype,
              {dy, w, output(dtype, c.x()), reference::conv_input_grad(c, dy.values, w.values),
               c.K / c.params.groups * c.R * c.S});
        // The terms of dw are products of two scaled factors; dy without scale keeps one.
        const Operand unit_dy = random(c.y(), 3, 1);
        check(
            weight_grad, c, dtype,
            {x, unit_dy, output(dtype, c.w()),
             reference::conv_weight_grad(c, x.values, unit_dy.values), c.B * c.y()[2] * c.y()[3]});
      }
    }
  }

  TEST_CASE("the epilogue adds a bias, gathers statistics and rectifies") {
    for (const Case& c : conv_cases::epilogue_tests()) {
      CAPTURE(c.x());
      CAPTURE(c.w());
      testing::check_conv_epilogue(
          c.x(), c.w(), c.y(), c.C / c.params.groups * c.R * c.S,
          [&](const Values& x, const Values& w) { return reference::conv(c, x, w); },
          [&](Stream& s, auto v, const ConvEpilogue& e, bool tf32) {
            ConvParams params = c.params;
            params.tf32 = tf32;
            conv_fused(s, v[0], v[1], v[2], params, e);
          });
    }
  }

  TEST_CASE("statistics hold where squares of the values would overflow") {
    const double large = 0x1p70;
    const auto results = testing::run(
        Device::gpu,
        {input(DType::f32, {1, 1, 4, 4}, Values(16)), input(DType::f32, {2, 1, 1, 1}, Values(2)),
         output(DType::f32, {1, 2, 4, 4}), input(DType::f32, {2}, {large, -large}),
         output(DType::f32, {2}), output(DType::f32, {2})},
        [](Stream& s, auto v) {
          conv_fused(s, v[0], v[1], v[2], {}, {.bias = v[3], .mean = v[4], .var = v[5]});
        });
    CHECK(results[1] == Values{large, -large});
    CHECK(results[2] == Values{0, 0});
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[256] = {};
    const auto view = [&](const Dims& shape) { return View(data, DType::f32, shape); };
    Stream& s = Stream::of(Device::cpu);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5, 5}, {6, 3, 3, 3}, {}),
                         "conv: weight has 3 input channels in each of 1 groups, x has 4 channels",
                         Error);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5}, {6, 4, 3, 3}, {}),
                         "conv: x must be [B, C, H, W] and w [K, C/groups, R, S], not [2, 4, 5] "
                         "and [6, 4, 3, 3]",
                         Error);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5, 5}, {3, 2, 3, 3}, {.groups = 2}),
                         "conv: 3 output channels do not divide into 2 groups", Error);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5, 5}, {6, 4, 3, 3}, {.dilation_w = 4}),
                         "conv: a window of 9 does not fit into an extent of 5 padded to 5", Error);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5, 5}, {6, 4, 3, 3}, {.stride_h = 0}),
                         "conv: strides must be positive, not 0 x 1", Error);
    CHECK_THROWS_WITH_AS(conv_output_shape({2, 4, 5, 5}, {6, 4, 3, 3}, {.pad_w = -1}),
                         "conv: padding must not be negative, not 0 x -1", Error);
    CHECK_THROWS_WITH_AS(
        conv_weight_grad(s, view({1, 1, 5, 5}), view({1, 2, 4, 4}), view({2, 1, 3, 3}), {}),
        "conv_weight_grad: x [1, 1, 5, 5] and w [2, 1, 3, 3] go with an output of [1, 2, 3, 3], "
        "not [1, 2, 4, 4]",
        Error);
    const auto fused = [&](const ConvEpilogue& e) {
      conv_fused(s, view({1, 1, 5, 5}), view({2, 1, 3, 3}), view({1, 2, 3, 3}), {}, e);
    };
    CHECK_THROWS_WITH_AS(fused({.bias = view({3})}),
                         "conv_fused: bias must be f32 [2], contiguous, not f32 [3]", Error);
    CHECK_THROWS_WITH_AS(fused({.mean = view({2})}),
                         "conv_fused: mean and var come together or not at all", Error);
    CHECK_THROWS_WITH_AS(conv_fused(s, view({0, 1, 5, 5}), view({2, 1, 3, 3}), view({0, 2, 3, 3}),
                                    {}, {.mean = view({2}), .var = view({2})}),
                         "conv_fused: an empty batch has no mean and variance", Error);
    const auto shared_tile =
        std::find_if(conv_rungs().begin(), conv_rungs().end(),
                     [](const ConvRung& rung) { return std::string(rung.name) == "shared_tile"; });
    CHECK_THROWS_WITH_AS(
        shared_tile->run(Stream::of(Device::gpu), view({1, 1, 200, 200}), view({1, 1, 2, 2}),
                         view({1, 1, 40, 40}), {.dilation_h = 160, .dilation_w = 160}),
        "conv shared_tile: the patch of 8 x 32 positions and a window of 2 x 2 take 129152 bytes "
        "of shared memory per channel, at most 98304",
        Error);
    const View strided(data, DType::f32, {1, 1, 5, 5}, {25, 25, 1, 5});
    CHECK_THROWS_WITH_AS(conv(s, strided, view({2, 1, 3, 3}), view({1, 2, 3, 3}), {}),
                         "conv: operands must be contiguous", Error);
    Stream& gpu = Stream::of(Device::gpu);
    const auto huge = [&](const Dims& shape) { return View(data, DType::bf16, shape); };
    CHECK_THROWS_WITH_AS(
        conv(gpu, huge({1, 1, 1, 1 << 28}), huge({8, 1, 1, 1}), huge({1, 8, 1, 1 << 28}), {}),
        "conv: on the gpu extents and tensors have at most 2^31 - 2^16 elements, not 2147483648",
        Error);
    const auto f64 = [&](const Dims& shape) { return View(data, DType::f64, shape); };
    const View x = f64({1, 1, 5, 5}), w = f64({2, 1, 3, 3}), y = f64({1, 2, 3, 3});
    CHECK_THROWS_WITH_AS(conv(gpu, x, w, y, {}), "conv: dtype f64 is not supported on the gpu",
                         Error);
    CHECK_THROWS_WITH_AS(conv_fused(gpu, x, w, y, {}, {}),
                         "conv_fused: dtype f64 is not supported on the gpu", Error);
    CHECK_THROWS_WITH_AS(conv_input_grad(gpu, y, w, x, {}),
                         "conv_input_grad: dtype f64 is not supported on the gpu", Error);
    CHECK_THROWS_WITH_AS(conv_weight_grad(gpu, x, y, w, {}),
                         "conv_weight_grad: dtype f64 is not supported on the gpu", Error);
    const View wide(data, DType::f64, {2, 1, 3, 3});
    CHECK_THROWS_WITH_AS(conv_input_grad(s, view({1, 2, 3, 3}), wide, view({1, 1, 5, 5}), {}),
                         "conv_input_grad: operands must have one dtype, not f32, f64, f32", Error);
  }
}

}  // namespace
}  // namespace etude
