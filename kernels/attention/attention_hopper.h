#pragma once
// Attention by Hopper's own instructions, ladder/3_hopper.cuh: CUDA builds only, and not yet run on
// a card. Here also what of it is plain C++, and so is tested without one: where tiles lie in
// shared memory, in which order they come, and which attentions it takes.

#include <array>
#include <limits>

#include "kernels/attention/problem.h"
#include "kernels/core/hopper.h"

namespace etude {

/// As gpu::attention_forward, bf16. An attention that does not suit it (attention_hopper_suits), or
/// a card where it is not available (hopper_available), goes to gpu::attention_forward. lse is as
/// from the other rungs, whose gradient goes on from it. Throws Error where the driver refuses an
/// operand that suits.
void attention_hopper(Stream&, const AttentionForward&);

/// Places of the ring of keys and values.
constexpr int kHopperSlots = 6;

/// A block's tiles, 128 queries and rings of 128 keys or values, as panels of 64 x 64 (hopper.h).
/// An operand of wgmma is a run of panels: of a warpgroup's 64 queries and of all 128 keys, for a
/// slab of 64 dimensions, which are the depth; of all dimensions, for 64 values, which are the
/// depth of the other product.
template <int kDim>
struct HopperTile {
  static constexpr int kGroups = 2;  // warpgroups, each with 64 queries and 64 keys of a copy
  static constexpr int kQueries = kGroups * kPanelSide, kKeys = 2 * kPanelSide;
  static constexpr int kSlabs = kDim / kPanelSide;
  static constexpr int kElements = kQueries * kDim;
  static constexpr std::uint32_t kBytes = kElements * 2;
  static constexpr int kScoreSteps = kDim / kWgmmaDepth, kValueSteps = kKeys / kWgmmaDepth;
  static constexpr int kStepsOfPanel = kPanelSide / kWgmmaDepth;
  static_assert(kDim == 64 || kDim == 128);
  static_assert(kQueries == kKeys);

  /// The place of the panel of the rows 64 * rows and the dimensions 64 * slab, in panels.
  HOST_DEVICE static constexpr int query_panel(int rows, int slab) { return rows * kSlabs + slab; }
  HOST_DEVICE static constexpr int key_panel(int rows, int slab) {
    return slab * (kKeys / kPanelSide) + rows;
  }
  HOST_DEVICE static constexpr int value_panel(int rows, int slab) { return rows * kSlabs + slab; }

  /// The operands of the wgmma of a step, 16 dimensions or 16 values, of tiles at `base`.
  HOST_DEVICE static constexpr std::uint64_t queries(std::uint32_t base, int group, int step) {
    const auto panel = static_cast<std::uint32_t>(query_panel(group, step / kStepsOfPanel));
    return panel_descriptor(Major::k, base + panel * kPanelBytes, step % kStepsOfPanel);
  }
  HOST_DEVICE static constexpr std::uint64_t keys(std::uint32_t base, int step) {
    const auto panel = static_cast<std::uint32_t>(key_panel(0, step / kStepsOfPanel));
    return panel_descriptor(Major::k, base + panel * kPanelBytes, step % kStepsOfPanel);
  }
  HOST_DEVICE static constexpr std::uint64_t values(std::uint32_t base, int step) {
    const auto panel = static_cast<std::uint32_t>(value_panel(step / kStepsOfPanel, 0));
    return panel_descriptor(Major::mn, base + panel * kPanelBytes, step % kStepsOfPanel);
  }
};

/// What the ring brings at its place `index` of 2 * blocks: K0, K1, V0, K2, V1, ... , the last two
/// V, which is the order in which the products use them: scores are made a block ahead.
struct HopperRingTile {
  bool values;
  int block;

  HOST_DEVICE constexpr HopperRingTile(int index, int blocks)
      : values(index == 2 * blocks - 1 || (index > 0 && index % 2 == 0)),
        block(values ? (index - 1) / 2 : (index + 1) / 2) {}
};

/// What the copying thread does: the block's queries, from `first` on, then all keys and values as
/// the ring has place.
template <int kDim, class Copies>
HOST_DEVICE void hopper_copy(Copies& copies, int first, int blocks) {
  using Tile = HopperTile<kDim>;
  copies.expect_queries();
#pragma unroll
  for (int i = 0; i < 2 * Tile::kSlabs; ++i) {
    const int slab = i / 2, rows = i % 2;
    copies.queries(Tile::query_panel(rows, slab), slab * kPanelSide, first + rows * kPanelSide);
  }
  for (int index = 0; index < 2 * blocks; ++index) {
    const HopperRingTile next(index, blocks);
    copies.await_place();
#pragma unroll
    for (int i = 0; i < 2 * Tile::kSlabs; ++i) {
      const int slab = i / 2, rows = i % 2;
      copies.tile(next.values,
                  next.values ? Tile::value_panel(rows, slab) : Tile::key_panel(rows, slab),
                  slab * kPanelSide, next.block * Tile::kKeys + rows * kPanelSide);
    }
    copies.next_place();
  }
}

/// What a warpgroup does, `group` 0 or 1, with `blocks` of 128 keys, at least one. Its products run
/// on after their start: finish<n>() waits until at most the n newest do. Scores are those of the
/// ring's next tile and become exponentials, which replace them; values are those of the ring's
/// next tile times the operand, which is made of exponentials.
template <class Group>
HOST_DEVICE void hopper_attend(Group& own, int group, int blocks) {
  own.await_queries();
  own.await_tile();
  int keys = own.start_scores();
  own.template finish<0>();
  own.release(keys);
  own.exponentials(0);
  own.make_operand();
  own.await_tile();
  for (int block = 1; block < blocks; ++block) {
    // Turns: group 0 begins, and nobody passes one that is not taken.
    if (group > 0 || block > 1) own.await_turn();
    keys = own.start_scores();
    own.await_tile();
    const int values = own.start_values();
    if (group == 0 || block + 1 < blocks) own.pass_turn();
    own.template finish<1>();
    own.release(keys);
    own.exponentials(block);
    // Not further up, although it could: ptxas moves the wait of finish over exponentials, and with
    // it the overlap goes, but not over the branch in here.
    own.await_tile();
    own.template finish<0>();
    own.release(values);
    own.rescale();
    own.make_operand();
  }
  own.start_values();
  own.template finish<0>();
}

/// Hides the scores of a lane's queries t and t + 8 with keys, from `key` on, that they do not see.
/// x[i] is sum i of a product of 64 x 128, see wgmma_bf16.
template <class T>
HOST_DEVICE void hide_unseen(float (&x)[64], const AttentionProblem<T>& p, int t, int lane,
                             int key) {
  const int first = key + lane % 4 * 2;
  const int seen[] = {p.visible(t) - first, p.visible(t + 8) - first};
#pragma unroll
  for (int i = 0; i < 64; ++i) {
    if (i / 4 * 8 + i % 2 >= seen[i / 2 % 2]) x[i] = -std::numeric_limits<float>::infinity();
  }
}

/// q, k or v as TMA takes it: four dimensions, elements of a row first and sequences last, rows and
/// heads between in the order of their strides, because the driver's header gives every stride as
/// a multiple of the one before, and no less than all of that dimension. So rows of heads [B, H, T,
/// D] and parts of a projection [B, T, 3, H, D] suit. The stride of a single head, say, is nobody's
/// and chosen so that it suits.
struct HopperHeads {
  bool heads_first;
  std::array<std::uint64_t, 4> extents;
  std::array<std::uint64_t, 3> strides;  // in bytes
  bool valid;

  explicit HopperHeads(const View& x) {  // [B, H, rows, D]
    const std::int64_t heads = x.dim(1), rows = x.dim(2);
    heads_first = heads > 1 && (rows == 1 || x.strides[1] < x.strides[2]);
    const int order[] = {heads_first ? 1 : 2, heads_first ? 2 : 1, 0};
    constexpr std::uint64_t kMaxExtent = 1u << 30, kMaxStride = std::uint64_t{1} << 40;
    extents[0] = static_cast<std::uint64_t>(x.dim(3));
    valid = x.dtype == DType::bf16 && reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0;
    std::uint64_t least = extents[0] * 2, unit = 16;
    for (int i = 0; i < 3; ++i) {
      extents[i + 1] = static_cast<std::uint64_t>(x.dim(order[i]));
      const int from = x.dim(order[i]) == 1 ? 0 : order[i];  // else the sequences' stride, or any
      strides[i] = x.dim(from) == 1 ? least : static_cast<std::uint64_t>(x.strides[from]) * 2;
      valid = valid && extents[i + 1] > 0 && extents[i + 1] <= kMaxExtent && strides[i] >= least &&
              strides[i] < kMaxStride && strides[i] % unit == 0;
      unit = strides[i], least = strides[i] * extents[i + 1];
      if (!valid) break;
    }
  }
};

/// Whether the Hopper rung takes it itself: bf16, heads of 64 or 128 dimensions, some key, no
/// dropout, a positive scale (the largest score is then that of the largest product), operands that
/// suit TMA, and rows of y at even elements, as pairs are stored.
inline bool attention_hopper_suits(const AttentionForward& p) {
  const std::int64_t D = p.q.dim(3);
  return p.q.dtype == DType::bf16 && (D == 64 || D == 128) && p.k.numel() > 0 && p.q.numel() > 0 &&
         p.options.dropout == 0 && static_cast<float>(p.options.scale) > 0 &&
         HopperHeads(p.q).valid && HeadRows<bf16>(p.y).aligned(2) && HopperHeads(p.k).valid &&
         HopperHeads(p.v).valid;
}

}  // namespace etude
