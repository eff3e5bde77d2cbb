// What of the Hopper rung can be tested without a card: its descriptors against the layouts of the
// PTX ISA, the order of its tiles, the parities of its ring, the operands it takes.
// Where there is a Hopper card, the rung too.

#include "kernels/matmul/matmul_hopper.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "kernels/matmul/reference.h"
#include "tests/kernels/harness.h"
#include "tests/kernels/hopper_model.h"

namespace etude {
namespace {

using testing::Fields;
using testing::operand_address;
using testing::swizzled;

/// Element (outer, k) of an operand, as a number that no other has.
int element(int outer, int k) { return outer * 1000 + k + 1; }

/// What TMA leaves in shared memory for `panels` boxes of 64 x 64 from `base` on: a box's lines one
/// after the other, each 128 bytes.
std::vector<int> copied(Major major, int panels, std::uint32_t base) {
  std::vector<int> memory((base + panels * kPanelBytes) / 2, 0);
  for (int panel = 0; panel < panels; ++panel) {
    for (int line = 0; line < 64; ++line) {
      for (int i = 0; i < 64; ++i) {
        const auto address = base + panel * kPanelBytes + line * 128 + i * 2;
        memory[swizzled(address) / 2] =
            major == Major::k ? element(panel * 64 + line, i) : element(panel * 64 + i, line);
      }
    }
  }
  return memory;
}

/// A barrier of the card in plain numbers: a phase ends with the last of its arrivals.
struct Barrier {
  int arrivals, pending = arrivals, phase = 0;
  void arrive() {
    REQUIRE(pending > 0);
    if (--pending == 0) pending = arrivals, ++phase;
  }
  /// Over is the phase before the current one, or (the first wait) a phase -1.
  bool over(std::uint32_t parity) const {
    return static_cast<std::uint32_t>(phase + 1) % 2 == parity;
  }
};

constexpr int kStages = 4, kConsumers = 8;

/// The rung's copying thread and its multiplying warps, one of them moved on at a time.
struct RingModel {
  std::vector<Barrier> full{kStages, Barrier{1}}, empty{kStages, Barrier{kConsumers}};
  int content[kStages] = {-1, -1, -1, -1};
  int readers[kStages] = {};  // warps whose products may still read the stage
  struct Party {
    RingPlace<kStages> ring;
    int step = 0, before = 0;
  } producer, consumers[kConsumers];

  /// Each returns whether it could move.
  bool produce(int steps) {
    auto& [ring, step, before] = producer;
    if (step == steps || !empty[ring.stage].over(ring.phase ^ 1)) return false;
    REQUIRE(readers[ring.stage] == 0);
    content[ring.stage] = step++;
    readers[ring.stage] = kConsumers;
    full[ring.stage].arrive();
    ring.advance();
    return true;
  }
  bool consume(int who, int steps, int steps_per_tile) {
    auto& [ring, step, before] = consumers[who];
    if (step == steps || !full[ring.stage].over(ring.phase)) return false;
    REQUIRE(content[ring.stage] == step);
    if (step % steps_per_tile > 0) {  // the products of `step` are issued, those before waited for
      --readers[before];
      empty[before].arrive();
    }
    before = ring.stage;
    ring.advance();
    if (++step % steps_per_tile == 0) {  // the tile's last products are waited for
      --readers[before];
      empty[before].arrive();
    }
    return true;
  }
};

TEST_SUITE("matmul") {
  TEST_CASE("hopper: a descriptor's fields stand where the PTX ISA says") {
    for (const std::uint32_t address : {0u, 0x400u, 0x2020u, 0x38c60u}) {
      const Fields k(panel_descriptor(Major::k, address, 0));
      CHECK(k.start == address);
      CHECK(k.stride == 1024);
      const Fields mn(panel_descriptor(Major::mn, address, 0));
      CHECK(mn.start == address);
      CHECK(mn.leading == 8192);
      CHECK(mn.stride == 1024);
      for (const Fields& f : {k, mn}) {
        CHECK(f.swizzle == 1);
        CHECK(f.base_offset == 0);
      }
    }
    const std::uint64_t used = 0x3fffull | 0x3fffull << 16 | 0x3fffull << 32 | 3ull << 62;
    CHECK((matrix_descriptor(0xffffffff, 0xffffffff, 0xffffffff) & ~used) == 0);
  }

  TEST_CASE("hopper: wgmma finds every element where TMA has put it") {
    constexpr std::uint32_t base = 3 * kSwizzleBytes;
    for (const Major major : {Major::k, Major::mn}) {
      const auto memory = copied(major, 4, base);
      // a: 64 rows of one panel, the second warpgroup's from the second on; b: 256 columns.
      for (const auto& [panel, extent] : {std::pair{0, 64}, {1, 64}, {0, 256}}) {
        int misplaced = 0;
        for (int step = 0; step < 4; ++step) {
          const Fields at(panel_descriptor(major, base + panel * kPanelBytes, step));
          for (int outer = 0; outer < extent; ++outer) {
            for (int k = 0; k < kWgmmaDepth; ++k) {
              const auto found = memory.at(operand_address(major, at, outer, k) / 2);
              misplaced += found != element(panel * 64 + outer, step * kWgmmaDepth + k);
            }
          }
        }
        CHECK(misplaced == 0);
      }
    }
  }

  TEST_CASE("hopper: every tile comes once, and neighbours in time are neighbours in c") {
    const auto tiles = [](std::int64_t batch, std::int64_t m, std::int64_t n) {
      return HopperTiles({.batch = batch, .m = m, .n = n, .k = 1, .a = {}, .b = {}});
    };
    for (const HopperTiles& x :
         {tiles(1, 1, 1), tiles(1, 128, 257), tiles(3, 129, 256), tiles(1, 128 * 16, 256 * 5),
          tiles(2, 128 * 16 + 1, 256 * 7), tiles(1, 128 * 37, 900), tiles(5, 4000, 1)}) {
      std::set<std::array<int, 3>> seen;
      for (int i = 0; i < x.count(); ++i) {
        const auto [batch, row, col] = x.place(i);
        CHECK(batch >= 0);
        CHECK(batch < x.batch);
        CHECK(row % 128 == 0);
        CHECK(row / 128 < x.down);
        CHECK(col % 256 == 0);
        CHECK(col / 256 < x.across);
        seen.insert({batch, row, col});
      }
      CHECK(static_cast<std::int64_t>(seen.size()) == x.count());
      CHECK(x.count() == std::int64_t{x.batch} * x.down * x.across);
    }
    // 132 blocks at once, 8192 x 8192: at most 16 rows and 10 columns of tiles.
    const HopperTiles large = tiles(1, 8192, 8192);
    for (int first = 0; first + 132 <= large.count(); first += 132) {
      int top = 1 << 30, bottom = 0, left = 1 << 30, right = 0;
      for (int i = first; i < first + 132; ++i) {
        const auto [batch, row, col] = large.place(i);
        top = std::min(top, row), bottom = std::max(bottom, row);
        left = std::min(left, col), right = std::max(right, col);
      }
      if (first / (16 * 32) == (first + 131) / (16 * 32)) {  // all in one band
        CHECK(bottom - top < 16 * 128);
        CHECK(right - left < 10 * 256);
      }
    }
  }

  TEST_CASE("hopper: no stage is overwritten while it is read, none is read too early or twice") {
    for (const int steps_per_tile : {1, 2, 4, 5, 11}) {
      const int steps = steps_per_tile * 13;
      for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random(seed);
        RingModel model;
        int moved = 0, idle = 0;
        while (moved < steps * (1 + kConsumers)) {
          // One party runs as far as it goes: producer and consumers far ahead and far behind.
          const int who = static_cast<int>(random() % (1 + kConsumers));
          const int most = 1 + static_cast<int>(random() % 6);
          int run = 0;
          while (run < most && (who == kConsumers ? model.produce(steps)
                                                  : model.consume(who, steps, steps_per_tile))) {
            ++run;
          }
          moved += run;
          idle = run ? 0 : idle + 1;
          REQUIRE(idle < 10000);  // nobody can move: a deadlock
        }
        for (const int readers : model.readers) CHECK(readers == 0);
      }
    }
  }

  TEST_CASE("hopper: takes what TMA takes") {
    alignas(16) static const bf16 data[64] = {};
    const auto view = [](Dims shape, Dims strides = {}, int offset = 0, DType dtype = DType::bf16) {
      View x(const_cast<bf16*>(data) + offset, dtype, shape);
      if (strides.rank) x.strides = strides;
      return x;
    };
    const auto suits = [&](const View& a, const View& b) {
      Dims shape{a.dim(a.rank() - 2), b.dim(b.rank() - 1)};
      if (a.rank() == 3) shape = {a.dim(0), shape[0], shape[1]};
      return matmul_hopper_suits(a, b, view(shape, {}, 0, a.dtype), {});
    };
    CHECK(suits(view({5, 16}), view({16, 24})));
    CHECK(suits(view({8, 3}, {1, 8}), view({3, 5}, {1, 8})));
    CHECK_FALSE(suits(view({5, 12}), view({12, 24})));          // rows of 24 bytes
    CHECK(suits(view({5, 12}, {16, 1}), view({12, 24})));       // with gaps, 32
    CHECK_FALSE(suits(view({5, 16}, {}, 1), view({16, 24})));   // starts at an odd multiple of 2
    CHECK_FALSE(suits(view({5, 16}, {0, 1}), view({16, 24})));  // one row for all
    CHECK_FALSE(suits(view({5, 16}, {8, 1}), view({16, 24})));  // rows overlap
    CHECK_FALSE(suits(view({5, 0}), view({0, 24})));
    CHECK_FALSE(suits(view({5, 16}, {}, 0, DType::f32), view({16, 24}, {}, 0, DType::f32)));
    CHECK_FALSE(matmul_hopper_suits(view({8, 8}), view({8, 8}), view({8, 8}), {.alpha = 0}));
    // batches: shared, by whole lines apart, and not
    CHECK(suits(view({3, 8, 8}, {64, 1, 8}), view({3, 8, 8}, {0, 8, 1})));
    CHECK(suits(view({3, 8, 8}), view({3, 8, 8}, {72, 8, 1})));
    CHECK_FALSE(suits(view({3, 8, 8}), view({3, 8, 8}, {65, 8, 1})));
    CHECK(suits(view({3, 8, 8}), view({3, 8, 8}, {144, 16, 1})));
    CHECK_FALSE(suits(view({3, 8, 8}), view({3, 8, 8}, {136, 16, 1})));  // by 8.5 lines
    CHECK_FALSE(suits(view({3, 8, 8}), view({3, 8, 8}, {8, 24, 1})));    // side by side
    CHECK_FALSE(suits(view({3, 8, 8}), view({3, 8, 8}, {56, 8, 1})));    // overlap

    const auto operand = [](const MatrixStrides& s, std::int64_t rows, std::int64_t cols, bool a,
                            std::int64_t batch = 1) {
      return HopperOperand(View(const_cast<bf16*>(data), DType::bf16, {rows, cols}), s, batch, rows,
                           cols, a);
    };
    const HopperOperand a = operand({16, 1, 0}, 5, 16, true), at = operand({1, 8, 0}, 5, 16, true);
    CHECK(a.major == Major::k);
    CHECK(a.along == 16);
    CHECK(a.across == 5);
    CHECK(a.line_bytes == 32);
    CHECK(a.batch_bytes == 5 * 32);
    CHECK(at.major == Major::mn);
    CHECK(at.along == 5);
    CHECK(at.line_bytes == 16);
    CHECK(at.batch_bytes == 16 * 16);
    CHECK(operand({16, 1, 0}, 5, 16, true, 3).batch_bytes == 5 * 32);
    CHECK(operand({16, 1, 96}, 5, 16, true, 3).batch_bytes == 6 * 32);
    CHECK(operand({24, 1, 0}, 16, 24, false).major == Major::mn);
    CHECK(operand({1, 16, 0}, 16, 24, false).major == Major::k);
  }

  TEST_CASE("hopper: on a card, every layout, edge and epilogue agrees with the double reference") {
    if (!hopper_available()) return;
    struct Shape {
      std::int64_t batch, m, n, k;
    };
    // One tile; steps that lap the ring; edges; more tiles than processors, so that blocks go on to
    // further tiles with the ring in mid-lap, in every matrix of a batch.
    for (const auto& [batch, m, n, k] :
         {Shape{1, 128, 256, 64}, Shape{1, 128, 256, 1024}, Shape{1, 8, 8, 8},
          Shape{1, 264, 520, 1096}, Shape{1, 3000, 2064, 136}, Shape{90, 136, 264, 328}}) {
      for (const bool a_column : {false, true}) {
        for (const bool b_column : {false, true}) {
          const auto matrix = [&](std::int64_t rows, std::int64_t cols, bool column, int seed) {
            return testing::input(DType::bf16, {batch, rows, cols},
                                  testing::random_values(batch * rows * cols, seed),
                                  {rows * cols, column ? 1 : cols, column ? rows : 1});
          };
          const Dims shape{batch, m, n};
          const bool all = a_column != b_column;
          const auto a = matrix(m, k, a_column, 1), b = matrix(k, n, b_column, 2);
          const auto bias = testing::input(DType::bf16, {n}, testing::random_values(n, 3));
          const auto residual =
              testing::input(DType::bf16, shape, testing::random_values(numel(shape), 4));
          auto c = testing::output(DType::bf16, shape);
          if (all) c = testing::in_out(DType::bf16, shape, testing::random_values(numel(shape), 5));
          const auto y = testing::run(
              Device::gpu, {a, b, bias, residual, c}, [&](Stream& s, std::span<const View> v) {
                MatmulOptions options{.alpha = 0.5};
                if (all) {
                  options.beta = 2, options.bias = v[2], options.residual = v[3];
                  options.activation = Activation::gelu;
                }
                CHECK(matmul_hopper_suits(v[0], v[1], v[4], options));
                matmul_hopper(s, v[0], v[1], v[4], options);
              });
          const auto expected =
              all ? reference::matmul<double>(a.values, b.values, c.values, batch, m, n, k, 0.5, 2,
                                              bias.values, Activation::gelu, residual.values)
                  : reference::matmul<double>(a.values, b.values, {}, batch, m, n, k, 0.5, 0);
          // As the mma rung: rounded once to bf16, and sums of K products in f32.
          testing::expect_close("hopper", y[0], expected,
                                0x1.01p-8 + static_cast<double>(k) * 0x1p-23);
        }
      }
    }
  }
}

}  // namespace
}  // namespace etude
