#pragma once
// Not yet run on a card: compiled and its machine code read, no more.
//
// Bottleneck before: on a Hopper card mma.sync reaches about two thirds of what its tensor cores
// can do (Shah et al., FlashAttention-3, 2024). The operands pass through registers, every warp
// spends instructions on copies, addresses and ldmatrix, and those that multiply wait for copies.
//
// Idea: nobody but the tensor cores touches the operands.
// - TMA: one thread asks for boxes of 64 x 64 elements by their coordinates; the copy engine
//   computes addresses, fills with zeros over the edge, swizzles, and arrives at an mbarrier.
// - wgmma: four warps together multiply 64 x 16 by 16 x 256, both operands straight from shared
//   memory, and go on while it runs.
// - Roles: one warp only copies, a ring of four stages ahead; two warpgroups only multiply. They
//   meet at mbarriers, no __syncthreads in the loop. The copying warpgroup gives its registers to
//   the others.
// - The blocks stay: each takes tile after tile, so the copies for the next tile run while the
//   sums of this one are stored.
//
// Tile: 128 x 256. A step of 64 along K brings 48 KB for 128 * 256 * 64 products, where two tiles
// of 128 x 128 bring 64 KB. A wgmma of 64 x 256 takes 128 clocks and reads 10 KB, two of 64 x 128
// read 12 KB, and shared memory gives 16 KB in that time, of which the copies also need theirs.
// A larger tile does not fit: the sums of this one take 128 registers of a thread.
//
// Predicted gain: 1.3-1.5x over the mma rung on large matrices: all of the last third but for the
// stores (some 5000 clocks for a tile whose products take 16 * K) and the lower clock under load.
// On small ones, with fewer tiles than processors, none: the tile is the ladder's largest.
//
// Why the three parties agree on where an element lies. (1) panel_map's boxes are 64 x 64 with 128
// bytes as the inner side, swizzle 128B, so a box is a panel as hopper.h describes it: line l of
// the box at 128 l, its 16-byte chunk j at j ^ (l % 8). (2) Every panel starts at a multiple of
// 8192 from a base that is a multiple of 1024, so address bits 7..9 are l % 8 and the hardware's
// exclusive or is that one. (3) For Major::k, panel_descriptor's lines of eight rows 1024 apart
// walk rows 0..63 of a panel and on into the next, 8192 = 8 * 1024 away, up to the 256 columns of
// b; for Major::mn its two groups of eight k are 1024 apart, and the leading offset of 8192 leads
// from 64 columns to the next 64. tests/kernels/hopper_test.cpp plays all three through.

#include <cstddef>

#include "kernels/core/hopper.h"
#include "kernels/core/mma.h"
#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/matmul_hopper.h"

namespace etude::matmul_ladder {

constexpr int kHopperStages = 4;
constexpr int kHopperGroups = 2;                           // warpgroups that multiply, 64 rows each
constexpr int kHopperThreads = 128 * (1 + kHopperGroups);  // warpgroup 0 copies
constexpr int kHopperStoreCols = 32;

struct HopperStage {
  bf16 a[HopperTiles::kRows * kPanelSide], b[HopperTiles::kCols * kPanelSide];
};

struct HopperSmem {
  HopperStage stage[kHopperStages];
  // A warp's part of c on its way out. 40 floats to a line: the quads of a warp that store pairs to
  // eight lines then meet 8 banks apart, each half-warp all 32 banks.
  float sums[4 * kHopperGroups][16][kHopperStoreCols + 8];
  Mbarrier full[kHopperStages], empty[kHopperStages];
};
constexpr int kHopperSmemBytes = sizeof(HopperSmem) + kSwizzleBytes - 128;
static_assert(HopperTiles::kRows == kHopperGroups * kPanelSide && HopperTiles::kCols == 256);
static_assert(sizeof(HopperStage) == 6 * kPanelBytes && sizeof(HopperStage) % kSwizzleBytes == 0);
static_assert(offsetof(HopperStage, b) == 2 * kPanelBytes && offsetof(HopperSmem, stage) == 0);
static_assert(sizeof(HopperStage) < 1 << 20, "an mbarrier counts 2^20 - 1 bytes");
static_assert(kHopperSmemBytes <= 227 * 1024);
// 65536 registers: 384 threads start with 168 each (rounded down to 8), and share them out anew.
constexpr int kHopperCopyRegisters = 40, kHopperMultiplyRegisters = 232;
static_assert(kHopperCopyRegisters + kHopperGroups * kHopperMultiplyRegisters <=
              (1 + kHopperGroups) * (65536 / kHopperThreads / 8 * 8));

/// What the kernel knows of the product: its tiles and extents, and whether the batch shares an
/// operand.
struct HopperProblem {
  HopperTiles tiles;
  int m, n, k;
  bool shared_a, shared_b;
};

/// Dynamic shared memory, from its first multiple of 1024 on.
__device__ __forceinline__ HopperSmem& hopper_smem() {
  auto* bytes = dynamic_shared<unsigned char>();
  return *reinterpret_cast<HopperSmem*>(bytes + (-shared_address(bytes) & (kSwizzleBytes - 1)));
}

/// Starts the copies of 64 * Panels rows (or columns) from `outer`, 64 deep from `k`.
template <int Panels, Major M>
__device__ __forceinline__ void load_panels(bf16* to, const CUtensorMap& map, int outer, int k,
                                            int batch, Mbarrier& full) {
#pragma unroll
  for (int i = 0; i < Panels; ++i) {
    const int at = outer + i * kPanelSide;
    load_box(to + i * kPanelElements, map, M == Major::k ? k : at, M == Major::k ? at : k, batch,
             full);
  }
}

/// One thread: fills the ring, stage by stage, tile after tile.
template <Major A, Major B>
__device__ __forceinline__ void hopper_copy(HopperSmem& smem, const CUtensorMap& a,
                                            const CUtensorMap& b, const HopperProblem& p) {
  RingPlace<kHopperStages> ring;
  for (int tile = blockIdx.x; tile < p.tiles.count(); tile += gridDim.x) {
    const HopperTiles::Place at = p.tiles.place(tile);
    for (int k = 0; k < p.k; k += kPanelSide, ring.advance()) {
      HopperStage& stage = smem.stage[ring.stage];
      Mbarrier& full = smem.full[ring.stage];
      smem.empty[ring.stage].wait(ring.phase ^ 1);
      full.arrive_expect(sizeof(HopperStage));
      load_panels<HopperTiles::kRows / kPanelSide, A>(stage.a, a, at.row, k,
                                                      p.shared_a ? 0 : at.batch, full);
      load_panels<HopperTiles::kCols / kPanelSide, B>(stage.b, b, at.col, k,
                                                      p.shared_b ? 0 : at.batch, full);
    }
  }
}

/// A warpgroup: the sums of its 64 rows of one tile. The products of a stage run while the warps
/// wait for the next one; it is given back when the next one's are issued and its own are done.
template <Major A, Major B>
__device__ __forceinline__ void hopper_multiply(HopperSmem& smem, RingPlace<kHopperStages>& ring,
                                                int group, int steps, float (&sum)[128]) {
  const bool first_lane = threadIdx.x % kWarpSize == 0;
  int before = 0;
  for (int step = 0; step < steps; ++step) {
    smem.full[ring.stage].wait(ring.phase);
    const std::uint32_t a = shared_address(smem.stage[ring.stage].a) + group * kPanelBytes;
    const std::uint32_t b = shared_address(smem.stage[ring.stage].b);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < kPanelSide / kWgmmaDepth; ++i) {
      wgmma_bf16<A, B>(sum, panel_descriptor(A, a, i), panel_descriptor(B, b, i),
                       step > 0 || i > 0);
    }
    wgmma_commit();
    wgmma_wait<1>();
    if (step > 0 && first_lane) smem.empty[before].arrive();
    before = ring.stage;
    ring.advance();
  }
  wgmma_wait<0>();
  touch(sum);
  if (first_lane) smem.empty[before].arrive();
}

/// A warp: stores its 16 rows from `row` on of one tile, 32 columns at a time by way of shared
/// memory: a lane gets a column, so that the lanes write neighbours.
__device__ __forceinline__ void hopper_store(const float (&sum)[128],
                                             float (&line)[16][kHopperStoreCols + 8],
                                             const HopperProblem& p, int batch, int row, int col,
                                             bf16* c, const Epilogue<bf16>& epilogue) {
  constexpr int kParts = HopperTiles::kCols / kHopperStoreCols, kOfPart = 128 / kParts;
  const int lane = threadIdx.x % kWarpSize;
  // The epilogue's code once, not eight times; registers want constant indices, so `if` picks them.
#pragma unroll 1
  for (int part = 0; part < kParts; ++part) {
#pragma unroll
    for (int i = 0; i < 128; i += 2) {
      const FragmentPlace x = accumulator_place(lane, i % 4);
      if (i / kOfPart == part)
        *reinterpret_cast<float2*>(&line[x.row][i % kOfPart / 4 * 8 + x.col]) =
            make_float2(sum[i], sum[i + 1]);
    }
    __syncwarp();
    float column[16];
#pragma unroll
    for (int r = 0; r < 16; ++r) column[r] = line[r][lane];
    __syncwarp();  // all have read: the next part may overwrite
    const int n = col + part * kHopperStoreCols + lane;
    if (n < p.n)
      epilogue.store_rows(c, (std::int64_t{batch} * p.m + row) * p.n + n, p.n, n, column,
                          p.m - row);
  }
}

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] row- or column-major, c: [batch, M, N] contiguous
/// dtype   bf16, f32 accumulation
/// launch  grid = processors or tiles of 128 x 256, whichever are fewer; block = 384; dynamic
///         shared = four stages and 20 KB to store through (214 KB); two mbarriers per step
/// edges   TMA fills with zeros over the edge, the stores stay inside; K = 0 and what TMA refuses
///         go to another rung (matmul_hopper_suits)
/// error   as the mma rung: exact products, f32 sums in the tensor cores' own order
/// cost    2 * batch * M * N * K flops; an operand element is loaded M / 128 or N / 256 times
/// source  PTX ISA 8.0, "wgmma", "cp.async.bulk.tensor"; CUTLASS 3, efficient_gemm.md, "Warp
///         Specialization" (the roles)
template <Major A, Major B>
__global__ void __launch_bounds__(kHopperThreads, 1)
    matmul_hopper_tiles(const __grid_constant__ CUtensorMap a,
                        const __grid_constant__ CUtensorMap b, HopperProblem p, bf16* c,
                        Epilogue<bf16> epilogue) {
  launch_bound(kHopperThreads);
  if constexpr (kHopperCode) {  // elsewhere it is empty, and hopper_available() says so
    HopperSmem& smem = hopper_smem();
    if (threadIdx.x == 0) {
      for (int i = 0; i < kHopperStages; ++i) {
        smem.full[i].init(1);                   // the copying thread, and the bytes
        smem.empty[i].init(4 * kHopperGroups);  // each warp that multiplies
      }
      fence_async_proxy();
    }
    __syncthreads();
    const int warp = threadIdx.x / kWarpSize, group = warp / 4 - 1;
    if (group < 0) {
      release_registers<kHopperCopyRegisters>();
      if (threadIdx.x == 0) hopper_copy<A, B>(smem, a, b, p);
    } else {
      claim_registers<kHopperMultiplyRegisters>();
      RingPlace<kHopperStages> ring;
      const int steps = (p.k + kPanelSide - 1) / kPanelSide;
      for (int tile = blockIdx.x; tile < p.tiles.count(); tile += gridDim.x) {
        const HopperTiles::Place at = p.tiles.place(tile);
        float sum[128];
        hopper_multiply<A, B>(smem, ring, group, steps, sum);
        hopper_store(sum, smem.sums[warp - 4], p, at.batch, at.row + warp % 4 * 16 + group * 64,
                     at.col, c, epilogue);
      }
    }
  }
}

}  // namespace etude::matmul_ladder
