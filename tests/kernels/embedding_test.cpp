#include "kernels/embedding/embedding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/embedding/cases.h"
#include "kernels/embedding/reference.h"
#include "tests/kernels/harness.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace etude {
namespace {

using embedding_cases::Case;
using testing::input;
using testing::Operand;
using testing::output;

/// One way to compute the gradient in one dtype.
struct Backend {
  std::string name;
  Device device;
  DType dtype;
  double roundoff;  // of the sums
  void (*run)(Stream&, const View&, const View&, const View&);
};

/// The public function on both devices, and every rung of the ladder.
std::vector<Backend> backends() {
  std::vector<Backend> all{{"cpu", Device::cpu, DType::f32, 0x1p-24, embedding_grad},
                           {"cpu", Device::cpu, DType::f64, 0x1p-53, embedding_grad},
                           {"cpu", Device::cpu, DType::bf16, 0x1p-24, embedding_grad},
                           {"gpu", Device::gpu, DType::f32, 0x1p-24, embedding_grad},
                           {"gpu", Device::gpu, DType::bf16, 0x1p-24, embedding_grad}};
  for (const EmbeddingRung& rung : embedding_rungs()) {
    all.push_back({rung.name, Device::gpu, rung.dtype, rung.roundoff, rung.run});
  }
  return all;
}

Operand ids_of(const Case& c) {
  const auto range = static_cast<int>(c.rows + 2 * c.outside);
  auto ids = testing::random_integers(c.n, 1, std::max(range, 1));
  const auto pad = testing::random_values(c.n, 2, 0, 1);
  for (std::int64_t n = 0; n < c.n; ++n) {
    ids[n] = pad[n] < c.pad ? 0 : ids[n] - static_cast<double>(c.outside);
  }
  return input(DType::i32, {c.n}, ids);
}

std::string text_of(const Case& c, const std::string& name, DType dtype) {
  return name + " " + name_of(dtype) + " " + std::to_string(c.n) + " ids of [" +
         std::to_string(c.rows) + ", " + std::to_string(c.cols) + "]";
}

std::vector<double> gradient(const Backend& backend, const Case& c, const Operand& ids,
                             const Operand& dy) {
  return testing::run(backend.device, {ids, dy, output(backend.dtype, {c.rows, c.cols})},
                      [&](Stream& s, auto v) {
                        if (v[2].numel() > 0) backend.run(s, v[0], v[1], v[2]);
                      })[0];
}

/// The largest number of times that an id occurs.
double longest_list(const std::vector<double>& ids) {
  std::vector<double> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  double longest = 0, length = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    length = i > 0 && sorted[i] == sorted[i - 1] ? length + 1 : 1;
    longest = std::max(longest, length);
  }
  return longest;
}

TEST_SUITE("embedding") {
  TEST_CASE("embedding copies rows; ids outside the table make theirs NaN") {
    for (const Case& c : embedding_cases::tests()) {
      for (Device device : testing::kDevices) {
        for (DType dtype : {DType::f32, DType::bf16, DType::f64}) {
          if (dtype == DType::f64 && device == Device::gpu) continue;
          const Operand ids = ids_of(c);
          const Operand w =
              input(dtype, {c.rows, c.cols}, testing::random_values(c.rows * c.cols, 3));
          const auto y = testing::run(device, {ids, w, output(dtype, {c.n, c.cols})},
                                      [](Stream& s, auto v) { embedding(s, v[0], v[1], v[2]); });
          testing::expect_close(text_of(c, name_of(device), dtype), y[0],
                                reference::embedding(ids.values, w.values, c.rows, c.cols), 0);
        }
      }
    }
  }

  TEST_CASE("every backend and rung agrees with the double reference, and bit by bit") {
    for (const Case& c : embedding_cases::tests()) {
      const Operand ids = ids_of(c);
      std::vector<std::pair<DType, std::vector<double>>> first;  // of each dtype
      for (const Backend& backend : backends()) {
        const std::string what = text_of(c, backend.name, backend.dtype);
        CAPTURE(what);
        const Operand dy =
            input(backend.dtype, {c.n, c.cols}, testing::random_values(c.n * c.cols, 4));
        const auto dw = gradient(backend, c, ids, dy);
        // 64 roundings of a part and one for each later part, of sums that grow as a random walk
        // does; and one of the result.
        const double length = longest_list(ids.values);
        const double sums =
            std::min(length, 64 + length / 64) * std::sqrt(length) * backend.roundoff;
        testing::expect_close(what, dw,
                              reference::embedding_grad(ids.values, dy.values, c.rows, c.cols),
                              sums + testing::epsilon_of(backend.dtype));
        const auto same = std::find_if(first.begin(), first.end(), [&](const auto& seen) {
          return seen.first == backend.dtype;
        });
        if (same == first.end()) {
          first.emplace_back(backend.dtype, dw);
        } else {
          CHECK(dw == same->second);
        }
      }
    }
  }

  TEST_CASE("a row's sum has the bits of its own rows of dy alone, whatever the other ids are") {
    constexpr std::int64_t kCols = 3, kOwn = 200;
    const auto own = testing::random_values(kOwn * kCols, 5);
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      std::vector<std::vector<double>> sums;
      for (std::int64_t others : {0, 1, 37, 450}) {
        // Own rows at positions spread among those of smaller and larger ids.
        const std::int64_t n = kOwn + others;
        std::vector<double> ids, dy;
        for (std::int64_t i = 0, used = 0; i < n; ++i) {
          const bool mine = (i + 1) * kOwn / n > i * kOwn / n;
          ids.push_back(mine ? 2.0 : static_cast<double>(i % 2 * 3));
          for (std::int64_t k = 0; k < kCols; ++k) {
            dy.push_back(mine ? own[used * kCols + k] : 1e10);
          }
          used += mine;
        }
        const Case c{n, 5, kCols};
        const auto dw =
            gradient(backend, c, input(DType::i32, {n}, ids), input(backend.dtype, {n, kCols}, dy));
        sums.emplace_back(dw.begin() + 2 * kCols, dw.begin() + 3 * kCols);
        CHECK(sums.back() == sums.front());
      }
    }
  }

  TEST_CASE("NaN and infinity stay in their id's row; foreign ids give nothing to any") {
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      const Case c{6, 4, 2};
      const auto dw = gradient(
          backend, c, input(DType::i32, {6}, {1, -1, 3, 1, 2147483647, -2147483647 - 1}),
          input(backend.dtype, {6, 2}, {1, NAN, NAN, NAN, INFINITY, 2, 5, 6, NAN, NAN, 7, NAN}));
      CHECK(std::isnan(dw[3]));
      CHECK(std::vector<double>{dw[0], dw[1], dw[2], dw[4], dw[5], dw[6], dw[7]} ==
            std::vector<double>{0, 0, 6, 0, 0, INFINITY, 2});
    }
  }

  TEST_CASE("views that begin in the middle of a vector load") {
    const Case c{150, 9, 8};
    const Operand ids = ids_of(c);
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      const Operand dy =
          input(backend.dtype, {c.n * c.cols + 1}, testing::random_values(c.n * c.cols + 1, 6));
      const auto y = testing::run(
          backend.device,
          {ids, dy, output(backend.dtype, {c.rows, c.cols}), output(backend.dtype, {c.n, c.cols})},
          [&](Stream& s, auto v) {
            auto* bytes = static_cast<std::byte*>(v[1].data) + size_of(backend.dtype);
            backend.run(s, v[0], View(bytes, backend.dtype, {c.n, c.cols}), v[2]);
            embedding(s, v[0], View(bytes, backend.dtype, {c.rows, c.cols}), v[3]);
          });
      const std::vector<double> shifted(dy.values.begin() + 1, dy.values.end());
      testing::expect_close("dw", y[0],
                            reference::embedding_grad(ids.values, shifted, c.rows, c.cols),
                            64 * 64 * backend.roundoff + testing::epsilon_of(backend.dtype));
      testing::expect_close("y", y[1], reference::embedding(ids.values, shifted, c.rows, c.cols),
                            0);
    }
  }

#ifdef _OPENMP
  TEST_CASE("the CPU's bits do not depend on the number of threads") {
    const Case c{5000, 300, 96, 0.6, 2};
    const Operand ids = ids_of(c);
    const Operand dy = input(DType::f32, {c.n, c.cols}, testing::random_values(c.n * c.cols, 7));
    const int threads = omp_get_max_threads();
    std::vector<std::vector<double>> results;
    for (int t : {1, 2, 3, 7}) {
      omp_set_num_threads(t);
      results.push_back(gradient(backends()[0], c, ids, dy));
      CHECK(results.back() == results.front());
    }
    omp_set_num_threads(threads);
  }
#endif

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    Stream& s = Stream::of(Device::cpu);
    float data[12] = {};
    std::int32_t numbers[4] = {};
    const View ids(numbers, DType::i32, {4}), rows(data, DType::f32, {4, 3});
    const View table(data, DType::f32, {2, 3});
    CHECK_THROWS_WITH_AS(embedding(s, ids, table, View(data, DType::f32, {4, 2})),
                         "embedding: ids are [N], their rows [N, E] and the table [V, E], not [4], "
                         "[4, 2] and [2, 3]",
                         Error);
    CHECK_THROWS_WITH_AS(embedding_grad(s, View(data, DType::f32, {4}), rows, table),
                         "embedding_grad: ids must be i32, not f32", Error);
    CHECK_THROWS_WITH_AS(embedding(s, ids, View(data, DType::bf16, {2, 3}), rows),
                         "embedding: rows are f32, the table is bf16", Error);
    CHECK_THROWS_WITH_AS(embedding(s, ids, View(data, DType::f32, {2, 3}, {1, 2}), rows),
                         "embedding: ids, rows and table must be contiguous", Error);
    CHECK_THROWS_WITH_AS(
        embedding(s, ids, View(data, DType::i32, {2, 3}), View(data, DType::i32, {4, 3})),
        "embedding: dtype i32 is not supported here", Error);
  }
}

}  // namespace
}  // namespace etude
