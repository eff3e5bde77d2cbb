// The Hopper rung of attention without a card: its schedule on a model of one, the order of its
// tiles, the operands it takes. Where there is a Hopper card, the rung too.

#include "kernels/attention/attention_hopper.h"

#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "kernels/attention/cases.h"
#include "kernels/attention/reference.h"
#include "kernels/matmul/matmul_hopper.h"
#include "tests/kernels/attention_hopper_model.h"
#include "tests/kernels/harness.h"

namespace etude {
namespace {

using attention_cases::Case;
using attention_cases::Layout;

Dims strides_of(const Case& n, std::int64_t rows, std::int64_t parts) {
  if (n.layout == Layout::packed) {
    return {rows * parts * n.H * n.D, n.D, parts * n.H * n.D, 1};
  }
  return {n.H * rows * n.D, rows * n.D, n.D, 1};
}

AttentionOptions options_of(const Case& n) {
  return {.causal = n.causal, .scale = 1 / std::sqrt(static_cast<double>(n.D))};
}

std::vector<testing::Operand> operands(const Case& n) {
  const auto random = [&](std::int64_t rows, std::uint64_t seed, double scale) {
    const Dims shape{n.B, n.H, rows, n.D};
    return testing::input(DType::bf16, shape,
                          testing::random_values(numel(shape), seed, -scale, scale),
                          strides_of(n, rows, 3));
  };
  return {random(n.T, 1, n.scale), random(n.S, 2, 1), random(n.S, 3, 1)};
}

reference::Attention<double> reference_of(const Case& n, const std::vector<testing::Operand>& o) {
  reference::Attention<double> r{.heads = n.B * n.H,
                                 .T = n.T,
                                 .S = n.S,
                                 .D = n.D,
                                 .options = options_of(n),
                                 .q = o[0].values,
                                 .k = o[1].values,
                                 .v = o[2].values};
  r.forward();
  return r;
}

/// y and lse of `run` agree with the double reference, within what the mma rung is given.
void check(Device device, const Case& n, void (*run)(Stream&, const AttentionForward&)) {
  CAPTURE(n.name());
  auto o = operands(n);
  const auto expected = reference_of(n, o);
  o.push_back(testing::output(DType::bf16, {n.B, n.H, n.T, n.D}, strides_of(n, n.T, 1)));
  o.push_back(testing::output(DType::f32, {n.B, n.H, n.T}));
  const auto actual = testing::run(device, o, [&](Stream& s, std::span<const View> v) {
    const AttentionForward p{
        .q = v[0], .k = v[1], .v = v[2], .y = v[3], .lse = v[4], .options = options_of(n)};
    CHECK(attention_hopper_suits(p));
    run(s, p);
  });
  const double sums = (32 + static_cast<double>(n.D)) * 0x1p-24 * (1 + n.scale);
  testing::expect_close("y", actual[0], expected.y, sums + 2 * 0x1p-8);
  testing::expect_close("lse", actual[1], expected.lse, sums);
}

TEST_SUITE("attention") {
  TEST_CASE(
      "hopper: the ring brings every tile once, and a block's keys before the values before") {
    for (const int blocks : {1, 2, 3, 9}) {
      std::vector<std::pair<bool, int>> expected{{false, 0}};
      for (int block = 1; block < blocks; ++block) {
        expected.emplace_back(false, block), expected.emplace_back(true, block - 1);
      }
      expected.emplace_back(true, blocks - 1);
      REQUIRE(expected.size() == 2u * blocks);
      for (int i = 0; i < 2 * blocks; ++i) {
        const HopperRingTile tile(i, blocks);
        CHECK(std::pair(tile.values, tile.block) == expected[i]);
      }
    }
  }

  TEST_CASE("hopper: on a model of the card its schedule agrees with the double reference") {
    const auto model = [](Stream&, const AttentionForward& p) {
      const bool ended = p.q.dim(3) == 64 ? testing::attention_model::run<64>(p)
                                          : testing::attention_model::run<128>(p);
      REQUIRE(ended);
    };
    // Queries and keys that fill no tile; more tiles than the ring has places; one of each.
    for (const Case& n :
         {Case{2, 2, 1, 1, 64, true, 0, 1, Layout::packed}, Case{1, 1, 3, 129, 64},
          Case{1, 2, 300, 300, 64, true, 0, 1, Layout::packed}, Case{1, 1, 130, 257, 128, true},
          Case{1, 1, 70, 1000, 128, false, 0, 30}}) {
      check(Device::cpu, n, model);
    }
  }

  TEST_CASE("hopper: takes what TMA takes") {
    alignas(16) static bf16 data[64 * 64];
    const auto view = [](Dims shape, Dims strides = {}, int offset = 0) {
      View x(data + offset, DType::bf16, shape);
      if (strides.rank) x.strides = strides;
      return x;
    };
    const auto valid = [&](const View& x) { return HopperHeads(x).valid; };
    const HopperHeads dense(view({2, 3, 5, 8})), packed(view({2, 3, 5, 8}, {360, 8, 72, 1}));
    CHECK(dense.valid);
    CHECK_FALSE(dense.heads_first);
    CHECK((dense.extents == std::array<std::uint64_t, 4>{8, 5, 3, 2}));
    CHECK((dense.strides == std::array<std::uint64_t, 3>{16, 80, 240}));
    CHECK(packed.valid);
    CHECK(packed.heads_first);
    CHECK((packed.extents == std::array<std::uint64_t, 4>{8, 3, 5, 2}));
    CHECK((packed.strides == std::array<std::uint64_t, 3>{16, 144, 720}));
    CHECK(valid(view({1, 1, 1, 8}, {0, 3, 5, 1})));            // nobody's strides
    CHECK(valid(view({2, 1, 5, 8}, {48, 7, 8, 1})));           // of one head
    CHECK(valid(view({2, 3, 1, 8}, {72, 24, 1, 1})));          // of one row
    CHECK_FALSE(valid(view({1, 2, 5, 8}, {0, 45, 9, 1})));     // rows of 18 bytes
    CHECK_FALSE(valid(view({1, 2, 5, 8}, {0, 40, 8, 1}, 1)));  // starts at an odd multiple of 2
    CHECK_FALSE(valid(view({1, 2, 5, 8}, {0, 40, 0, 1})));     // one row for all
    CHECK_FALSE(valid(view({2, 2, 5, 8}, {0, 40, 8, 1})));     // one sequence for all
    CHECK_FALSE(valid(view({1, 2, 5, 16}, {0, 40, 8, 1})));    // rows overlap
    CHECK_FALSE(valid(view({1, 2, 5, 8}, {0, 56, 16, 1})));    // heads by 3.5 rows
    CHECK_FALSE(valid(view({1, 2, 0, 8})));

    AttentionForward p{.q = view({1, 1, 2, 64}),
                       .k = view({1, 1, 2, 64}),
                       .v = view({1, 1, 2, 64}),
                       .y = view({1, 1, 2, 64}),
                       .lse = View(data, DType::f32, {1, 1, 2}),
                       .options = {}};
    const auto suits_with = [&](auto change) {
      AttentionForward other = p;
      change(other);
      return attention_hopper_suits(other);
    };
    CHECK(attention_hopper_suits(p));
    CHECK_FALSE(suits_with([](auto& x) { x.options.dropout = 0.1; }));
    CHECK_FALSE(suits_with([](auto& x) { x.options.scale = -1; }));
    CHECK_FALSE(suits_with([](auto& x) { x.options.scale = 0; }));
    CHECK_FALSE(suits_with([&](auto& x) { x.y = view({1, 1, 2, 64}, {0, 0, 65, 1}); }));
    CHECK_FALSE(suits_with([&](auto& x) { x.q = x.k = x.v = x.y = view({1, 1, 2, 32}); }));
    CHECK_FALSE(suits_with([&](auto& x) { x.k = x.v = view({1, 1, 0, 64}); }));
    CHECK_FALSE(suits_with([](auto& x) { x.q.dtype = x.k.dtype = x.v.dtype = DType::f32; }));
  }

  TEST_CASE("hopper: on a card it agrees with the double reference" *
            doctest::skip(!hopper_available())) {
    // Then many heads and blocks at once, and rings that go round several times.
    for (const Layout layout : {Layout::dense, Layout::packed}) {
      for (const std::int64_t D : {64, 128}) {
        for (const bool causal : {false, true}) {
          for (const Case& n : {Case{1, 1, 1, 1, D}, Case{1, 1, 64, 128, D},
                                Case{1, 1, 128, 128, D}, Case{2, 3, 31, 33, D},
                                Case{1, 1, 129, 1025, D}, Case{1, 1, 128, 1024, D, false, 0, 30},
                                Case{2, 3, 700, 700, D}, Case{7, 9, 400, 500, D}}) {
            Case one = n;
            one.causal = causal, one.layout = layout;
            check(Device::gpu, one, attention_hopper);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace etude
