#pragma once
// Not yet run on a card: compiled, its machine code read, its schedule run on a model of one.
//
// Bottleneck before: on a Hopper card mma.sync reaches about two thirds of what its tensor cores
// can do. Every warp also copies, computes addresses and moves operands by ldmatrix; and a warp's
// exponentials stand between its products. A processor makes 2048 products a clock and 16
// exponentials: for 128 queries and 128 keys 1024 clocks of these beside 2048 of products with
// heads of 128, 1024 with heads of 64.
//
// Idea: the parts of matmul's 5_hopper, and the softmax beside the products instead of between.
// - One warp copies by TMA, queries once, keys and values through a ring in the order of their use;
//   two warpgroups with 64 queries each multiply by wgmma. Registers go from the copying warpgroup
//   to the others.
// - Probabilities stay where they are: what the lanes hold of a product's sums is, rounded, what
//   they have to hold of the next one's operand a, which wgmma also takes from registers.
// - Within a warpgroup the scores of block j + 1 are made together with the values of block j, and
//   the softmax of these scores while the values' product still runs.
// - The two take turns to start their products (named barriers), so that one's softmax meets the
//   other's products:
//
//   group 0   | S1 V0 |  softmax  | S2 V1 |  softmax  | ...         S: scores, V: y += p v
//   group 1           | S1 V0 |  softmax  | S2 V1 |  softmax  | ...
//
// Predicted: 16 heads of 128, 4096 long, causal, 400-480 TFLOP/s on an H100, some 1.5 times the mma
// rung; heads of 64 300-350. The paper has 661 for heads of 128, 16384 long and not causal, 570
// without the overlap within a warpgroup. From that go the scores hidden at the diagonal, and each
// block's begin and end, which nothing runs beside. On short sequences no gain: at T = 256 a head
// is two blocks, and a card has 132 processors.

#include <cstddef>

#include "kernels/attention/attention_hopper.h"
#include "kernels/attention/ladder/grid.cuh"
#include "kernels/core/vector_math.h"
#include "kernels/core/warp.h"

namespace etude::attention_ladder {

constexpr int kHopperGroups = 2;                           // warpgroups that multiply
constexpr int kHopperThreads = 128 * (1 + kHopperGroups);  // warpgroup 0 copies
// 65536 registers: 384 threads start with 168 each (rounded down to 8), and share them out anew.
constexpr int kHopperCopyRegisters = 24, kHopperMultiplyRegisters = 240;
static_assert(kHopperCopyRegisters + kHopperGroups * kHopperMultiplyRegisters <=
              (1 + kHopperGroups) * (65536 / kHopperThreads / 8 * 8));

template <int kDim>
struct HopperSmem {
  bf16 q[HopperTile<kDim>::kElements];
  bf16 ring[kHopperSlots][HopperTile<kDim>::kElements];
  Mbarrier q_full, full[kHopperSlots], empty[kHopperSlots];
};
template <int kDim>
constexpr int kHopperSmemBytes = sizeof(HopperSmem<kDim>) + kSwizzleBytes - 128;
static_assert(kHopperSmemBytes<128> <= 227 * 1024);
static_assert(HopperTile<64>::kBytes % kSwizzleBytes == 0 &&
              HopperTile<64>::kGroups == kHopperGroups);

/// Dynamic shared memory, from its first multiple of 1024 on.
template <int kDim>
__device__ __forceinline__ HopperSmem<kDim>& hopper_smem() {
  auto* bytes = dynamic_shared<unsigned char>();
  return *reinterpret_cast<HopperSmem<kDim>*>(bytes +
                                              (-shared_address(bytes) & (kSwizzleBytes - 1)));
}

/// q, k or v for the copy engine.
struct HopperInput {
  CUtensorMap map;
  bool heads_first;

  __device__ __forceinline__ void load(bf16* to, int d, int row, int head, int sequence,
                                       Mbarrier& full) const {
    load_box(to, map, d, heads_first ? head : row, heads_first ? row : head, sequence, full);
  }
};
struct HopperInputs {
  HopperInput q, k, v;
  int heads;  // of a sequence
};

/// The copying thread's part in hopper_copy.
template <int kDim>
struct HopperCopies {
  HopperSmem<kDim>& smem;
  const HopperInputs& from;
  int sequence, head;
  RingPlace<kHopperSlots> ring{};

  __device__ __forceinline__ void expect_queries() {
    smem.q_full.arrive_expect(HopperTile<kDim>::kBytes);
  }
  __device__ __forceinline__ void queries(int panel, int d, int row) {
    from.q.load(smem.q + panel * kPanelElements, d, row, head, sequence, smem.q_full);
  }
  __device__ __forceinline__ void await_place() {
    smem.empty[ring.stage].wait(ring.phase ^ 1);
    smem.full[ring.stage].arrive_expect(HopperTile<kDim>::kBytes);
  }
  __device__ __forceinline__ void tile(bool values, int panel, int d, int row) {
    (values ? from.v : from.k)
        .load(smem.ring[ring.stage] + panel * kPanelElements, d, row, head, sequence,
              smem.full[ring.stage]);
  }
  __device__ __forceinline__ void next_place() { ring.advance(); }
};

/// The running softmax of a lane's two rows, 8 apart. `shift` is the largest score so far, `sum`
/// of this lane's columns alone; both count in powers of 2.
struct HopperSoftmax {
  float scale;  // of the products, with log2(e)
  float shift[2] = {-math::kInfinity, -math::kInfinity}, sum[2] = {};

  /// Products become exponentials under the new largest one; returns what older sums are to be
  /// multiplied by.
  __device__ __forceinline__ float add(float (&x)[64], int half) {
    float largest = x[2 * half];
#pragma unroll
    for (int i = 1; i < 32; ++i) largest = fmaxf(largest, x[i / 2 * 4 + 2 * half + i % 2]);
    largest = warp_max<4>(largest);
    const float before = shift[half];
    shift[half] = fmaxf(before, largest * scale);
    const float factor = exp2_fast(before - shift[half]);
    float total = 0;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      float& value = x[i / 2 * 4 + 2 * half + i % 2];
      value = exp2_fast(__fmaf_rn(value, scale, -shift[half]));
      total += value;
    }
    sum[half] = __fmaf_rn(sum[half], factor, total);
    return factor;
  }
};

/// A warpgroup's part in hopper_attend: 64 queries, of which a lane has two.
template <int kDim>
struct HopperGroup {
  using Tile = HopperTile<kDim>;
  HopperSmem<kDim>& smem;
  const AttentionProblem<bf16>& p;
  int group, t, lane;              // t: the lane's first query, its other one is 8 further
  RingPlace<kHopperSlots> ring{};  // the next tile
  HopperSoftmax softmax;
  float x[64] = {}, y[kDim / 2] = {};  // scores of 64 x 128, then exponentials; outputs
  float factor[2] = {};                // of the outputs so far, by the newest exponentials
  std::uint32_t operand[32] = {};

  __device__ __forceinline__ void await_queries() { smem.q_full.wait(0); }
  __device__ __forceinline__ void await_tile() { smem.full[ring.stage].wait(ring.phase); }
  __device__ __forceinline__ void release(int slot) {
    if (lane == 0) smem.empty[slot].arrive();
  }
  __device__ __forceinline__ void await_turn() { sync_named<128 * kHopperGroups>(1 + group); }
  __device__ __forceinline__ void pass_turn() { arrive_named<128 * kHopperGroups>(2 - group); }

  /// The slot that the next tile is in; there is a next one then.
  __device__ __forceinline__ int take() {
    const int slot = ring.stage;
    ring.advance();
    return slot;
  }
  __device__ __forceinline__ int start_scores() {
    const int slot = take();
    const std::uint32_t q = shared_address(smem.q), k = shared_address(smem.ring[slot]);
    touch(x);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < Tile::kScoreSteps; ++i) {
      wgmma_bf16<Major::k, Major::k>(x, Tile::queries(q, group, i), Tile::keys(k, i), i > 0);
    }
    wgmma_commit();
    return slot;
  }
  __device__ __forceinline__ int start_values() {
    const int slot = take();
    const std::uint32_t v = shared_address(smem.ring[slot]);
    touch(y);
    touch(operand);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < Tile::kValueSteps; ++i) {
      wgmma_bf16<Major::mn>(y, operand + 4 * i, Tile::values(v, i), true);
    }
    wgmma_commit();
    return slot;
  }
  template <int Pending>
  __device__ __forceinline__ void finish() {
    wgmma_wait<Pending>();
    touch(x);
    if constexpr (Pending == 0) {
      touch(y);
      touch(operand);
    }
  }

  /// Only blocks that end beyond what the group's first query sees have something to hide.
  __device__ __forceinline__ void exponentials(int block) {
    const int key = block * Tile::kKeys;
    if (key + Tile::kKeys > p.visible(t - t % kPanelSide)) hide_unseen(x, p, t, lane, key);
    factor[0] = softmax.add(x, 0);
    factor[1] = softmax.add(x, 1);
    touch(x);
  }
  __device__ __forceinline__ void rescale() {
#pragma unroll
    for (int i = 0; i < kDim / 2; ++i) y[i] *= factor[i / 2 % 2];
  }
  __device__ __forceinline__ void make_operand() {
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      const int from = operand_from_sums(i / 4, i % 4);
      operand[i] = round_pair(x[from], x[from + 1]);
    }
  }

  /// A lane's pairs of neighbours in one of its two rows, and its lse.
  template <int Half>
  __device__ __forceinline__ void store(std::int64_t head) const {
    const int row = t + 8 * Half;
    const float total = warp_sum<4>(softmax.sum[Half]), factor = 1 / total;
    if (row >= p.T) return;
    bf16* to = p.y.of(head) + row * p.y.row + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < kDim / 8; ++i) {
      *reinterpret_cast<std::uint32_t*>(to + 8 * i) =
          round_pair(factor * y[4 * i + 2 * Half], factor * y[4 * i + 2 * Half + 1]);
    }
    constexpr float kLog2 = 0.693147180559945f;
    if (lane % 4 == 0) p.lse[head * p.T + row] = kLog2 * softmax.shift[Half] + math::log(total);
  }
};

/// y[h,t] = sum_s p[t,s] v[h,s], p = softmax(scale q[h,t] . k[h,s]), lse: its logarithm
/// shapes  q, y: [heads, T, D], k, v: [heads, S, D] rows of any strides that TMA takes (y: of any),
///         lse: [heads, T]
/// dtype   bf16, f32 sums; the exponentials are rounded to bf16 for the second product
/// launch  a block per 128 queries of a head, block = 384; dynamic shared = Q and six tiles of K or
///         V (113 or 225 KB); 168 registers for each of 384 threads leave a processor room for
///         one block; two mbarriers per tile, a named barrier per 128 keys
/// edges   T and S ragged: TMA fills with zeros, scores of -inf; D = kDim; what does not suit goes
///         to the mma rung (attention_hopper_suits)
/// error   as the mma rung
/// cost    4 heads T S D flops (half if causal, and 128 x 128 scores at the diagonal in full);
///         k and v are loaded T / 128 times, from L2
/// source  Shah et al., "FlashAttention-3", 2024, sections 3.1 (roles, turns: Alg. 1) and 3.2
///         (scores ahead: Alg. 2); PTX ISA 8.0, "wgmma", "cp.async.bulk.tensor"
template <int kDim>
__global__ void __launch_bounds__(kHopperThreads, 1)
    attention_hopper_tiles(const __grid_constant__ HopperInputs operands,
                           const __grid_constant__ AttentionProblem<bf16> p) {
  launch_bound(kHopperThreads);
  if constexpr (kHopperCode) {  // elsewhere it is empty, and hopper_available() says so
    HopperSmem<kDim>& smem = hopper_smem<kDim>();
    using Tile = HopperTile<kDim>;
    if (threadIdx.x == 0) {
      smem.q_full.init(1);  // the copying thread, and the bytes
      for (int i = 0; i < kHopperSlots; ++i) {
        smem.full[i].init(1);
        smem.empty[i].init(4 * kHopperGroups);  // each warp that multiplies
      }
      fence_async_proxy();
    }
    __syncthreads();
    const HeadTile tile(p.T, Tile::kQueries);
    const int blocks =
        (keys_of_tile(p, tile.first, Tile::kQueries) + Tile::kKeys - 1) / Tile::kKeys;
    const int warp = static_cast<int>(threadIdx.x) / kWarpSize, group = warp / 4 - 1;
    if (group < 0) {
      release_registers<kHopperCopyRegisters>();
      if (threadIdx.x == 0) {
        HopperCopies<kDim> copies{smem, operands, static_cast<int>(tile.head) / operands.heads,
                                  static_cast<int>(tile.head) % operands.heads};
        hopper_copy<kDim>(copies, tile.first, blocks);
      }
    } else {
      claim_registers<kHopperMultiplyRegisters>();
      const int lane = static_cast<int>(threadIdx.x) % 32;
      HopperGroup<kDim> own{.smem = smem,
                            .p = p,
                            .group = group,
                            .t = tile.first + group * kPanelSide + warp % 4 * 16 + lane / 4,
                            .lane = lane,
                            .softmax = {.scale = p.scale * 1.44269504088896f}};
      hopper_attend(own, group, blocks);
      own.template store<0>(tile.head);
      own.template store<1>(tile.head);
    }
  }
}

}  // namespace etude::attention_ladder
