#pragma once
// What the tests of conv and conv_transpose share: the error that a rung may have, and the check of
// the epilogue.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/conv/conv.h"
#include "tests/kernels/harness.h"

namespace etude::testing {

/// Of sums of `terms` products, relative to their size sqrt(terms): the rounding of the factors
/// beyond their storage (`roundoff`, see ConvRung), of the sums, and of the result.
inline double conv_tolerance(DType dtype, double roundoff, std::int64_t terms) {
  const double sums = dtype == DType::f64 ? 0x1p-53 : 0x1p-24;
  const double factors = roundoff > 0x1p-24 ? 4 * roundoff : 0;
  const double spread = std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)));
  return factors + (8 + spread) * sums + epsilon_of(dtype);
}

/// Runs a rung of the GPU; cuDNN may answer that it does not support a shape or dtype, which is
/// told but is no failure. Any other Error is one.
template <class Rung, class Expect>
void expect_rung(const Rung& rung, Expect expect) {
  if (std::string(rung.name).starts_with("cudnn")) {
    try {
      expect();
    } catch (const Error& error) {
      const std::string what = error.what();
      if (what.find("not supported by cuDNN") == std::string::npos) throw;
      MESSAGE(rung.name, ": ", what);
    }
  } else {
    expect();
  }
}

/// What an epilogue should make of the sums `z` [B, K, L] (in place), and the statistics.
struct ExpectedEpilogue {
  std::vector<double> mean, var;

  ExpectedEpilogue(std::vector<double>& z, const Dims& shape, const std::vector<double>& bias,
                   double slope)
      : mean(bias.size()), var(bias.size()) {
    const std::int64_t K = shape[1], L = shape[2] * shape[3];
    const double count = static_cast<double>(shape[0] * L);
    const auto channel_of = [&](std::size_t i) { return static_cast<std::int64_t>(i) / L % K; };
    for (std::size_t i = 0; i < z.size(); ++i) {
      z[i] += bias[channel_of(i)];
      mean[channel_of(i)] += z[i] / count;
    }
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double difference = z[i] - mean[channel_of(i)];
      var[channel_of(i)] += difference * difference / count;
      if (z[i] < 0) z[i] *= slope;
    }
  }
};

/// Checks fused(stream, {x, w, y, ...}, epilogue, tf32) in all dtypes on both devices, with and
/// without statistics. `sums`: the double reference without epilogue, from the values of x and w.
template <class Sums, class Fused>
void check_conv_epilogue(const Dims& x_shape, const Dims& w_shape, const Dims& y_shape,
                         std::int64_t terms, Sums sums, Fused fused) {
  struct Way {
    Device device;
    DType dtype;
    bool tf32;
  };
  for (const Way& way :
       {Way{Device::cpu, DType::f32, false}, Way{Device::cpu, DType::f64, false},
        Way{Device::cpu, DType::bf16, false}, Way{Device::gpu, DType::f32, false},
        Way{Device::gpu, DType::f32, true}, Way{Device::gpu, DType::bf16, false}}) {
    for (const bool statistics : {true, false}) {
      const std::string name = std::string("epilogue ") + name_of(way.device) + " " +
                               name_of(way.dtype) + (way.tf32 ? " tf32" : "");
      const Operand x = input(way.dtype, x_shape, random_values(numel(x_shape), 1));
      const Operand w = input(way.dtype, w_shape, random_values(numel(w_shape), 2));
      // Some channels lie far from 0, where sums of squares would cancel.
      std::vector<double> offsets = random_values(y_shape[1], 4);
      for (std::size_t k = 0; k < offsets.size(); k += 3) offsets[k] += 64;
      const Operand bias = input(way.dtype, {y_shape[1]}, offsets);
      std::vector<double> y = sums(x.values, w.values);
      const ExpectedEpilogue expected(y, y_shape, bias.values, 0.25);
      const DType wide = way.dtype == DType::bf16 ? DType::f32 : way.dtype;
      std::vector<Operand> operands{x, w, output(way.dtype, y_shape), bias};
      if (statistics) operands.insert(operands.end(), 2, output(wide, {y_shape[1]}));
      const auto results = run(way.device, operands, [&](Stream& s, auto v) {
        ConvEpilogue e{.bias = v[3], .slope = 0.25};
        if (statistics) e.mean = v[4], e.var = v[5];
        fused(s, v, e, way.tf32);
      });
      const double tolerance = conv_tolerance(way.dtype, way.tf32 ? 0x1p-11 : 0, terms);
      const double spread = std::sqrt(static_cast<double>(std::max<std::int64_t>(1, terms)));
      expect_close(name, results[0], y, tolerance, spread);
      if (!statistics) continue;
      // Of all values of a channel: their roundings mostly cancel, but 64 leaves less of each.
      const double of_sums = conv_tolerance(wide, way.tf32 ? 0x1p-11 : 0, terms) + 64 * 0x1p-24;
      expect_close(name + " mean", results[1], expected.mean, of_sums, spread);
      expect_close(name + " var", results[2], expected.var, 4 * of_sums, spread);
    }
  }
}

}  // namespace etude::testing
