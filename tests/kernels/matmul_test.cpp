#include "kernels/matmul/matmul.h"

#include <doctest/doctest.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/matmul/cases.h"
#include "kernels/matmul/matmul_cpu.h"
#include "kernels/matmul/matmul_cublas.h"
#include "kernels/matmul/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using matmul_cases::Case;
using matmul_cases::Layout;
using testing::in_out;
using testing::input;
using testing::output;

/// One way to compute a product in one dtype.
struct Backend {
  std::string name;
  Device device;
  DType dtype;
  void (*run)(Stream&, const View&, const View&, const View&, const MatmulOptions&);
  double roundoff = 0x1p-24;  // as MatmulRung::roundoff
};

/// The same, where f32 may round to tf32.
template <auto Matmul>
void in_tf32(Stream& s, const View& a, const View& b, const View& c, const MatmulOptions& options) {
  MatmulOptions rounded = options;
  rounded.tf32 = true;
  Matmul(s, a, b, c, rounded);
}

/// The public function on both devices, the choice among the project's own rungs, which a build
/// with cuBLAS takes only where that refuses, the CPU's own loops, and every rung of the ladder.
std::vector<Backend> backends() {
  std::vector<Backend> all{{"gpu", Device::gpu, DType::f32, matmul},
                           {"gpu tf32", Device::gpu, DType::f32, in_tf32<matmul>, 0x1p-11},
                           {"gpu", Device::gpu, DType::bf16, matmul},
                           {"own", Device::gpu, DType::f32, matmul_own},
                           {"own tf32", Device::gpu, DType::f32, in_tf32<matmul_own>, 0x1p-11},
                           {"own", Device::gpu, DType::bf16, matmul_own}};
  for (DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    all.push_back({"cpu", Device::cpu, dtype, matmul});
    all.push_back({"cpu plain", Device::cpu, dtype, cpu::matmul_plain});
  }
  for (const MatmulRung& rung : matmul_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.dtype, rung.run, rung.roundoff});
  }
  return all;
}

/// Of one element of c, for products of factors within [-1, 1].
double tolerance_of(const Backend& backend, std::int64_t k) {
  const double compute = std::min(testing::epsilon_of(backend.dtype), 0x1p-24);
  // Each of the K additions rounds a partial sum of at most K products below 1.
  double tolerance = (4 + static_cast<double>(k)) * compute;
  // A factor's rounding is as often up as down: the errors of K products add up as sqrt(K).
  if (backend.roundoff > 0x1p-24) {
    tolerance += 4 * backend.roundoff * std::sqrt(static_cast<double>(k));
  }
  return backend.dtype == DType::bf16 ? tolerance + 0x1.01p-8 : tolerance;
}

/// Strides of a [(batch,) rows, cols] operand; batch 0 is none.
Dims strides_of(Layout layout, std::int64_t batch, std::int64_t rows, std::int64_t cols) {
  Dims strides;
  const std::int64_t row = layout == Layout::column     ? 1
                           : layout == Layout::padded   ? cols + 3
                           : layout == Layout::repeated ? 0
                                                        : cols;
  if (batch) {
    strides.push_back(layout == Layout::shared ? 0 : rows * std::max(row, cols) + 1);
    if (layout == Layout::row) strides[0] = rows * cols;
  }
  strides.push_back(row);
  strides.push_back(layout == Layout::column ? rows : 1);
  return strides;
}

/// Random values as a view of that layout shows them: equal where elements share an address.
testing::Operand operand(DType dtype, Layout layout, std::int64_t batch, std::int64_t rows,
                         std::int64_t cols, std::uint64_t seed, double scale) {
  const std::int64_t count = batch ? batch : 1;
  auto values = testing::random_values(count * rows * cols, seed, -scale, scale);
  const std::int64_t period = layout == Layout::shared     ? rows * cols
                              : layout == Layout::repeated ? cols
                                                           : count * rows * cols;
  for (std::int64_t i = period; i < count * rows * cols; ++i) values[i] = values[i - period];
  Dims shape{rows, cols};
  if (batch) shape = {batch, rows, cols};
  return input(dtype, shape, std::move(values), strides_of(layout, batch, rows, cols));
}

struct Operands {
  testing::Operand a, b, c;
};

Operands operands(DType dtype, const Case& x) {
  Dims shape{x.m, x.n};
  if (x.batch) shape = {x.batch, x.m, x.n};
  auto c = output(dtype, shape);  // NaN: beta = 0 must not read it
  if (x.beta != 0) c = in_out(dtype, shape, testing::random_values(numel(shape), 3));
  return {operand(dtype, x.a, x.batch, x.m, x.k, 1, x.scale),
          operand(dtype, x.b, x.batch, x.k, x.n, 2, 1 / x.scale), std::move(c)};
}

/// body() with that many threads for the CPU's parallel regions.
template <class Body>
auto with_threads([[maybe_unused]] int threads, Body body) {
#ifdef _OPENMP
  const int before = omp_get_max_threads();
  omp_set_num_threads(threads);
  auto result = body();
  omp_set_num_threads(before);
  return result;
#else
  return body();
#endif
}

/// The values of c, after a check against the double reference.
std::vector<double> expect_reference(const Backend& backend, const Case& x) {
  const auto [a, b, c] = operands(backend.dtype, x);
  const std::string what = backend.name + " " + name_of(backend.dtype) + " " +
                           std::to_string(x.batch) + " x " + std::to_string(x.m) + " " +
                           std::to_string(x.n) + " " + std::to_string(x.k);
  CAPTURE(what);
  const auto y = testing::run(backend.device, {a, b, c}, [&](Stream& s, auto v) {
    backend.run(s, v[0], v[1], v[2], {.alpha = x.alpha, .beta = x.beta});
  });
  const auto expected =
      reference::matmul<double>(a.values, b.values, c.values, std::max<std::int64_t>(1, x.batch),
                                x.m, x.n, x.k, x.alpha, x.beta);
  testing::expect_close(what, y[0], expected, tolerance_of(backend, x.k),
                        std::abs(x.alpha) + std::abs(x.beta));
  return y[0];
}

/// Which parts of an epilogue a case has.
struct Parts {
  bool bias;
  Activation activation;
  bool residual;
};

void expect_epilogue(const Backend& backend, const Case& x, const Parts& parts) {
  const auto [a, b, c] = operands(backend.dtype, x);
  const auto bias = input(backend.dtype, {x.n}, testing::random_values(x.n, 4));
  const auto residual = input(backend.dtype, c.shape, testing::random_values(numel(c.shape), 5));
  const std::string what = backend.name + " " + name_of(backend.dtype) + " activation " +
                           std::to_string(static_cast<int>(parts.activation)) +
                           (parts.bias ? " bias" : "") + (parts.residual ? " residual" : "");
  CAPTURE(what);
  const auto y = testing::run(backend.device, {a, b, c, bias, residual}, [&](Stream& s, auto v) {
    backend.run(s, v[0], v[1], v[2],
                {.alpha = x.alpha,
                 .beta = x.beta,
                 .bias = parts.bias ? v[3] : View(),
                 .activation = parts.activation,
                 .residual = parts.residual ? v[4] : View()});
  });
  const auto expected = reference::matmul<double>(
      a.values, b.values, c.values, std::max<std::int64_t>(1, x.batch), x.m, x.n, x.k, x.alpha,
      x.beta, parts.bias ? bias.values : std::vector<double>{}, parts.activation,
      parts.residual ? residual.values : std::vector<double>{});
  // No slope of an activation is over 1.13. cuBLAS's bf16 sums are rounded before the epilogue too.
  double tolerance = 1.2 * tolerance_of(backend, x.k + 8);
  if (backend.dtype == DType::bf16 && backend.device == Device::gpu) tolerance *= 2;
  testing::expect_close(what, y[0], expected, tolerance, std::abs(x.alpha) + std::abs(x.beta) + 1);
}

TEST_SUITE("matmul") {
  TEST_CASE("every backend and rung agrees with the double reference") {
    for (const Backend& backend : backends()) {
      for (const Case& x : matmul_cases::tests()) expect_reference(backend, x);
    }
  }

  TEST_CASE(
      "the CPU's blocks and shares: right, and by the CPU's own loops bit-equal at any count") {
    using enum Layout;
    const Case cases[] = {{0, 150, 37, 260, row, column, 1, 0.5},
                          {0, 20, 1030, 14, column, row, 1, 0.5},
                          {0, 130, 257, 19, row, row},
                          {0, 1, 1100, 257, padded, row},
                          {0, 515, 1, 520, row, row, 2, 1},
                          {9, 40, 36, 33, padded, shared, 1, 1},
                          {9, 40, 36, 33, shared, padded},
                          {0, 11, 13, 2100, column, row, 0.5, 2},
                          {0, 11, 13, 2100, row, column},
                          {70, 18, 18, 18}};
    for (const Case& x : cases) {
      for (const Backend& backend : backends()) {
        if (backend.device == Device::gpu) continue;
        const auto alone = with_threads(1, [&] { return expect_reference(backend, x); });
        const auto shared = with_threads(5, [&] { return expect_reference(backend, x); });
        if (backend.run == cpu::matmul_plain) CHECK_MESSAGE(shared == alone, backend.name);
      }
    }
  }

  TEST_CASE("deep products on the CPU, whichever way the operands lie") {
    using enum Layout;
    for (const Case& x :
         {Case{0, 131, 137, 1029, column, row, 0.5, 2}, Case{0, 137, 131, 1029, row, row, 1, 1},
          Case{0, 131, 137, 1029, row, column, 1, 0}}) {
      for (const Backend& backend : backends()) {
        if (backend.run != cpu::matmul || backend.dtype != DType::f32) continue;
        with_threads(5, [&] { return expect_reference(backend, x); });
      }
    }
  }

  TEST_CASE("operands that start between two multiples of 16 bytes") {
    for (const Backend& backend : backends()) {
      if (backend.device == Device::cpu) continue;
      constexpr std::int64_t M = 40, N = 48, K = 136;  // rows in step with the 16 bytes
      const auto a = input(backend.dtype, {1 + M * K}, testing::random_values(1 + M * K, 1));
      const auto b = input(backend.dtype, {1 + K * N}, testing::random_values(1 + K * N, 2));
      const auto second = [](const View& x, const Dims& shape) {
        return View(static_cast<char*>(x.data) + size_of(x.dtype), x.dtype, shape);
      };
      const auto y = testing::run(
          backend.device, {a, b, output(backend.dtype, {M, N})}, [&](Stream& s, auto v) {
            backend.run(s, second(v[0], {M, K}), second(v[1], {K, N}), v[2], {});
          })[0];
      const auto expected =
          reference::matmul<double>({a.values.begin() + 1, a.values.end()},
                                    {b.values.begin() + 1, b.values.end()}, {}, 1, M, N, K, 1, 0);
      testing::expect_close(backend.name, y, expected, tolerance_of(backend, K));
    }
  }

  TEST_CASE("every backend and rung ends with bias, activation and residual") {
    using enum Layout;
    using enum Activation;
    const Case square{0, 37, 45, 40, row, column, 1.5, 0.5};
    const Case others[] = {{0, 37, 70, 0, row, row, 1, 0.5},  // the epilogue alone
                           {3, 9, 20, 24, row, shared},       // becomes one product of 27 rows
                           {2, 30, 20, 17, column, padded, 1, 1},
                           {0, 1, 70, 33},
                           {0, 33, 20, 264},  // deep: a rung for long sums does not fall back
                           {0, 40, 1, 33, row, row, 1, -1}};
    for (const Backend& backend : backends()) {
      for (Activation activation : {none, relu, gelu, gelu_tanh}) {
        expect_epilogue(backend, square, {true, activation, true});
        expect_epilogue(backend, square, {false, activation, false});
      }
      expect_epilogue(backend, square, {true, none, false});
      expect_epilogue(backend, square, {false, none, true});
      for (const Case& x : others) expect_epilogue(backend, x, {true, gelu_tanh, true});
    }
  }

  TEST_CASE("the CPU's tasks: each once, and an exception of one reaches the caller") {
    for (int threads : {1, 4}) {
      std::vector<int> done(9);
      for_each_task(9, threads, [&](std::int64_t task) { ++done[task]; });
      CHECK(done == std::vector<int>(9, 1));
      const auto fail_late = [](std::int64_t task) { require(task < 7, "task ", task); };
      CHECK_THROWS_WITH_AS(for_each_task(8, threads, fail_late), "task 7", Error);
    }
  }

  TEST_CASE("the CPU's epilogue of many blocks") {
    for (const Backend& backend : backends()) {
      if (backend.device == Device::gpu) continue;
      for (int threads : {1, 5}) {
        with_threads(threads, [&] {
          expect_epilogue(backend, {0, 260, 1030, 20}, {true, Activation::gelu, true});
          expect_epilogue(backend, {0, 40, 70, 300}, {true, Activation::relu, true});
          expect_epilogue(backend, {0, 7, 20, 1100}, {true, Activation::relu, true});
          expect_epilogue(backend, {9, 40, 36, 33}, {true, Activation::relu, true});
          return 0;
        });
      }
    }
  }

  TEST_CASE("NaN and infinity stay in the rows and columns they belong to") {
    constexpr std::int64_t size = 37;  // over the edge of every tile
    auto a = testing::random_values(size * size, 1), b = testing::random_values(size * size, 2);
    a[36 * size + 36] = NAN;
    b[36 * size + 36] = INFINITY;
    for (const Backend& backend : backends()) {
      const auto y =
          testing::run(backend.device,
                       {input(backend.dtype, {size, size}, a),
                        input(backend.dtype, {size, size}, b), output(backend.dtype, {size, size})},
                       [&](Stream& s, auto v) { backend.run(s, v[0], v[1], v[2], {}); })[0];
      CAPTURE(backend.name);
      for (std::int64_t i = 0; i < size * size; ++i) {
        const bool last_row = i / size == 36, last_col = i % size == 36;
        CHECK(std::isnan(y[i]) == last_row);
        CHECK(std::isinf(y[i]) == (last_col && !last_row));
      }
    }
  }

  TEST_CASE("alpha 0 reads neither a nor b") {
    const auto nan = std::vector<double>(64, NAN);
    for (const Backend& backend : backends()) {
      const auto y = testing::run(
          backend.device,
          {input(backend.dtype, {8, 8}, nan), input(backend.dtype, {8, 8}, nan),
           in_out(backend.dtype, {8, 8}, std::vector<double>(64, 3))},
          [&](Stream& s, auto v) { backend.run(s, v[0], v[1], v[2], {.alpha = 0, .beta = 2}); })[0];
      testing::expect_close(backend.name, y, std::vector<double>(64, 6), 0);
    }
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    Stream& s = Stream::of(Device::cpu);
    float data[64] = {};
    const auto view = [&](const Dims& shape) { return View(data, DType::f32, shape); };
    CHECK_THROWS_WITH_AS(matmul(s, view({2, 3}), view({4, 5}), view({2, 5})),
                         "matmul: a, b, c must be [M, K], [K, N], [M, N], or each with one batch "
                         "dimension before, not [2, 3], [4, 5], [2, 5]",
                         Error);
    CHECK_THROWS_AS(matmul(s, view({2, 2, 3}), view({3, 5}), view({2, 2, 5})), Error);
    CHECK_THROWS_AS(matmul(s, view({2, 2, 3}), view({1, 3, 5}), view({2, 2, 5})), Error);
    CHECK_THROWS_AS(matmul(s, view({3}), view({3}), view({1})), Error);
    CHECK_THROWS_WITH_AS(
        matmul(s, View(data, DType::f32, {2, 3}, {6, 2}), view({3, 2}), view({2, 2})),
        "matmul: one of the last two strides of a must be 1, not [6, 2]", Error);
    CHECK_THROWS_WITH_AS(
        matmul(s, view({2, 3}), view({3, 2}), View(data, DType::f32, {2, 2}, {1, 2})),
        "matmul: c must be contiguous, not strided by [1, 2]", Error);
    CHECK_THROWS_WITH_AS(matmul(s, view({2, 3}), View(data, DType::f64, {3, 2}), view({2, 2})),
                         "matmul: a is f32, b is f64, c is f32", Error);
    const auto with = [&](const MatmulOptions& options) {
      matmul(s, view({2, 3}), view({3, 4}), view({2, 4}), options);
    };
    CHECK_THROWS_WITH_AS(with({.bias = view({3})}),
                         "matmul: bias must be f32 [4] without gaps, not f32 [3] strided by [1]",
                         Error);
    CHECK_THROWS_AS(with({.bias = View(data, DType::f64, {4})}), Error);
    CHECK_THROWS_AS(with({.bias = View(data, DType::f32, {4}, {2})}), Error);
    CHECK_THROWS_WITH_AS(
        with({.residual = View(data, DType::f32, {2, 4}, {1, 2})}),
        "matmul: residual must be f32 [2, 4] without gaps, not f32 [2, 4] strided by [1, 2]",
        Error);
    CHECK_THROWS_AS(with({.residual = view({4})}), Error);
    const auto integers = [&](const Dims& shape) { return View(data, DType::i32, shape); };
    CHECK_THROWS_WITH_AS(matmul(s, integers({2, 3}), integers({3, 2}), integers({2, 2})),
                         "matmul: dtype i32 is not supported here", Error);
    const auto doubles = [&](const Dims& shape) { return View(data, DType::f64, shape); };
    CHECK_THROWS_WITH_AS(
        matmul(Stream::of(Device::gpu), doubles({2, 3}), doubles({3, 2}), doubles({2, 2})),
        "matmul: dtype f64 is not supported on the gpu", Error);
  }
}

}  // namespace
}  // namespace etude
