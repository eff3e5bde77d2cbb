// The gradients of products and convolutions, of both orders, at the shapes of the kernels' own
// lists of cases.

#include <doctest/doctest.h>

#include <string>

#include "engine/gradcheck.h"
#include "engine/ops/conv.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"
#include "engine/random.h"
#include "kernels/conv/cases.h"
#include "kernels/conv_transpose/cases.h"
#include "kernels/matmul/cases.h"

namespace etude {
namespace {

// Differences take two evaluations for each element of the inputs.
constexpr std::int64_t kMostElements = 2500, kMostOfSecondOrder = 300;

Tensor random_input(const Dims& shape, std::uint64_t seed) {
  Generator generator(seed, 78);
  return uniform(generator, shape, -1, 1, DType::f64);
}

/// Checks f of two random inputs of these shapes; returns whether they were small enough.
bool check(const std::string& name, const TensorFunction& f, const Dims& a, const Dims& b) {
  const std::int64_t elements = numel(a) + numel(b);
  if (numel(a) == 0 || numel(b) == 0 || elements > kMostElements) return false;
  const std::vector<Tensor> inputs{random_input(a, 1), random_input(b, 2)};
  const GradcheckResult first = gradcheck(f, inputs);
  CHECK_MESSAGE(first.max_error <= 1e-6, name, ": ", first.worst);
  if (elements > kMostOfSecondOrder) return true;
  const GradcheckResult second = gradcheck_second_order(f, inputs);
  CHECK_MESSAGE(second.max_error <= 1e-6, name, ", second order: ", second.worst);
  return true;
}

using In = const std::vector<Tensor>&;

TEST_SUITE("kernel cases") {
  TEST_CASE("conv") {
    int checked = 0;
    for (const conv_cases::Case& c : conv_cases::tests()) {
      if (c.K == 0 || c.scale != 1) continue;
      checked += check(
          "conv", [&](In x) { return conv(x[0], x[1], c.params); }, c.x(), c.w());
    }
    CHECK(checked >= 4);
  }

  TEST_CASE("conv_transpose") {
    int checked = 0;
    for (const conv_transpose_cases::Case& c : conv_transpose_cases::tests()) {
      // The op refuses what its gradient, a convolution, could not take.
      if (c.params.output_pad_h >= c.params.stride_h || c.params.output_pad_w >= c.params.stride_w)
        continue;
      checked += check(
          "conv_transpose", [&](In x) { return conv_transpose(x[0], x[1], c.params); }, c.x(),
          c.w());
    }
    CHECK(checked >= 3);
  }

  TEST_CASE("matmul") {
    int checked = 0;
    for (const matmul_cases::Case& c : matmul_cases::tests()) {
      const bool a_turned = c.a == matmul_cases::Layout::column;
      const bool b_turned = c.b == matmul_cases::Layout::column;
      const auto shape = [&](std::int64_t rows, std::int64_t cols) {
        return c.batch ? Dims{c.batch, rows, cols} : Dims{rows, cols};
      };
      checked += check(
          "matmul",
          [&](In x) {
            return matmul(a_turned ? transpose(x[0]) : x[0], b_turned ? transpose(x[1]) : x[1]);
          },
          a_turned ? shape(c.k, c.m) : shape(c.m, c.k),
          b_turned ? shape(c.n, c.k) : shape(c.k, c.n));
    }
    CHECK(checked >= 8);
  }
}

}  // namespace
}  // namespace etude
