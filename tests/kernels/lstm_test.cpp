#include "kernels/lstm/lstm.h"

#include <doctest/doctest.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <cmath>

#include "kernels/lstm/cases.h"
#include "kernels/lstm/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using lstm_cases::Case;
using testing::input;
using testing::output;
using Reference = reference::Lstm<double>;

/// One way to compute a layer in one dtype.
struct Backend {
  std::string name;
  Device device;
  DType dtype;
  void (*forward)(Stream&, const LstmForward&);
  void (*backward)(Stream&, const LstmBackward&);
};

/// The public functions on both devices, and every rung of the ladder.
std::vector<Backend> backends() {
  std::vector<Backend> all;
  for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    all.push_back({"cpu", Device::cpu, dtype, lstm_forward, lstm_backward});
  }
  for (DType dtype : {DType::f32, DType::bf16}) {
    all.push_back({"gpu", Device::gpu, dtype, lstm_forward, lstm_backward});
  }
  for (const LstmRung& rung : lstm_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.dtype, rung.forward, rung.backward});
  }
  return all;
}

DType cell_type(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

/// The operands of a case, in the order of LstmForward, and of the gradients that come in.
struct Operands {
  std::vector<testing::Operand> in;
  testing::Operand dy, dh_end, dc_end;
};

Operands operands(DType dtype, const Case& n) {
  const DType cell = cell_type(dtype);
  const double bound = n.H > 0 ? 1 / std::sqrt(static_cast<double>(n.H)) : 1;
  std::uint64_t seed = 1;
  const auto random = [&](DType type, const Dims& shape, double scale) {
    return input(type, shape, testing::random_values(numel(shape), seed++, -scale, scale));
  };
  Operands all;
  const std::int64_t input_rows = n.summed ? 0 : 4 * n.H;
  all.in = {random(dtype, {n.T, n.B, n.I}, n.scale),
            random(dtype, {input_rows, n.I}, bound),
            random(dtype, {4 * n.H, n.H}, bound),
            random(dtype, {input_rows}, bound),
            random(dtype, {n.B, n.H}, 1),
            random(cell, {n.B, n.H}, n.scale)};
  if (n.lengths) {
    // From none to one more step than there are: both ends are cut.
    auto lengths = testing::random_integers(n.B, 77, static_cast<int>(n.T) + 3);
    for (double& length : lengths) length -= 1;
    lengths[0] = 0;
    lengths.back() = static_cast<double>(n.T - 1);
    all.in.push_back(input(DType::i32, {n.B}, lengths));
  } else {
    all.in.push_back(input(DType::i32, {0}, {}));
  }
  all.dy = random(dtype, {n.T, n.B, n.H}, 1);
  all.dh_end = random(dtype, {n.B, n.H}, 1);
  all.dc_end = random(cell, {n.B, n.H}, 1);
  return all;
}

Reference reference_of(const Case& n, const Operands& o) {
  const auto& in = o.in;
  return {.summed = n.summed,
          .T = n.T,
          .B = n.B,
          .I = n.I,
          .H = n.H,
          .x = in[0].values,
          .w_ih = in[1].values,
          .w_hh = in[2].values,
          .bias = in[3].values,
          .h0 = in[4].values,
          .c0 = in[5].values,
          .lengths = in[6].values};
}

View lengths_of(const View& v) { return v.dim(0) > 0 ? v : View(); }
/// What a layer without w_ih has not.
View unless_summed(const Case& n, const View& v) { return n.summed ? View() : v; }

using Values = std::vector<std::vector<double>>;

/// y, h_end, c_end, gates, cells.
Values run_forward(const Backend& backend, const Case& n, const Operands& o) {
  const DType dtype = backend.dtype, cell = cell_type(dtype);
  auto all = o.in;
  for (const auto& [type, shape] : std::vector<std::pair<DType, Dims>>{{dtype, {n.T, n.B, n.H}},
                                                                       {dtype, {n.B, n.H}},
                                                                       {cell, {n.B, n.H}},
                                                                       {dtype, {n.T, n.B, 4 * n.H}},
                                                                       {cell, {n.T, n.B, n.H}}}) {
    all.push_back(output(type, shape));
  }
  return testing::run(backend.device, all, [&](Stream& s, auto v) {
    backend.forward(s, {.x = v[0],
                        .w_ih = unless_summed(n, v[1]),
                        .w_hh = v[2],
                        .bias = unless_summed(n, v[3]),
                        .h0 = v[4],
                        .c0 = v[5],
                        .lengths = lengths_of(v[6]),
                        .y = v[7],
                        .h_end = v[8],
                        .c_end = v[9],
                        .gates = v[10],
                        .cells = v[11]});
  });
}

/// dgates, dx, dw_ih, dw_hh, dbias, dh0, dc0, from what forward saved.
Values run_backward(const Backend& backend, const Case& n, const Operands& o, const Values& saved) {
  const DType dtype = backend.dtype, cell = cell_type(dtype);
  auto all = o.in;
  all.push_back(input(dtype, {n.T, n.B, n.H}, saved[0]));
  all.push_back(input(dtype, {n.T, n.B, 4 * n.H}, saved[3]));
  all.push_back(input(cell, {n.T, n.B, n.H}, saved[4]));
  all.insert(all.end(), {o.dy, o.dh_end, o.dc_end});
  all.push_back(output(dtype, {n.T, n.B, 4 * n.H}));
  for (int i = 0; i < 6; ++i) all.push_back(output(o.in[i].dtype, o.in[i].shape));
  return testing::run(backend.device, all, [&](Stream& s, auto v) {
    backend.backward(s, {.x = v[0],
                         .w_ih = unless_summed(n, v[1]),
                         .w_hh = v[2],
                         .h0 = v[4],
                         .c0 = v[5],
                         .lengths = lengths_of(v[6]),
                         .y = v[7],
                         .gates = v[8],
                         .cells = v[9],
                         .dy = v[10],
                         .dh_end = v[11],
                         .dc_end = v[12],
                         .dgates = v[13],
                         .dx = unless_summed(n, v[14]),
                         .dw_ih = unless_summed(n, v[15]),
                         .dw_hh = v[16],
                         .dbias = unless_summed(n, v[17]),
                         .dh0 = v[18],
                         .dc0 = v[19]});
  });
}

/// The card's public functions take one of the rungs, which are all checked: a few cases show it.
bool is_checked_as_rung(const Backend& backend, const Case& n) {
  return backend.name == "gpu" && n.T > 1 && n.H < 32;
}

/// Rounding of a sum of `terms` products and of storage; the states carry it from step to step.
double tolerance_of(const Backend& backend, const Case& n, double terms) {
  const double compute = std::min(testing::epsilon_of(backend.dtype), 0x1p-24);
  const double steps = static_cast<double>(n.T) + 1;
  const double sums = (16 + terms) * compute * steps * n.scale;
  return backend.dtype == DType::bf16 ? sums + 4 * steps * n.scale * 0x1p-8 : sums;
}

void check_forward(const Backend& backend, const Case& n) {
  const Operands o = operands(backend.dtype, n);
  Reference expected = reference_of(n, o);
  expected.forward();
  const Values actual = run_forward(backend, n, o);
  const double tolerance = tolerance_of(backend, n, static_cast<double>(n.I + n.H));
  testing::expect_close("y", actual[0], expected.y, tolerance);
  testing::expect_close("h_end", actual[1], expected.h_end, tolerance);
  testing::expect_close("c_end", actual[2], expected.c_end, tolerance);
  testing::expect_close("gates", actual[3], expected.gates, tolerance);
  testing::expect_close("cells", actual[4], expected.cells, tolerance);
}

void check_backward(const Backend& backend, const Case& n) {
  const Operands o = operands(backend.dtype, n);
  Reference expected = reference_of(n, o);
  expected.forward();
  const Values saved{expected.y, expected.h_end, expected.c_end, expected.gates, expected.cells};
  expected.backward(o.dy.values, o.dh_end.values, o.dc_end.values);
  const Values actual = run_backward(backend, n, o, saved);
  const double tolerance = tolerance_of(backend, n, static_cast<double>(4 * n.H));
  testing::expect_close("dgates", actual[0], expected.dgates, tolerance);
  if (!n.summed) testing::expect_close("dx", actual[1], expected.dx, tolerance);
  // Sums over all sequences and steps, of gradients that the states have made less exact.
  const double over_rows = tolerance_of(backend, n, static_cast<double>(n.T * n.B));
  const double scale = 1 + std::sqrt(static_cast<double>(n.T * n.B));
  testing::expect_close("dw_ih", actual[2], expected.dw_ih, over_rows, scale);
  testing::expect_close("dw_hh", actual[3], expected.dw_hh, over_rows, scale);
  testing::expect_close("dbias", actual[4], expected.dbias, over_rows, scale);
  testing::expect_close("dh0", actual[5], expected.dh0, tolerance);
  testing::expect_close("dc0", actual[6], expected.dc0, tolerance);
}

/// check(backend, case) for every backend, but where left_out(backend, case).
void each(const auto& cases, auto left_out, auto check) {
  for (const Backend& backend : backends()) {
    for (const Case& n : cases) {
      if (left_out(backend, n)) continue;
      CAPTURE(backend.name);
      CAPTURE(name_of(backend.dtype));
      CAPTURE(n.name());
      check(backend, n);
    }
  }
}

TEST_SUITE("lstm") {
  TEST_CASE("a layer agrees with the double reference") {
    each(lstm_cases::tests(), is_checked_as_rung, check_forward);
  }

  TEST_CASE("its gradient agrees with the double reference") {
    each(lstm_cases::tests(), is_checked_as_rung, check_backward);
  }

  TEST_CASE("the CPU's chunks of steps agree with the double reference") {
    const auto on_gpu = [](const Backend& b, const Case&) { return b.device != Device::cpu; };
    each(lstm_cases::cpu_tests(), on_gpu, check_forward);
    each(lstm_cases::cpu_tests(), on_gpu, check_backward);
  }

#ifdef _OPENMP
  TEST_CASE("the CPU's results have the same bits on one thread and on several") {
    const Case n{7, 66, 30, 70, true};  // enough work for threads
    const Backend cpu = backends()[0];
    const Operands o = operands(cpu.dtype, n);
    const int usual = omp_get_max_threads();
    std::vector<Values> results;
    for (int threads : {1, 2, 3, 3}) {
      omp_set_num_threads(threads);
      Values all = run_forward(cpu, n, o);
      for (auto& gradient : run_backward(cpu, n, o, all)) all.push_back(gradient);
      results.push_back(all);
    }
    omp_set_num_threads(usual);
    for (const Values& other : results) CHECK((other == results[0]));
  }
#endif

  TEST_CASE("the reference's gradient is the slope of its forward pass") {
    const Case n{3, 3, 2, 3, true};
    const Operands o = operands(DType::f64, n);
    Reference r = reference_of(n, o);
    r.forward();
    r.backward(o.dy.values, o.dh_end.values, o.dc_end.values);
    const Reference at = r;
    const auto loss = [&] {
      r.forward();
      double sum = 0;
      for (std::size_t i = 0; i < r.y.size(); ++i) sum += o.dy.values[i] * r.y[i];
      for (std::size_t i = 0; i < r.h_end.size(); ++i) {
        sum += o.dh_end.values[i] * r.h_end[i] + o.dc_end.values[i] * r.c_end[i];
      }
      return sum;
    };
    const auto check = [&](const char* name, std::vector<double>& of,
                           const std::vector<double>& gradient) {
      constexpr double kStep = 1e-5;
      for (std::size_t i = 0; i < of.size(); ++i) {
        const double value = of[i];
        of[i] = value + kStep;
        const double above = loss();
        of[i] = value - kStep;
        const double below = loss();
        of[i] = value;
        CHECK_MESSAGE(std::abs((above - below) / (2 * kStep) - gradient[i]) < 1e-8, name, " ", i);
      }
    };
    check("x", r.x, at.dx);
    check("w_ih", r.w_ih, at.dw_ih);
    check("w_hh", r.w_hh, at.dw_hh);
    check("bias", r.bias, at.dbias);
    check("h0", r.h0, at.dh0);
    check("c0", r.c0, at.dc0);
  }

  TEST_CASE("the small cases take the persistent rung's own kernels, a wide layer its fallback") {
    // In different orders of addition at least one of many bits differs.
    const auto y = [](const Case& n, const char* name) {
      for (const Backend& backend : backends()) {
        if (backend.name == name) return run_forward(backend, n, operands(backend.dtype, n))[0];
      }
      return std::vector<double>();
    };
    CHECK(y({6, 5, 8, 32}, "persistent") != y({6, 5, 8, 32}, "fused_gates"));
    CHECK(y({2, 2, 8, 40}, "persistent") == y({2, 2, 8, 40}, "fused_gates"));
  }

  TEST_CASE("dx is left out where it is not wanted") {
    const Case n{2, 3, 4, 5};
    for (const Backend& backend : backends()) {
      Backend without = backend;
      static void (*inner)(Stream&, const LstmBackward&);
      inner = backend.backward;
      without.backward = [](Stream& s, const LstmBackward& p) {
        LstmBackward q = p;
        q.dx = {};
        inner(s, q);
      };
      const Operands o = operands(backend.dtype, n);
      const Values saved = run_forward(backend, n, o);
      const Values with_dx = run_backward(backend, n, o, saved);
      const Values actual = run_backward(without, n, o, saved);
      for (double value : actual[1]) CHECK(std::isnan(value));
      for (int i : {0, 2, 3, 4, 5, 6}) CHECK(actual[i] == with_dx[i]);
    }
  }

  TEST_CASE("wrong operands are answered by an Error that names them") {
    std::vector<float> data(64);
    const auto view = [&](const Dims& shape) { return View(data.data(), DType::f32, shape); };
    LstmForward p{.x = view({1, 2, 3}),
                  .w_ih = view({8, 3}),
                  .w_hh = view({8, 2}),
                  .bias = view({8}),
                  .h0 = view({2, 2}),
                  .c0 = view({2, 2}),
                  .lengths = {},
                  .y = view({1, 2, 2}),
                  .h_end = view({2, 2}),
                  .c_end = view({2, 2}),
                  .gates = view({1, 2, 8}),
                  .cells = view({1, 2, 2})};
    p.h0 = view({1, 2});
    CHECK_THROWS_WITH_AS(
        lstm_forward(Stream::of(Device::cpu), p),
        "lstm: h0 must be f32 [2, 2] without gaps, not f32 [1, 2] strided by [2, 1]", Error);
  }
}

}  // namespace
}  // namespace etude
