#include "kernels/reduce/reduce.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/reduce/cases.h"
#include "kernels/reduce/reference.h"
#include "tests/kernels/harness.h"

// The thread sanitizer does not see the barriers of GNU's OpenMP, so would report races.
#if defined(_OPENMP) && !defined(__SANITIZE_THREAD__)
#define ETUDE_TEST_THREADS
#include <omp.h>
#endif

namespace etude {
namespace {

using reduce_cases::Case;
using testing::input;
using testing::output;

constexpr Reduction kReductions[] = {Reduction::sum, Reduction::max, Reduction::min,
                                     Reduction::sum_squares};

/// Calls body(device, dtype) for all that the backends offer.
template <class Body>
void for_backends(Body body) {
  body(Device::cpu, DType::f32);
  body(Device::cpu, DType::f64);
  body(Device::gpu, DType::f32);
}

TEST_SUITE("reduce") {
  TEST_CASE("every reduction of every case agrees with the double reference") {
    for (const Case& c : reduce_cases::tests()) {
      CAPTURE(c.x);
      CAPTURE(c.y);
      for_backends([&](Device device, DType dtype) {
        const auto x = input(dtype, c.x, testing::random_values(numel(c.x), 1), c.strides);
        std::vector<testing::Operand> operands{x};
        for (int i = 0; i < 4; ++i) operands.push_back(output(dtype, c.y));
        const auto y = testing::run(device, operands, [&](Stream& s, auto v) {
          for (int i = 0; i < 4; ++i) reduce(s, kReductions[i], v[0], v[1 + i], c.scale);
        });
        const double terms = numel(c.x) / std::max(1.0, static_cast<double>(numel(c.y)));
        // At most 32 terms are added in sequence, then trees; the reference adds all in sequence.
        const double roundings = 48 + (dtype == DType::f64 ? terms : 0);
        const double tolerance = roundings * testing::epsilon_of(dtype);
        for (int i = 0; i < 4; ++i) {
          const auto expected = reference::reduce(kReductions[i], x.values, c.x, c.y, c.scale);
          testing::expect_close("reduce", y[i], expected, tolerance,
                                std::max(1.0, std::sqrt(terms)));
        }
      });
    }
  }

  TEST_CASE("a NaN wins, infinities pass, and large sums keep their small terms") {
    for (Device device : testing::kDevices) {
      const auto x = input(DType::f32, {3, 3}, {1, NAN, 2, 3, -INFINITY, 1, 1e30, -1, 1});
      const auto y = testing::run(device,
                                  {x, output(DType::f32, {3, 1}), output(DType::f32, {3, 1}),
                                   output(DType::f32, {1, 3}), output(DType::f32, {1, 3})},
                                  [](Stream& s, auto v) {
                                    reduce(s, Reduction::max, v[0], v[1]);
                                    reduce(s, Reduction::min, v[0], v[2]);
                                    reduce(s, Reduction::max, v[0], v[3]);
                                    reduce(s, Reduction::sum, v[0], v[4]);
                                  });
      const double big = x.values[6];
      testing::expect_close("max of rows", y[0], {NAN, 3, big}, 0);
      testing::expect_close("min of rows", y[1], {NAN, -INFINITY, -1}, 0);
      testing::expect_close("max of columns", y[2], {big, NAN, 2}, 0);
      testing::expect_close("sum of columns", y[3], {big, NAN, 4}, 1e-7);

      // 2^17 ones after 2^24: a plain float sum would stand still.
      std::vector<double> values(1 + (1 << 17), 1.0);
      values[0] = 1 << 24;
      const auto n = static_cast<std::int64_t>(values.size());
      const auto sum =
          testing::run(device, {input(DType::f32, {n}, values), output(DType::f32, {1})},
                       [](Stream& s, auto v) { reduce(s, Reduction::sum, v[0], v[1]); });
      testing::expect_close("blocked sum", sum[0], {(1 << 24) + (1 << 17)}, 1e-4);
    }
  }

  TEST_CASE("argmax finds the first maximum; a NaN wins") {
    for (const auto& [rows, cols] : {std::pair<std::int64_t, std::int64_t>{1, 1},
                                     {3, 31},
                                     {2, 33},
                                     {5, 129},
                                     {1, 1031},
                                     {40, 7},
                                     {0, 5}}) {
      for_backends([&, rows = rows, cols = cols](Device device, DType dtype) {
        CAPTURE(rows);
        CAPTURE(cols);
        auto values = testing::random_integers(rows * cols, 5, 20);  // many equal maxima
        if (cols > 30) values[cols - 1] = values[cols / 2] = NAN;
        const auto x = input(dtype, {rows, cols}, values);
        const auto y = testing::run(device, {x, output(DType::i32, {rows})},
                                    [](Stream& s, auto v) { argmax(s, v[0], v[1]); });
        testing::expect_close("argmax", y[0], reference::argmax(x.values, rows, cols), 0);
      });
    }
  }

#ifdef ETUDE_TEST_THREADS
  TEST_CASE("the number of threads does not change a bit") {
    const int before = omp_get_max_threads();
    for (const Case& c :
         {Case{{100003}, {1}}, Case{{700, 90}, {1, 90}}, Case{{40, 50, 30}, {1, 50, 1}}}) {
      const auto x = input(DType::f32, c.x, testing::random_values(numel(c.x), 6));
      std::vector<std::vector<double>> results;
      for (int threads : {1, 2, 3}) {
        omp_set_num_threads(threads);
        results.push_back(
            testing::run(Device::cpu, {x, output(DType::f32, c.y)},
                         [](Stream& s, auto v) { reduce(s, Reduction::sum, v[0], v[1]); })[0]);
      }
      CHECK(results[0] == results[1]);
      CHECK(results[0] == results[2]);
    }
    omp_set_num_threads(before);
  }
#endif

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    std::int32_t index[6] = {};
    Stream& s = Stream::of(Device::cpu);
    const View x(data, DType::f32, {2, 3});
    CHECK_THROWS_WITH_AS(reduce(s, Reduction::sum, x, View(data, DType::f32, {3, 1})),
                         "reduce: each extent of y must be x's or 1, not [3, 1] for x [2, 3]",
                         Error);
    CHECK_THROWS_WITH_AS(reduce(s, Reduction::sum, x, View(index, DType::i32, {2, 1})),
                         "reduce: x is f32, y is i32", Error);
    CHECK_THROWS_WITH_AS(argmax(s, View(data, DType::f32, {2, 0}), View(index, DType::i32, {2})),
                         "argmax: rows must have 1 to 2^31 - 1 elements, not 0", Error);
    CHECK_THROWS_WITH_AS(argmax(s, x, View(data, DType::f32, {2})),
                         "argmax: y must be i32, not f32", Error);
  }
}

}  // namespace
}  // namespace etude
