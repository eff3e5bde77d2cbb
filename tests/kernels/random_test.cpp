#include "kernels/random/random.h"

#include <doctest/doctest.h>

#include <cmath>

#include "kernels/random/box_muller.h"
#include "kernels/random/cases.h"
#include "kernels/random/philox_batch.h"
#include "kernels/random/reference.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using random_cases::Case;
using testing::in_out;
using testing::input;
using testing::output;

constexpr PhiloxKey kKey{.seed = 0x123456789abcdef0, .stream = 77, .offset = 0xfffffffe};

/// Calls body(device, dtype, case) for all that the backends offer.
template <class Body>
void for_all(Body body) {
  for (const Case& c : random_cases::tests()) {
    CAPTURE(c.n);
    CAPTURE(c.group);
    CAPTURE(c.p);
    body(Device::cpu, DType::f32, c);
    body(Device::cpu, DType::f64, c);
    body(Device::gpu, DType::f32, c);
  }
}

std::vector<double> filled(Device device, DType dtype, std::int64_t n, bool normal, double a,
                           double b) {
  return testing::run(device, {output(dtype, {n})}, [=](Stream& s, auto v) {
    (normal ? fill_normal : fill_uniform)(s, kKey, v[0], a, b);
  })[0];
}

/// Pearson's statistic of values in [0, 1) over equal bins, in standard deviations from its mean.
double chi_square(const std::vector<double>& values, int bins) {
  std::vector<double> count(bins);
  for (double value : values) ++count[std::min(bins - 1, static_cast<int>(value * bins))];
  const double expected = static_cast<double>(values.size()) / bins;
  double sum = 0;
  for (double n : count) sum += (n - expected) * (n - expected) / expected;
  return (sum - (bins - 1)) / std::sqrt(2.0 * (bins - 1));
}

TEST_SUITE("random") {
  TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
    const auto check = [](const PhiloxKey& key, const Philox4& expected) {
      const Philox4 one = philox(key, 0);
      std::uint32_t batch[cpu::kBatchWords];
      cpu::philox_batch(key, 0, batch);
      for (int w = 0; w < 4; ++w) {
        CHECK(one.word[w] == expected.word[w]);
        CHECK(batch[w] == expected.word[w]);
      }
    };
    check({0, 0, 0}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
    check({~0ull, ~0ull, ~0ull}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
    check({0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88},  // digits of pi
          {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
  }

  TEST_CASE("a batch is the blocks one by one, also where the counter's halves carry") {
    for (std::uint64_t offset : {0ull, 0xfffffff8ull, 0xfffffffffffffff8ull}) {
      const PhiloxKey key{.seed = 5, .stream = 0x100000002, .offset = offset};
      std::uint32_t batch[cpu::kBatchWords];
      cpu::philox_batch(key, 3, batch);
      for (int i = 0; i < cpu::kBatchBlocks; ++i) {
        const Philox4 block = philox(key, 3 + i);
        for (int w = 0; w < 4; ++w) CHECK(batch[4 * i + w] == block.word[w]);
      }
    }
  }

  TEST_CASE("uniform: element i is draw i, exactly") {
    for_all([](Device device, DType dtype, const Case& c) {
      std::vector<double> expected;
      for (std::int64_t i = 0; i < c.n; ++i) {
        expected.push_back(3.5 * uniform01(reference::draw(kKey, i)) - 1.25);
      }
      // f32 rounds once what is exact in double here.
      const auto rounded = input(dtype, {c.n}, expected).values;
      testing::expect_close("uniform", filled(device, dtype, c.n, false, -1.25, 2.25), rounded, 0);
    });
  }

  TEST_CASE("normal: within 4 ulp of Box-Muller in double, the same bits on both devices") {
    for_all([](Device device, DType dtype, const Case& c) {
      std::vector<double> expected;
      for (std::int64_t i = 0; i < c.n; ++i) {
        expected.push_back(reference::standard_normal(kKey, i));
      }
      testing::expect_close("normal", filled(device, dtype, c.n, true, 0, 1), expected, 4 * 0x1p-23,
                            1e-30);
    });
    const auto on_cpu = filled(Device::cpu, DType::f32, 10007, true, 0.5, 2);
    const auto on_gpu = filled(Device::gpu, DType::f32, 10007, true, 0.5, 2);
#ifdef __FMA__
    const double tolerance = 0;
#else
    const double tolerance = 4 * 0x1p-23;
#endif
    testing::expect_close("cpu and gpu", on_gpu, on_cpu, tolerance, 4);
    for (int i : {0, 1, 5000}) {
      CHECK(on_cpu[i] == doctest::Approx(0.5 + 2 * reference::standard_normal(kKey, i)));
    }
  }

  TEST_CASE("normal: the ends of the words give finite values with the right tails") {
    for (std::uint32_t a : {0u, 1u, 2u, 0x7fffffffu, 0x80000000u, 0xfffffffeu, 0xffffffffu}) {
      for (std::uint32_t b = 0; b < 64; ++b) {
        for (std::uint32_t near : {0u, 1u, 0xffffffffu}) {
          const std::uint32_t word1 = (b << 26) + near;
          const NormalPair pair = box_muller(a, word1);
          const double r = std::sqrt(-2 * std::log(reference::box_muller_uniform(a)));
          const double angle = 2 * std::acos(-1.0) * word1 * 0x1p-32;
          CHECK(std::abs(pair.first - r * std::cos(angle)) <= 4 * 0x1p-23 * r);
          CHECK(std::abs(pair.second - r * std::sin(angle)) <= 4 * 0x1p-23 * r);
        }
      }
    }
    CHECK(box_muller(0, 0).first == doctest::Approx(6.66).epsilon(0.001));
  }

  TEST_CASE("moments and a chi-square test, over sizes that several threads share") {
    constexpr int kN = 1 << 18;
    auto values = filled(Device::cpu, DType::f32, kN, false, 0, 1);
    CHECK(std::abs(chi_square(values, 256)) < 4);
    values = filled(Device::cpu, DType::f32, kN, true, 0, 1);
    double moments[5] = {};
    for (double& value : values) {
      for (int k = 1; k <= 4; ++k) moments[k] += std::pow(value, k) / kN;
      value = 0.5 * std::erfc(-value / std::sqrt(2.0));  // uniform, if value is normal
    }
    const double sigma = 1 / std::sqrt(1.0 * kN);  // times the sd of x, x^2, x^3, x^4
    CHECK(std::abs(moments[1]) < 4 * sigma);
    CHECK(std::abs(moments[2] - 1) < 4 * sigma * std::sqrt(2));
    CHECK(std::abs(moments[3]) < 4 * sigma * std::sqrt(15));
    CHECK(std::abs(moments[4] - 3) < 4 * sigma * std::sqrt(96));
    CHECK(std::abs(chi_square(values, 256)) < 4);
  }

  TEST_CASE("dropout and its gradient agree with the reference, also in place and unaligned") {
    for_all([](Device device, DType dtype, const Case& c) {
      const auto x = input(dtype, {c.n}, testing::random_values(c.n, 1));
      const auto dy = input(dtype, {c.n}, testing::random_values(c.n, 2));
      const auto y =
          testing::run(device,
                       {x, dy, output(dtype, {c.n}), output(dtype, {c.n}),
                        in_out(dtype, {c.n}, x.values), output(dtype, {c.n + 1})},
                       [&](Stream& s, auto v) {
                         dropout(s, kKey, v[0], v[2], c.p, c.group, c.slope);
                         dropout_grad(s, kKey, v[1], v[0], v[3], c.p, c.group, c.slope);
                         dropout(s, kKey, v[4], v[4], c.p, c.group, c.slope);
                         void* second = static_cast<char*>(v[5].data) + size_of(dtype);
                         dropout(s, kKey, v[0], View(second, dtype, {c.n}), c.p, c.group, c.slope);
                       });
      const auto expected = reference::dropout(kKey, x.values, c.p, c.group, c.slope);
      const double tolerance = 4 * testing::epsilon_of(dtype);
      testing::expect_close("dropout", y[0], expected, tolerance, 1e-30);
      testing::expect_close("dropout in place", y[2], expected, tolerance, 1e-30);
      testing::expect_close("dropout unaligned", {y[3].begin() + 1, y[3].end()}, expected,
                            tolerance, 1e-30);
      const auto dx = reference::dropout_grad(kKey, dy.values, x.values, c.p, c.group, c.slope);
      testing::expect_close("dropout_grad", y[1], dx, tolerance, 1e-30);
    });
  }

  TEST_CASE("dropout keeps the share it should, at sizes that several threads share") {
    constexpr int kN = 100003;
    const auto x = input(DType::f32, {kN}, std::vector<double>(kN, 1.0));
    for (std::int64_t group : {1, 7}) {
      const auto y =
          testing::run(Device::cpu, {x, output(DType::f32, {kN})},
                       [&](Stream& s, auto v) { dropout(s, kKey, v[0], v[1], 0.3, group, 1); })[0];
      testing::expect_close("dropout", y, reference::dropout(kKey, x.values, 0.3, group, 1), 1e-6);
      double mean = 0;
      for (double value : y) mean += value / kN;
      CHECK(std::abs(mean - 1) < 4 * std::sqrt(0.3 / 0.7 * group / kN));
    }
  }

  TEST_CASE("philox_blocks") {
    CHECK(philox_blocks(0) == 0);
    CHECK(philox_blocks(1) == 1);
    CHECK(philox_blocks(4) == 1);
    CHECK(philox_blocks(5) == 2);
  }

  TEST_CASE("wrong arguments are answered by an Error that names them") {
    float data[6] = {};
    const View x(data, DType::f32, {2, 3}), y(data, DType::f32, {6});
    const View strided(data, DType::f32, {2, 3}, {1, 2});
    Stream& s = Stream::of(Device::cpu);
    CHECK_THROWS_WITH_AS(
        fill_normal(s, kKey, strided, 0, 1),
        "fill_normal: y must be contiguous, not of shape [2, 3] and strides [1, 2]", Error);
    CHECK_THROWS_WITH_AS(dropout(s, kKey, x, y, 0.5, 1, 1),
                         "dropout: one shape and dtype, not [2, 3] f32 and [6] f32", Error);
    CHECK_THROWS_WITH_AS(dropout(s, kKey, x, x, 1.5, 1, 1), "dropout: p must be in [0, 1], not 1.5",
                         Error);
    CHECK_THROWS_WITH_AS(dropout(s, kKey, x, x, 0.5, 0, 1),
                         "dropout: group must be at least 1, not 0", Error);
  }
}

}  // namespace
}  // namespace etude
