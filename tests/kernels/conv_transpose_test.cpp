#include "kernels/conv_transpose/conv_transpose.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "kernels/conv_transpose/cases.h"
#include "kernels/conv_transpose/reference.h"
#include "tests/kernels/conv_tolerance.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using conv_transpose_cases::Case;
using testing::input;
using testing::Operand;
using testing::output;

/// Runs `call` on `device` and compares its one output; `terms` is the length of its sums.
void expect(const std::string& what, Device device, const std::vector<Operand>& operands,
            const std::vector<double>& expected, std::int64_t terms, const testing::Call& call,
            double roundoff = 0) {
  const auto y = testing::run(device, operands, call);
  const double spread = std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)));
  testing::expect_close(what, y[0], expected,
                        testing::conv_tolerance(operands[0].dtype, roundoff, terms), spread);
}

void check(const Case& c, Device device, DType dtype, bool tf32 = false) {
  const auto random = [&](const Dims& shape, int seed) {
    return input(dtype, shape, testing::random_values(numel(shape), seed));
  };
  const Operand x = random(c.x(), 1), w = random(c.w(), 2), dy = random(c.y(), 3);
  const std::int64_t taps = c.R * c.S;
  const auto y = reference::conv_transpose(c, x.values, w.values);
  const std::vector<Operand> forward = {x, w, output(dtype, c.y())};
  ConvTransposeParams params = c.params;
  params.tf32 = tf32;
  const double roundoff = tf32 ? 0x1p-11 : 0;
  expect(
      "conv_transpose", device, forward, y, c.C / c.params.groups * taps,
      [&](Stream& s, auto v) { conv_transpose(s, v[0], v[1], v[2], params); }, roundoff);
  expect(
      "conv_transpose_input_grad", device, {dy, w, output(dtype, c.x())},
      reference::conv_transpose_input_grad(c, dy.values, w.values), c.K / c.params.groups * taps,
      [&](Stream& s, auto v) { conv_transpose_input_grad(s, v[0], v[1], v[2], params); }, roundoff);
  expect(
      "conv_transpose_weight_grad", device, {x, dy, output(dtype, c.w())},
      reference::conv_transpose_weight_grad(c, x.values, dy.values), c.B * c.H * c.W,
      [&](Stream& s, auto v) { conv_transpose_weight_grad(s, v[0], v[1], v[2], params); },
      roundoff);
  if (device == Device::cpu || tf32) return;
  for (const ConvRung& rung : conv_transpose_rungs()) {
    if (rung.dtype != dtype) continue;
    testing::expect_rung(rung, [&] {
      expect(
          rung.name, device, forward, y, c.C / c.params.groups * taps,
          [&](Stream& s, auto v) { rung.run(s, v[0], v[1], v[2], c.params); }, rung.roundoff);
    });
  }
}

TEST_SUITE("conv_transpose") {
  TEST_CASE("conv_transpose and its gradients agree with the double reference") {
    for (const Case& c : conv_transpose_cases::tests()) {
      CAPTURE(c.x());
      CAPTURE(c.w());
      REQUIRE(conv_transpose_output_shape(c.x(), c.w(), c.params) == c.y());
      check(c, Device::cpu, DType::f32);
      check(c, Device::cpu, DType::f64);
      check(c, Device::cpu, DType::bf16);
      check(c, Device::gpu, DType::f32);
      check(c, Device::gpu, DType::f32, true);
      check(c, Device::gpu, DType::bf16);
    }
  }

  TEST_CASE("the epilogue adds a bias, gathers statistics and rectifies") {
    for (const Case& c : conv_transpose_cases::epilogue_tests()) {
      CAPTURE(c.x());
      CAPTURE(c.w());
      testing::check_conv_epilogue(
          c.x(), c.w(), c.y(), c.C / c.params.groups * c.R * c.S,
          [&](const auto& x, const auto& w) { return reference::conv_transpose(c, x, w); },
          [&](Stream& s, auto v, const ConvEpilogue& e, bool tf32) {
            ConvTransposeParams params = c.params;
            params.tf32 = tf32;
            conv_transpose_fused(s, v[0], v[1], v[2], params, e);
          });
    }
  }

  TEST_CASE("the shape of a transposed convolution is that of the convolution it inverts") {
    CHECK(conv_transpose_output_shape({64, 128, 7, 7}, {128, 64, 4, 4},
                                      conv_transpose_cases::window(2, 1)) == Dims{64, 64, 14, 14});
    for (std::int64_t output_pad : {0, 1, 2}) {
      const auto p = conv_transpose_cases::window(3, 1, output_pad);
      const Dims y = conv_transpose_output_shape({1, 1, 5, 4}, {1, 1, 4, 3}, p);
      CHECK(conv_output_shape(y, {1, 1, 4, 3}, p) == Dims{1, 1, 5, 4});
    }
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[256] = {};
    const auto view = [&](const Dims& shape) { return View(data, DType::f32, shape); };
    CHECK_THROWS_WITH_AS(conv_transpose_output_shape({2, 4, 5, 5}, {3, 6, 3, 3}, {}),
                         "conv_transpose: weight has 3 input channels, x has 4", Error);
    CHECK_THROWS_WITH_AS(conv_transpose_output_shape({2, 3, 5, 5}, {3, 6, 3, 3}, {{.groups = 2}}),
                         "conv_transpose: 3 input channels do not divide into 2 groups", Error);
    CHECK_THROWS_WITH_AS(
        conv_transpose_output_shape({2, 3, 5, 5}, {3, 6, 3, 3}, {{.stride_h = 2}, 2, 0}),
        "conv_transpose: output padding 2 must not be negative and be less than the stride 2 or "
        "the dilation 1",
        Error);
    CHECK_THROWS_WITH_AS(
        conv_transpose_output_shape({2, 3, 1, 5}, {3, 6, 2, 3}, {{.pad_h = 1}}),
        "conv_transpose: an extent of 1 with 2 taps and padding 1 leaves an output extent of 0",
        Error);
    CHECK_THROWS_WITH_AS(
        conv_transpose(Stream::of(Device::cpu), view({1, 1, 3, 3}), view({1, 2, 3, 3}),
                       view({1, 2, 4, 5}), {}),
        "conv_transpose: x [1, 1, 3, 3] and w [1, 2, 3, 3] go with an output of [1, 2, 5, 5], not "
        "[1, 2, 4, 5]",
        Error);
    Stream& gpu = Stream::of(Device::gpu);
    const auto f64 = [&](const Dims& shape) { return View(data, DType::f64, shape); };
    const View x = f64({1, 1, 3, 3}), w = f64({1, 2, 3, 3}), y = f64({1, 2, 5, 5});
    CHECK_THROWS_WITH_AS(conv_transpose(gpu, x, w, y, {}),
                         "conv_transpose: dtype f64 is not supported on the gpu", Error);
    CHECK_THROWS_WITH_AS(conv_transpose_fused(gpu, x, w, y, {}, {}),
                         "conv_transpose_fused: dtype f64 is not supported on the gpu", Error);
    CHECK_THROWS_WITH_AS(conv_transpose_input_grad(gpu, y, w, x, {}),
                         "conv_transpose_input_grad: dtype f64 is not supported on the gpu", Error);
    CHECK_THROWS_WITH_AS(conv_transpose_weight_grad(gpu, x, y, w, {}),
                         "conv_transpose_weight_grad: dtype f64 is not supported on the gpu",
                         Error);
  }
}

}  // namespace
}  // namespace etude
