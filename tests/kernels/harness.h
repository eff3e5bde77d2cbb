#pragma once
// What every kernel test shares: guarded buffers, poisoned outputs, repeated runs under different
// schedules, comparison with a double reference.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude::testing {

/// Uniform in [lo, hi], the same on every machine; distinct seeds give distinct sequences.
std::vector<double> random_values(std::int64_t n, std::uint64_t seed, double lo = -1,
                                  double hi = 1);
/// Uniform integers in [0, below).
std::vector<double> random_integers(std::int64_t n, std::uint64_t seed, int below);

/// One operand of a kernel call. Values are in logical row-major order and are rounded to `dtype`
/// when the operand is made, so that a reference computed from `values` sees what the kernel sees.
/// Without values it is an output: filled with NaN bytes before each run.
struct Operand {
  DType dtype = DType::f32;
  Dims shape;
  std::vector<double> values;
  Dims strides;         // empty: contiguous
  bool output = false;  // with values: read and written (e.g. a parameter that Adam updates)
};
Operand input(DType dtype, const Dims& shape, std::vector<double> values, const Dims& strides = {});
Operand output(DType dtype, const Dims& shape, const Dims& strides = {});
Operand in_out(DType dtype, const Dims& shape, std::vector<double> values);

using Call = std::function<void(Stream&, std::span<const View>)>;

/// Runs `call` on `device` with one view per operand, and returns the values of the outputs in
/// order. Fails the current test if a guard band or an input changed, or if runs under different
/// thread schedules are not bit-equal (two runs; ETUDE_SCHEDULES=n in the environment for more).
std::vector<std::vector<double>> run(Device device, const std::vector<Operand>& operands,
                                     const Call& call);

/// Fails the current test, naming `what` and the worst element, unless every
/// |actual - expected| <= tolerance * max(scale, |expected|). NaN and infinities must match
/// exactly.
void expect_close(const std::string& what, const std::vector<double>& actual,
                  const std::vector<double>& expected, double tolerance, double scale = 1);

/// Fails the current test, naming `what` and the element, unless `gradient` is the slope of loss()
/// along each element of `values`, which loss() reads: central differences, for smooth functions of
/// moderate size in double. `values` end as they were.
void expect_slope(const std::string& what, std::vector<double>& values,
                  const std::vector<double>& gradient, const std::function<double()>& loss,
                  double tolerance = 1e-8);

/// Both devices, for `for (Device device : kDevices)`.
inline constexpr Device kDevices[] = {Device::cpu, Device::gpu};

/// Unit roundoff of a dtype: 2^-24, 2^-53, 2^-8.
double epsilon_of(DType dtype);

}  // namespace etude::testing
