// mma.h: the lane maps against a second statement of them, products and loads against plain loops;
// on a card too.

#include "kernels/core/mma.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/simt/simt.h"
#include "tests/kernels/harness.h"

namespace etude {
// Kernels are outside the unnamed namespace: nvcc would warn of the unused ones.
namespace mma_kernels {

/// c [16, 8] += a [16, depth] * b [depth, 8], all row-major, by one warp and one instruction.
template <class Shape, class T>
__global__ void __launch_bounds__(32) product(const T* a, const T* b, float* c) {
  launch_bound(32);
  const int lane = static_cast<int>(threadIdx.x);
  const auto element = [](const T* x, FragmentPlace at, int cols) {
    return x[at.row * cols + at.col];
  };
  std::uint32_t a_words[4], b_words[2];
  float sum[4];
  for (int i = 0; i < 4; ++i) {
    const FragmentPlace at = accumulator_place(lane, i);
    sum[i] = c[at.row * 8 + at.col];
  }
  if constexpr (sizeof(T) == 2) {
    for (int w = 0; w < 4; ++w)
      a_words[w] = pack_bf16(element(a, Shape::a_place(lane, 2 * w), Shape::kDepth),
                             element(a, Shape::a_place(lane, 2 * w + 1), Shape::kDepth));
    for (int w = 0; w < 2; ++w) {  // without pack_bf16: two swaps in it would cancel out
      b_words[w] = element(b, Shape::b_place(lane, 2 * w + 1), 8).bits;
      b_words[w] = b_words[w] << 16 | element(b, Shape::b_place(lane, 2 * w), 8).bits;
    }
    mma_bf16(sum, a_words, b_words);
  } else {
    for (int w = 0; w < 4; ++w)
      a_words[w] = std::bit_cast<std::uint32_t>(element(a, Shape::a_place(lane, w), Shape::kDepth));
    for (int w = 0; w < 2; ++w)
      b_words[w] = std::bit_cast<std::uint32_t>(element(b, Shape::b_place(lane, w), 8));
    mma_tf32(sum, a_words, b_words);
  }
  for (int i = 0; i < 4; ++i) {
    const FragmentPlace at = accumulator_place(lane, i);
    c[at.row * 8 + at.col] = sum[i];
  }
}

constexpr int kRow = 40;  // 2-byte elements from row to row of the matrices: 80 bytes

/// Four 8 x 8 matrices, row r of matrix i at x[(8 i + r) kRow], to word i of each lane.
template <bool Transposed>
__global__ void __launch_bounds__(32) load(const bf16* x, std::int32_t* words) {
  launch_bound(32);
  struct Smem {
    bf16 x[32 * kRow];
  };
  auto& s = shared<Smem>();
  const unsigned lane = threadIdx.x;
  for (unsigned i = lane; i < 32 * kRow; i += 32) s.x[i] = x[i];
  __syncwarp();
  std::uint32_t mine[4];
  load_matrices<Transposed>(mine, &s.x[lane * kRow]);
  for (unsigned i = 0; i < 4; ++i) words[i * 32 + lane] = static_cast<std::int32_t>(mine[i]);
}

/// The address of lane 5 is wrong: two bytes off, or not in shared memory.
__global__ void __launch_bounds__(32) load_wrong(bf16* global, bool outside) {
  launch_bound(32);
  struct Smem {
    alignas(16) bf16 x[32 * kRow];
  };
  auto& s = shared<Smem>();
  const bf16* row = &s.x[threadIdx.x * kRow];
  if (threadIdx.x == 5) row = outside ? global : row + 1;
  std::uint32_t words[4];
  load_matrices(words, row);
}

__global__ void __launch_bounds__(256) round_to_tf32(const float* x, float* y, int n) {
  launch_bound(256);
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) y[i] = std::bit_cast<float>(to_tf32(x[i]));
}

}  // namespace mma_kernels

namespace {

using testing::in_out;
using testing::input;
using testing::output;

constexpr LaunchConfig warp() { return {.grid = 1, .block = 32}; }

/// The maps as the PTX ISA states them, with groupID = lane >> 2 and threadID_in_group = lane % 4.
FragmentPlace stated_bf16_a(int lane, int i) {
  const int group = lane >> 2, thread = lane & 3;
  const int row = (i == 0 || i == 1 || i == 4 || i == 5) ? group : group + 8;
  return {row, i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8};
}
FragmentPlace stated_bf16_b(int lane, int i) {
  const int group = lane >> 2, thread = lane & 3;
  return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group};
}
FragmentPlace stated_tf32_a(int lane, int i) {
  const int group = lane >> 2, thread = lane & 3;
  return {i == 0 || i == 2 ? group : group + 8, i == 0 || i == 1 ? thread : thread + 4};
}
FragmentPlace stated_tf32_b(int lane, int i) {
  const int group = lane >> 2, thread = lane & 3;
  return {i == 0 ? thread : thread + 4, group};
}
FragmentPlace stated_c(int lane, int i) {
  const int group = lane >> 2, thread = lane & 3;
  return {i < 2 ? group : group + 8, thread * 2 + (i & 1)};
}

using Map = FragmentPlace (*)(int lane, int i);

void check_map(const char* name, Map map, Map stated, int elements, int rows, int cols) {
  CAPTURE(std::string(name));
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < elements; ++i) {
      CAPTURE(lane);
      CAPTURE(i);
      const FragmentPlace at = map(lane, i);
      CHECK(at == stated(lane, i));
      CHECK((at.row >= 0 && at.row < rows && at.col >= 0 && at.col < cols));
      seen.insert({at.row, at.col});
    }
  }
  CHECK(static_cast<int>(seen.size()) == rows * cols);  // each place once
  CHECK(32 * elements == rows * cols);
}

/// Small integers, so that each product and sum is exact, and no two rows or columns are alike.
std::vector<double> integers(int n, int factor, int modulus) {
  std::vector<double> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = i * factor % modulus - modulus / 2;
  return x;
}

template <class Shape, class T>
void check_product(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  constexpr int K = Shape::kDepth;
  const std::vector<double> c = integers(16 * 8, 1, 1000);
  const auto y =
      testing::run(Device::gpu,
                   {input(dtype_of<T>, {16, K}, a), input(dtype_of<T>, {K, 8}, b),
                    in_out(DType::f32, {16, 8}, c)},
                   [](Stream& s, auto v) {
                     launch(s, warp(), mma_kernels::product<Shape, T>, v[0].template as<T>(),
                            v[1].template as<T>(), v[2].template as<float>());
                   })[0];
  std::vector<double> expected = c;
  for (int m = 0; m < 16; ++m)
    for (int n = 0; n < 8; ++n)
      for (int k = 0; k < K; ++k)
        expected[static_cast<std::size_t>(m * 8 + n)] +=
            a[static_cast<std::size_t>(m * K + k)] * b[static_cast<std::size_t>(k * 8 + n)];
  testing::expect_close("mma", y, expected, tolerance);
}

TEST_SUITE("mma") {
  TEST_CASE("the lane maps are those of the PTX ISA, and name each element once") {
    check_map("bf16 a", Bf16Mma::a_place, stated_bf16_a, 8, 16, 16);
    check_map("bf16 b", Bf16Mma::b_place, stated_bf16_b, 4, 16, 8);
    check_map("tf32 a", Tf32Mma::a_place, stated_tf32_a, 4, 16, 8);
    check_map("tf32 b", Tf32Mma::b_place, stated_tf32_b, 2, 8, 8);
    check_map("c", accumulator_place, stated_c, 4, 16, 8);
  }

  TEST_CASE("mma_bf16 is the product of its matrices") {
    // Up to 127: 8 bits, exact in bf16.
    check_product<Bf16Mma, bf16>(integers(16 * 16, 37, 251), integers(16 * 8, 29, 127), 0);
  }

  TEST_CASE("mma_tf32 is the product of its matrices") {
    check_product<Tf32Mma, float>(integers(16 * 8, 37, 251), integers(8 * 8, 29, 127), 0);
  }

  TEST_CASE("mma_tf32 cuts the factors off after 10 bits of mantissa") {
    std::vector<double> a = integers(16 * 8, 37, 251), b = integers(8 * 8, 29, 127);
    const std::vector<double> cut_a = a, cut_b = b;
    for (double& x : a) x *= 1 + 0x1.fp-12;  // less than a unit of the 10th bit
    for (double& x : b) x *= 1 + 0x1.fp-12;
    const auto cut = [](const std::vector<double>& x) {
      std::vector<double> y;
      for (double v : x) {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(v)) & ~0x1fffu;
        y.push_back(std::bit_cast<float>(bits));
      }
      return y;
    };
    CHECK(cut(a) == cut_a);
    CHECK(cut(b) == cut_b);
    const auto product = [](const std::vector<double>& x, const std::vector<double>& y) {
      return testing::run(Device::gpu,
                          {input(DType::f32, {16, 8}, x), input(DType::f32, {8, 8}, y),
                           in_out(DType::f32, {16, 8}, std::vector<double>(128, 0))},
                          [](Stream& s, auto v) {
                            launch(s, warp(), mma_kernels::product<Tf32Mma, float>,
                                   v[0].template as<float>(), v[1].template as<float>(),
                                   v[2].template as<float>());
                          })[0];
    };
    CHECK(product(a, b) == product(cut_a, cut_b));
  }

  TEST_CASE("to_tf32 rounds to nearest, ties away from zero; infinity and NaN stay") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const std::vector<double> x = {0,
                                   1,
                                   1 + 0x1p-11,
                                   -1 - 0x1p-11,
                                   1 + 0x1.ffcp-12,
                                   1 + 0x1.8p-10,
                                   1 + 0x1.4p-10,
                                   0x1.ffep0 + 0x1p-11 + 0x1p-12,
                                   0x1.fffffep127,
                                   0x1p-149,
                                   kInfinity,
                                   -kInfinity,
                                   NAN};
    const std::vector<double> expected = {0,          1,           1 + 0x1p-10, -1 - 0x1p-10, 1,
                                          1 + 0x1p-9, 1 + 0x1p-10, 2,           kInfinity,    0,
                                          kInfinity,  -kInfinity,  NAN};
    const auto n = static_cast<std::int64_t>(x.size());
    const auto y = testing::run(
        Device::gpu, {input(DType::f32, {n}, x), output(DType::f32, {n})}, [&](Stream& s, auto v) {
          launch(s, {.grid = 1, .block = 256}, mma_kernels::round_to_tf32,
                 v[0].template as<float>(), v[1].template as<float>(), x.size());
        })[0];
    testing::expect_close("to_tf32", y, expected, 0);
  }

  TEST_CASE("load_matrices hands each lane its elements, also transposed") {
    using mma_kernels::kRow;
    std::vector<double> x(32 * kRow);  // matrix i, row r, column c: 64 i + 8 r + c, exact in bf16
    for (int row = 0; row < 32; ++row)
      for (int c = 0; c < kRow; ++c)
        x[static_cast<std::size_t>(row * kRow + c)] = c < 8 ? row * 8 + c : -1;
    const auto words = [&](auto kernel) {
      return testing::run(
          Device::gpu, {input(DType::bf16, {32, kRow}, x), output(DType::i32, {4, 32})},
          [&](Stream& s, auto v) {
            launch(s, warp(), kernel, v[0].template as<bf16>(), v[1].template as<std::int32_t>());
          })[0];
    };
    const auto straight = words(mma_kernels::load<false>);
    const auto transposed = words(mma_kernels::load<true>);
    const auto halves = [](double word) {
      const auto bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(word));
      return std::pair{std::bit_cast<float>(bits << 16), std::bit_cast<float>(bits & 0xffff0000u)};
    };
    for (int i = 0; i < 4; ++i) {
      for (int lane = 0; lane < 32; ++lane) {
        CAPTURE(i);
        CAPTURE(lane);
        const auto at = static_cast<std::size_t>(i * 32 + lane);
        const int group = lane >> 2, pair = (lane & 3) * 2;
        CHECK(halves(straight[at]).first == 64 * i + 8 * group + pair);
        CHECK(halves(straight[at]).second == 64 * i + 8 * group + pair + 1);
        CHECK(halves(transposed[at]).first == 64 * i + 8 * pair + group);
        CHECK(halves(transposed[at]).second == 64 * i + 8 * (pair + 1) + group);
      }
    }
  }

  TEST_CASE("load_matrices refuses an address that is not aligned or not in shared memory") {
    if (!simt::active()) return;  // a card would take the process's context with it
    Stream& s = Stream::of(Device::gpu);
    bf16 outside[32] = {};
    const auto run_wrong = [&](bool from_global) {
      launch(s, warp(), mma_kernels::load_wrong, &outside[0], from_global);
      s.synchronize();
    };
    CHECK_THROWS_WITH_AS(run_wrong(false), doctest::Contains("not aligned"), Error);
    CHECK_THROWS_WITH_AS(run_wrong(true), doctest::Contains("not in shared memory"), Error);
  }
}

}  // namespace
}  // namespace etude
