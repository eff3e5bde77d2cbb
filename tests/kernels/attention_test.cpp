#include "kernels/attention/attention.h"

#include <doctest/doctest.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <cmath>

#include "kernels/attention/cases.h"
#include "kernels/attention/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using attention_cases::Case;
using attention_cases::DecodeCase;
using attention_cases::Layout;
using testing::input;
using testing::output;
using Reference = reference::Attention<double>;
using Values = std::vector<std::vector<double>>;

/// One way to compute both directions in one dtype.
struct Backend {
  std::string name;
  Device device;
  DType dtype;
  void (*forward)(Stream&, const AttentionForward&);
  void (*backward)(Stream&, const AttentionBackward&);
};

/// The public functions on both devices, and every rung of the ladder.
std::vector<Backend> backends() {
  std::vector<Backend> all;
  for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    all.push_back({"cpu", Device::cpu, dtype, attention_forward, attention_backward});
  }
  for (DType dtype : {DType::f32, DType::bf16}) {
    all.push_back({"gpu", Device::gpu, dtype, attention_forward, attention_backward});
  }
  for (const AttentionRung& rung : attention_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.dtype, rung.forward, rung.backward});
  }
  return all;
}

/// The strides of an operand of `rows` rows per head; `parts` of a projection lie side by side.
Dims strides_of(const Case& n, std::int64_t rows, std::int64_t parts) {
  if (n.layout == Layout::packed) {
    return {rows * parts * n.H * n.D, n.D, parts * n.H * n.D, 1};
  }
  const std::int64_t row = n.layout == Layout::odd ? n.D + 1 : n.D;
  return {n.H * rows * row, rows * row, row, 1};
}

AttentionOptions options_of(const Case& n) {
  return {.causal = n.causal,
          .scale = 1 / std::sqrt(static_cast<double>(n.D)),
          .dropout = n.dropout,
          .key = {.seed = 5, .stream = 7, .offset = 11}};
}

/// q, k, v, dy.
std::vector<testing::Operand> operands(DType dtype, const Case& n) {
  std::uint64_t seed = 1;
  const auto random = [&](std::int64_t rows, std::int64_t parts, double scale) {
    const Dims shape{n.B, n.H, rows, n.D};
    return input(dtype, shape, testing::random_values(numel(shape), seed++, -scale, scale),
                 strides_of(n, rows, parts));
  };
  return {random(n.T, 3, n.scale), random(n.S, 3, 1), random(n.S, 3, 1), random(n.T, 1, 1)};
}

Reference reference_of(const Case& n, const std::vector<testing::Operand>& o) {
  return {.heads = n.B * n.H,
          .T = n.T,
          .S = n.S,
          .D = n.D,
          .options = options_of(n),
          .q = o[0].values,
          .k = o[1].values,
          .v = o[2].values};
}

/// y, lse.
Values run_forward(const Backend& backend, const Case& n, std::vector<testing::Operand> o) {
  const DType sums = backend.dtype == DType::f64 ? DType::f64 : DType::f32;
  o.pop_back();
  o.push_back(output(backend.dtype, {n.B, n.H, n.T, n.D}, strides_of(n, n.T, 1)));
  o.push_back(output(sums, {n.B, n.H, n.T}));
  return testing::run(backend.device, o, [&](Stream& s, auto v) {
    backend.forward(
        s, {.q = v[0], .k = v[1], .v = v[2], .y = v[3], .lse = v[4], .options = options_of(n)});
  });
}

/// dq, dk, dv, from what forward saved.
Values run_backward(const Backend& backend, const Case& n, std::vector<testing::Operand> o,
                    const std::vector<double>& y, const std::vector<double>& lse) {
  const DType sums = backend.dtype == DType::f64 ? DType::f64 : DType::f32;
  o.push_back(input(backend.dtype, {n.B, n.H, n.T, n.D}, y, strides_of(n, n.T, 1)));
  o.push_back(input(sums, {n.B, n.H, n.T}, lse));
  for (std::int64_t rows : {n.T, n.S, n.S}) {
    o.push_back(output(backend.dtype, {n.B, n.H, rows, n.D}, strides_of(n, rows, 3)));
  }
  return testing::run(backend.device, o, [&](Stream& s, auto v) {
    backend.backward(s, {.q = v[0],
                         .k = v[1],
                         .v = v[2],
                         .y = v[4],
                         .lse = v[5],
                         .dy = v[3],
                         .dq = v[6],
                         .dk = v[7],
                         .dv = v[8],
                         .options = options_of(n)});
  });
}

/// The card's public functions take one of the rungs, which are all checked: the smaller cases show
/// it. The rungs are not called with nothing to do.
bool left_out(const Backend& backend, const Case& n) {
  if (backend.name == "gpu") return n.T > 40;
  const bool is_rung = backend.name != "cpu";
  return is_rung && (n.B * n.T == 0 || n.S == 0);
}

double largest(const std::vector<double>& values) {
  double max = 1;
  for (double value : values) max = std::max(max, std::abs(value));
  return max;
}

/// A score is a sum of D products within `scale` each, and its error that of the probability's
/// exponent. In bf16 the results are rounded, and probabilities and their gradients may be.
double tolerance_of(const Backend& backend, const Case& n) {
  const double compute = std::min(testing::epsilon_of(backend.dtype), 0x1p-24);
  const double sums = (32 + static_cast<double>(n.D)) * compute * (1 + n.scale);
  return backend.dtype == DType::bf16 ? sums + 2 * 0x1p-8 : sums;
}

void check_forward(const Backend& backend, const Case& n) {
  const auto o = operands(backend.dtype, n);
  Reference expected = reference_of(n, o);
  expected.forward();
  const Values actual = run_forward(backend, n, o);
  const double tolerance = tolerance_of(backend, n);
  testing::expect_close("y", actual[0], expected.y, tolerance, largest(expected.y));
  const double sums = std::min(testing::epsilon_of(backend.dtype), 0x1p-24);
  testing::expect_close("lse", actual[1], expected.lse,
                        (32 + static_cast<double>(n.D)) * sums * (1 + n.scale));
}

void check_backward(const Backend& backend, const Case& n) {
  const auto o = operands(backend.dtype, n);
  Reference expected = reference_of(n, o);
  expected.forward();
  expected.backward(o[3].values);
  const Values actual = run_backward(backend, n, o, expected.y, expected.lse);
  const double tolerance = 2 * tolerance_of(backend, n);
  testing::expect_close("dq", actual[0], expected.dq, tolerance, largest(expected.dq));
  // y, rounded, makes a score's gradient less exact, which q multiplies.
  testing::expect_close("dk", actual[1], expected.dk, tolerance,
                        std::max(n.scale, largest(expected.dk)));
  testing::expect_close("dv", actual[2], expected.dv, tolerance, largest(expected.dv));
}

/// check(backend, case) for every backend, but where left_out(backend, case).
void each(const auto& cases, auto without, auto check) {
  for (const Backend& backend : backends()) {
    for (const Case& n : cases) {
      if (without(backend, n)) continue;
      CAPTURE(backend.name);
      CAPTURE(name_of(backend.dtype));
      CAPTURE(n.name());
      check(backend, n);
    }
  }
}

/// Lengths from below 0 to beyond the capacity.
std::vector<double> lengths_of(const DecodeCase& n) {
  std::vector<double> lengths{
      static_cast<double>(n.capacity),     0, -3, static_cast<double>(n.capacity + 5),
      static_cast<double>(n.capacity / 2), 1};
  lengths.resize(n.B);
  return lengths;
}

void check_decode(Device device, DType dtype, void (*run)(Stream&, const AttentionDecode&),
                  const DecodeCase& n) {
  // The cache lies as [B, capacity, H, D], and what is beyond a length is NaN.
  const Dims cache{n.capacity * n.H * n.D, n.D, n.H * n.D, 1};
  const auto lengths = lengths_of(n);
  const double scale = 1 / std::sqrt(static_cast<double>(n.D));
  const Dims shape{n.B, n.H, n.capacity, n.D}, row{n.B, n.H, n.D};
  auto k = input(dtype, shape, testing::random_values(numel(shape), 1, -4, 4), cache);
  auto v = input(dtype, shape, testing::random_values(numel(shape), 2), cache);
  const auto q = input(dtype, row, testing::random_values(numel(row), 3));
  std::vector<double> expected;
  for (std::int64_t head = 0; head < n.B * n.H; ++head) {
    const auto length =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(lengths[head / n.H]), 0, n.capacity);
    const auto part = [&](std::vector<double>& from, std::int64_t rows, std::int64_t of) {
      const auto begin = from.begin() + head * of * n.D;
      std::vector<double> values(begin, begin + rows * n.D);
      std::fill(begin + rows * n.D, begin + of * n.D, std::nan(""));
      return values;
    };
    auto query = q.values;
    Reference r{.heads = 1,
                .T = 1,
                .S = length,
                .D = n.D,
                .options = {.scale = scale},
                .q = part(query, 1, 1),
                .k = part(k.values, length, n.capacity),
                .v = part(v.values, length, n.capacity)};
    r.forward();
    expected.insert(expected.end(), r.y.begin(), r.y.end());
  }
  const auto actual = testing::run(
      device, {q, k, v, input(DType::i32, {n.B}, lengths), output(dtype, row)},
      [&](Stream& s, auto x) {
        run(s, {.q = x[0], .k = x[1], .v = x[2], .lengths = x[3], .y = x[4], .scale = scale});
      });
  const double sums = std::min(testing::epsilon_of(dtype), 0x1p-24);
  testing::expect_close("y", actual[0], expected,
                        dtype == DType::bf16 ? 0x1p-8 : (64 + static_cast<double>(n.D)) * sums);
}

TEST_SUITE("attention") {
  TEST_CASE("every backend agrees with the double reference") {
    each(attention_cases::tests(), left_out, check_forward);
  }

  TEST_CASE("its gradient agrees with the double reference") {
    each(attention_cases::tests(), left_out, check_backward);
  }

  TEST_CASE("the tensor cores' error is at most twice that of the naive rung in bf16") {
    const auto errors = [](const char* name, const Case& n) {
      std::vector<double> worst;
      for (const Backend& backend : backends()) {
        if (backend.name != name) continue;
        const auto o = operands(backend.dtype, n);
        Reference expected = reference_of(n, o);
        expected.forward();
        expected.backward(o[3].values);
        Values actual = run_backward(backend, n, o, expected.y, expected.lse);
        actual.push_back(run_forward(backend, n, o)[0]);
        const std::vector<double>* of[] = {&expected.dq, &expected.dk, &expected.dv, &expected.y};
        for (std::size_t r = 0; r < actual.size(); ++r) {
          double most = 0;
          for (std::size_t i = 0; i < actual[r].size(); ++i) {
            most = std::max(most, std::abs(actual[r][i] - (*of[r])[i]));
          }
          worst.push_back(most);
        }
      }
      return worst;
    };
    for (const Case& n : {Case{1, 2, 65, 65, 64, true}, Case{1, 1, 40, 127, 128, false, 0.1}}) {
      const auto ours = errors("mma", n), naive = errors("materialised_bf16", n);
      REQUIRE(ours.size() == 4);
      for (std::size_t r = 0; r < 4; ++r) CHECK_MESSAGE(ours[r] <= 2 * naive[r], n.name(), " ", r);
    }
  }

  TEST_CASE("the CPU's chunks and groups agree with the double reference") {
    const auto on_gpu = [](const Backend& b, const Case&) { return b.device != Device::cpu; };
    each(attention_cases::cpu_tests(), on_gpu, check_forward);
    each(attention_cases::cpu_tests(), on_gpu, check_backward);
  }

  TEST_CASE("a step of a generation agrees with the double reference") {
    const auto all = [](Device device, DType dtype, auto run) {
      for (const DecodeCase& n : attention_cases::decode_tests()) {
        CAPTURE(name_of(device));
        CAPTURE(name_of(dtype));
        CAPTURE(n.name());
        check_decode(device, dtype, run, n);
      }
    };
    for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      all(Device::cpu, dtype, attention_decode);
    }
    for (DType dtype : {DType::f32, DType::bf16}) all(Device::gpu, dtype, attention_decode);
    for (const AttentionDecodeRung& rung : attention_decode_rungs()) {
      CAPTURE(rung.name);
      for (const DecodeCase& n : attention_cases::decode_tests()) {
        if (n.B > 0) check_decode(Device::gpu, rung.dtype, rung.run, n);
      }
    }
  }

#ifdef _OPENMP
  TEST_CASE("the CPU's results have the same bits on one thread and on several") {
    const Backend cpu = backends()[0];
    const int usual = omp_get_max_threads();
    for (const Case& n : attention_cases::cpu_tests()) {
      const auto o = operands(cpu.dtype, n);
      std::vector<Values> results;
      for (int threads : {1, 2, 3}) {
        omp_set_num_threads(threads);
        Values all = run_forward(cpu, n, o);
        for (auto& gradient : run_backward(cpu, n, o, all[0], all[1])) all.push_back(gradient);
        results.push_back(all);
      }
      omp_set_num_threads(usual);
      for (const Values& other : results) CHECK((other == results[0]));
    }
  }
#endif

  TEST_CASE("the reference's gradient is the slope of its forward pass") {
    const Case n{1, 2, 3, 5, 4, true, 0.4};
    const auto o = operands(DType::f64, n);
    Reference r = reference_of(n, o);
    r.backward(o[3].values);
    const Reference at = r;
    const auto loss = [&] {
      r.forward();
      double sum = 0;
      for (std::size_t i = 0; i < r.y.size(); ++i) sum += o[3].values[i] * r.y[i];
      return sum;
    };
    testing::expect_slope("q", r.q, at.dq, loss);
    testing::expect_slope("k", r.k, at.dk, loss);
    testing::expect_slope("v", r.v, at.dv, loss);
  }

  TEST_CASE("dropout keeps its share, independently of head and place") {
    constexpr std::int64_t kT = 40, kS = 70;
    const AttentionDropout dropout({.dropout = 0.25, .key = {1, 2, 3}}, kT, kS);
    double kept = 0;
    std::vector<double> rows(kT), columns(kS);
    for (std::int64_t head = 0; head < 20; ++head) {
      for (std::int64_t t = 0; t < kT; ++t) {
        for (std::int64_t s = 0; s < kS; ++s) {
          const double keep = dropout.keep_at(head, t, s);
          CHECK((keep == 0 || keep == dropout.scale));
          const double one = keep > 0;
          kept += one, rows[t] += one, columns[s] += one;
        }
      }
    }
    CHECK(dropout.scale == doctest::Approx(1 / 0.75).epsilon(1e-4));
    CHECK(std::abs(kept / (20 * kT * kS) - 0.75) < 4 * std::sqrt(0.75 * 0.25 / (20 * kT * kS)));
    for (double n : rows) CHECK(std::abs(n / (20 * kS) - 0.75) < 0.05);
    for (double n : columns) CHECK(std::abs(n / (20 * kT) - 0.75) < 0.07);
    CHECK(attention_draw_blocks(4, 5, kT, kS) == dropout.tile(20, 0, 0));
  }

  TEST_CASE("wrong operands are answered by an Error that names them") {
    std::vector<float> data(64);
    const auto view = [&](const Dims& shape) { return View(data.data(), DType::f32, shape); };
    AttentionForward p{.q = view({1, 1, 3, 4}),
                       .k = view({1, 1, 2, 4}),
                       .v = view({1, 1, 2, 4}),
                       .y = view({1, 1, 3, 4}),
                       .lse = view({1, 1, 3}),
                       .options = {}};
    Stream& s = Stream::of(Device::cpu);
    attention_forward(s, p);
    p.options.causal = true;
    CHECK_THROWS_WITH_AS(attention_forward(s, p),
                         "attention: causal, 3 queries need as many keys, not 2", Error);
    p.options.causal = false;
    p.v = view({1, 1, 3, 4});
    CHECK_THROWS_WITH_AS(attention_forward(s, p),
                         "attention: v must be f32 [1, 1, 2, 4], not f32 [1, 1, 3, 4]", Error);
    p.v = View(data.data(), DType::f32, {1, 1, 2, 4}, {8, 8, 1, 2});
    CHECK_THROWS_WITH_AS(attention_forward(s, p),
                         "attention: the elements of a row of v must follow each other, not be "
                         "strided by 2",
                         Error);
  }
}

}  // namespace
}  // namespace etude
