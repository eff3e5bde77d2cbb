#pragma once
// The Hopper rung's schedule (kernels/attention/attention_hopper.h) on a model of the card: memory,
// copies, products and barriers that do what the PTX ISA says. The copying thread and the two
// warpgroups are threads.

#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/attention/attention_hopper.h"
#include "tests/kernels/hopper_model.h"

namespace etude::testing::attention_model {

/// Barriers of the card in plain numbers, behind one lock. Whoever waits for ever has met a
/// deadlock, and ends all.
struct Barriers {
  struct One {
    int arrivals = 1, pending = 1, phase = 0;
  };
  std::mutex lock;
  std::condition_variable changed;
  One q_full, full[kHopperSlots], empty[kHopperSlots], turn[2];
  bool dead = false;

  Barriers() {
    for (One& b : empty) b = {2, 2, 0};
    for (One& b : turn) b = {2, 2, 0};
  }
  void arrive(One& b) {
    const std::lock_guard guard(lock);
    if (--b.pending == 0) b.pending = b.arrivals, ++b.phase;
    changed.notify_all();
  }
  /// Over is the phase before the current one, or (the first wait) a phase -1.
  void wait(One& b, std::uint32_t parity) {
    wait_until([&] { return static_cast<std::uint32_t>(b.phase + 1) % 2 == parity; });
  }
  void sync(One& b) {
    int before;
    {
      const std::lock_guard guard(lock);
      before = b.phase;
      if (--b.pending == 0) b.pending = b.arrivals, ++b.phase;
      changed.notify_all();
    }
    wait_until([&] { return b.phase != before; });
  }

 private:
  void wait_until(auto over) {
    std::unique_lock guard(lock);
    const bool came =
        changed.wait_for(guard, std::chrono::seconds(20), [&] { return dead || over(); });
    if (came && !dead) return;
    dead = true;
    changed.notify_all();
    throw std::runtime_error("a deadlock");
  }
};

/// bf16 operands as a projection, or rows of heads, and what TMA makes of them.
struct Tensor {
  const View& x;
  HopperHeads heads{x};

  /// The element at a box's coordinates; zero beyond the extents.
  bf16 at(const std::array<int, 4>& place) const {
    std::int64_t bytes = 0;
    for (int i = 0; i < 4; ++i) {
      if (place[i] < 0 || static_cast<std::uint64_t>(place[i]) >= heads.extents[i])
        return bf16(0.0f);
      bytes += place[i] * (i ? static_cast<std::int64_t>(heads.strides[i - 1]) : 2);
    }
    return x.as<bf16>()[bytes / 2];
  }
};

/// A block's shared memory, queries first, and its barriers.
template <int kDim>
struct Block {
  using Tile = HopperTile<kDim>;
  const AttentionProblem<bf16>& p;
  Tensor q, k, v;
  int head, sequence, first;
  Barriers barriers{};
  std::vector<bf16> memory = std::vector<bf16>((1 + kHopperSlots) * Tile::kElements);

  static std::uint32_t address(int slot) { return (1 + slot) * Tile::kBytes; }
  void copy(std::uint32_t to, const Tensor& from, int d, int row) {
    for (int line = 0; line < kPanelSide; ++line) {
      for (int i = 0; i < kPanelSide; ++i) {
        const int at = row + line;
        memory[swizzled(to + line * 128 + i * 2) / 2] = from.heads.heads_first
                                                            ? from.at({d + i, head, at, sequence})
                                                            : from.at({d + i, at, head, sequence});
      }
    }
  }
  /// The operand [outer, 16] of a descriptor.
  std::vector<float> operand(Major major, std::uint64_t descriptor, int outer) const {
    std::vector<float> values;
    for (int i = 0; i < outer * kWgmmaDepth; ++i) {
      const auto address =
          operand_address(major, Fields(descriptor), i / kWgmmaDepth, i % kWgmmaDepth);
      values.push_back(memory.at(address / 2));
    }
    return values;
  }
};

template <int kDim>
struct Copies {
  Block<kDim>& block;
  RingPlace<kHopperSlots> ring{};
  int boxes = 0;

  void expect_queries() {}
  void queries(int panel, int d, int row) {
    block.copy(panel * kPanelBytes, block.q, d, row);
    if (++boxes == 2 * kDim / kPanelSide) block.barriers.arrive(block.barriers.q_full);
  }
  void await_place() { block.barriers.wait(block.barriers.empty[ring.stage], ring.phase ^ 1); }
  void tile(bool values, int panel, int d, int row) {
    block.copy(block.address(ring.stage) + panel * kPanelBytes, values ? block.v : block.k, d, row);
  }
  void next_place() {
    block.barriers.arrive(block.barriers.full[ring.stage]);
    ring.advance();
  }
};

/// A warpgroup: the registers of 128 lanes, and products that are made when they are waited for, so
/// that what changes too early is seen to.
template <int kDim>
struct Group {
  using Tile = HopperTile<kDim>;
  Block<kDim>& block;
  int group;
  std::vector<double> y, lse;  // [64, kDim], [64]
  RingPlace<kHopperSlots> ring{};
  int awaited = 0, taken = 0;  // tiles
  float x[128][64];
  float sums[128][kDim / 2] = {};
  std::uint32_t words[128][32];
  double max[64], sum[64], factor[64];
  std::vector<std::pair<bool, int>> pending;  // of values, slot

  Group(Block<kDim>& block, int group) : block(block), group(group) {
    for (int r = 0; r < 64; ++r) max[r] = -kInfinity, sum[r] = 0;
  }
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  // Where sum i of a lane stands, and element i (two to a word) of a step's operand a. PTX ISA,
  // "wgmma", "Register Fragments": D, and A of 16 columns.
  static int row_of(int lane, int i) { return lane / 32 * 16 + lane % 32 / 4 + (i >> 1 & 1) * 8; }
  static int sum_col(int lane, int i) { return i / 4 * 8 + lane % 4 * 2 + (i & 1); }
  static int a_col(int lane, int i) { return lane % 4 * 2 + (i & 1) + (i >> 2 & 1) * 8; }

  void await_queries() { block.barriers.wait(block.barriers.q_full, 0); }
  void await_tile() {
    block.barriers.wait(block.barriers.full[ring.stage], ring.phase);
    awaited = taken + 1;
  }
  void release(int slot) { block.barriers.arrive(block.barriers.empty[slot]); }
  void await_turn() { block.barriers.sync(block.barriers.turn[group]); }
  void pass_turn() { block.barriers.arrive(block.barriers.turn[1 - group]); }
  int start(bool values) {
    if (awaited <= taken++) throw std::runtime_error("a tile is used that nobody waited for");
    const int slot = ring.stage;
    pending.emplace_back(values, slot);
    ring.advance();
    return slot;
  }
  int start_scores() { return start(false); }
  int start_values() { return start(true); }

  template <int Pending>
  void finish() {
    while (pending.size() > Pending) {
      const auto [values, slot] = pending.front();
      pending.erase(pending.begin());
      values ? multiply_values(block.address(slot)) : multiply_scores(block.address(slot));
    }
  }
  void multiply_scores(std::uint32_t k) {
    for (auto& lane : x) std::fill(std::begin(lane), std::end(lane), 0.0f);
    for (int step = 0; step < Tile::kScoreSteps; ++step) {
      const auto a = block.operand(Major::k, Tile::queries(0, group, step), 64);
      const auto b = block.operand(Major::k, Tile::keys(k, step), 128);
      multiply(x, a, b);
    }
  }
  void multiply_values(std::uint32_t v) {
    for (int step = 0; step < Tile::kValueSteps; ++step) {
      std::vector<float> a(64 * kWgmmaDepth);
      for (int lane = 0; lane < 128; ++lane) {
        for (int i = 0; i < 8; ++i) {
          const auto word = words[lane][4 * step + i / 2];
          a[row_of(lane, i) * kWgmmaDepth + a_col(lane, i)] =
              std::bit_cast<float>(word >> i % 2 * 16 << 16);
        }
      }
      multiply(sums, a, block.operand(Major::mn, Tile::values(v, step), kDim));
    }
  }
  template <int Count>
  static void multiply(float (&d)[128][Count], const std::vector<float>& a,
                       const std::vector<float>& b) {
    for (int lane = 0; lane < 128; ++lane) {
      for (int i = 0; i < Count; ++i) {
        const float* row = &a[row_of(lane, i) * kWgmmaDepth];
        const float* col = &b[sum_col(lane, i) * kWgmmaDepth];
        for (int k = 0; k < kWgmmaDepth; ++k) d[lane][i] += row[k] * col[k];
      }
    }
  }

  void exponentials(int number) {
    double largest[64];
    std::copy(max, max + 64, largest);
    for (int lane = 0; lane < 128; ++lane) {
      hide_unseen(x[lane], block.p, block.first + group * 64 + row_of(lane, 0), lane % 32,
                  number * Tile::kKeys);
      for (int i = 0; i < 64; ++i) {
        double& most = largest[row_of(lane, i)];
        most = std::max(most, static_cast<double>(x[lane][i]));
      }
    }
    for (int r = 0; r < 64; ++r) {
      factor[r] = std::exp(block.p.scale * (max[r] - largest[r]));
      max[r] = largest[r], sum[r] *= factor[r];
    }
    for (int lane = 0; lane < 128; ++lane) {
      for (int i = 0; i < 64; ++i) {
        const int row = row_of(lane, i);
        const double e = std::exp(block.p.scale * (x[lane][i] - max[row]));
        x[lane][i] = static_cast<float>(e), sum[row] += e;
      }
    }
  }
  void rescale() {
    for (int lane = 0; lane < 128; ++lane) {
      for (int i = 0; i < kDim / 2; ++i) {
        sums[lane][i] *= static_cast<float>(factor[row_of(lane, i)]);
      }
    }
  }
  void make_operand() {
    for (int lane = 0; lane < 128; ++lane) {
      for (int i = 0; i < 32; ++i) {
        const int from = operand_from_sums(i / 4, i % 4);
        words[lane][i] = bf16(x[lane][from]).bits | std::uint32_t{bf16(x[lane][from + 1]).bits}
                                                        << 16;
      }
    }
  }
  void store() {
    y.resize(64 * kDim), lse.resize(64);
    for (int r = 0; r < 64; ++r) lse[r] = block.p.scale * max[r] + std::log(sum[r]);
    for (int lane = 0; lane < 128; ++lane) {
      for (int i = 0; i < kDim / 2; ++i) {
        const int row = row_of(lane, i);
        y[row * kDim + sum_col(lane, i)] = sums[lane][i] / sum[row];
      }
    }
  }
};

/// All blocks of the rung, one after the other, into y and lse; false if one came to a
/// deadlock or used a tile that it had not waited for.
template <int kDim>
bool run(const AttentionForward& arguments) {
  using Tile = HopperTile<kDim>;
  const AttentionProblem<bf16> p(arguments);
  const auto heads = static_cast<int>(arguments.q.dim(1));
  for (int number = 0; number < p.heads; ++number) {
    for (int first = 0; first < p.T; first += Tile::kQueries) {
      const int blocks = (keys_of_tile(p, first, Tile::kQueries) + Tile::kKeys - 1) / Tile::kKeys;
      Block<kDim> block{.p = p,
                        .q = {arguments.q},
                        .k = {arguments.k},
                        .v = {arguments.v},
                        .head = number % heads,
                        .sequence = number / heads,
                        .first = first};
      std::vector<std::unique_ptr<Group<kDim>>> groups;
      std::atomic<int> finished = 0;
      const auto part = [&](auto body) {
        return std::thread([&finished, body] {
          try {
            body();
            ++finished;
          } catch (const std::runtime_error&) {
          }
        });
      };
      for (int group = 0; group < 2; ++group) {
        groups.push_back(std::make_unique<Group<kDim>>(block, group));
      }
      std::thread threads[] = {part([&] {
                                 Copies<kDim> copies{block};
                                 hopper_copy<kDim>(copies, first, blocks);
                               }),
                               part([&] { hopper_attend(*groups[0], 0, blocks); }),
                               part([&] { hopper_attend(*groups[1], 1, blocks); })};
      for (std::thread& t : threads) t.join();
      if (finished != 3) return false;
      for (auto& own : groups) {
        own->store();
        for (int r = 0; r < 64; ++r) {
          const int t = first + own->group * 64 + r;
          if (t >= p.T) continue;
          p.lse[number * p.T + t] = static_cast<float>(own->lse[r]);
          for (int d = 0; d < kDim; ++d) {
            p.y.of(number)[t * p.y.row + d] = bf16(own->y[r * kDim + d]);
          }
        }
      }
    }
  }
  return true;
}

}  // namespace etude::testing::attention_model
