#pragma once
// Bottleneck before: scalar multiply-adds, fed by one shared read for every two of them, and a
// block that waits for its loads at every step.
// Idea: the same product on tensor cores. A warp computes 32 x 32 of the result with mma.sync: f32
// operands rounded to tf32 (8 multiply-adds deep), or bf16 storage (16 deep), sums in f32 either
// way. Looked-up elements go to shared memory while the step before is multiplied: f32 by 4-byte
// cp.async (which writes the zeros of the padding too), three buffers; bf16, for which there is no
// 2-byte cp.async, through registers, two buffers. One barrier per step. Where neighbouring depths
// of a run on in memory, a comes in copies of 16 bytes.
// Predicted: 3 to 6 times the register tiles; not the 8 (tf32) or 16 (bf16) times of the arithmetic
// peaks, because every element of b still costs its own look-up, about 10 integer instructions.

#include "kernels/conv/ladder/gather.cuh"
#include "kernels/conv/ladder/product.cuh"
#include "kernels/core/async.h"
#include "kernels/core/mma.h"

namespace etude::conv_ladder {

/// Rows x 64 of the result per block, by warps that own 32 x 32 each.
template <class T, int Rows>
struct ProductMmaTile {
  static constexpr int kRows = Rows, kColumns = 64;
  static constexpr int kThreads = kRows * kColumns / 32;
  static constexpr int kPerWord = static_cast<int>(4 / sizeof(T));  // depths
  static constexpr int kDepth = kWords * kPerWord;                  // of one step
  static constexpr int kStages = sizeof(T) == 4 ? 3 : 2;
  static constexpr int kStageWords = (kRows + kColumns) * kWords;
  static constexpr std::size_t kSharedBytes = std::size_t{4} * kStages * kStageWords;
  static constexpr int kOwnRows = 4, kOwnColumns = 8;  // see accumulator_place
  static constexpr int kLanes = 4, kAcross = 2;

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ static int warp() { return static_cast<int>(threadIdx.x) / 32; }
  __device__ static int across() { return warp() % kAcross; }
  __device__ static int warp_row() { return warp() / kAcross * 32; }
  __device__ static int warp_column() { return across() * 32; }
  __device__ static int row(int i) { return warp_row() + i * 8 + lane() / 4; }
  __device__ static int column(int j) { return warp_column() + j / 2 * 8 + lane() % 4 * 2 + j % 2; }
};

/// sum[i][j] += the products of one half of a step's depth: warp rows i * 16.., columns j * 8..
template <class T, class Tile>
__device__ __forceinline__ void multiply_half(int half, const std::uint32_t* a,
                                              const std::uint32_t* b, float (&sum)[2][4][4]) {
  // Which row and chunk of four 8 x 4 matrices this lane points ldmatrix at.
  const int lane = Tile::lane(), low = lane % 8, second = lane / 8 % 2, third = lane / 16;
#pragma unroll
  for (int i_slice = 0; i_slice < 2; ++i_slice) {
    const int slice = half * kWords / 2 + i_slice * 2 * kWordsOfChunk;
    std::uint32_t x[2][4], y[2][4];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      load_matrices(x[i], a + word_at(Tile::warp_row() + i * 16 + second * 8 + low,
                                      slice + third * kWordsOfChunk));
      load_matrices(y[i], b + word_at(Tile::warp_column() + i * 16 + third * 8 + low,
                                      slice + second * kWordsOfChunk));
    }
    if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
#pragma unroll
        for (int word = 0; word < 4; ++word) {
          x[i][word] = to_tf32(__uint_as_float(x[i][word]));
          y[i][word] = to_tf32(__uint_as_float(y[i][word]));
        }
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const std::uint32_t columns[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if constexpr (sizeof(T) == 4)
          mma_tf32(sum[i][j], x[i], columns);
        else
          mma_bf16(sum[i][j], x[i], columns);
      }
    }
  }
}

/// result[row, column] = sum_d a[row, d] * b[d, column], per group and phase; then the epilogue
/// shapes  of the product's operands; any rows, columns, depth
/// dtype   f32, factors rounded to tf32 | bf16; f32 accumulation
/// launch  grid = (Rows x 64 tiles, parts of the depth, phases), block = 2 * Rows,
///         shared = 48 or 72 KiB (f32), 32 or 48 KiB (bf16); 1 barrier per 128 bytes of the depth
/// edges   a tile beyond the result loads zeros and is not stored; depth 0 gives 0
/// error   2^-11 of each factor (tf32), none (bf16 factors are exact); sums as the other rungs
/// cost    as 2_implicit_gemm; bound by look-ups and shared memory, tensor cores half busy.
///         Registers: see the README's table; the 1 in the launch bounds keeps them from spilling
/// source  Thakkar et al., "CUTLASS", 2017-2023 (implicit GEMM on tensor cores, exchanged chunks)
template <class P, int Rows, bool ChunksOfA>
__global__ void __launch_bounds__(2 * Rows, 1) mma_kernel(P all, int column_tiles, Split split) {
  launch_bound(2 * Rows);
  using T = typename P::Element;
  using Tile = ProductMmaTile<T, Rows>;
  const auto& product = all.phase(static_cast<int>(blockIdx.z));
  static_assert(Product<std::remove_cvref_t<decltype(product)>>);
  const auto at = ProductPlace<Tile>::of_block(all, column_tiles);
  const DepthRange range(at.first_column() < product.columns ? product.depth : 0, Tile::kDepth,
                         split.parts);
  const auto row = [&](int i) {
    const int r = at.first_row + i;
    return r < product.rows ? product.a_row(at.group, r) : outside();
  };
  const auto column = [&](int i) {
    const int c = at.first_column() + i;
    return c < product.columns ? product.b_column(at.group, c) : outside();
  };
  using GatherA = std::conditional_t<ChunksOfA, ChunkGather<T, Tile>,
                                     Gather<T, Tile, Route<Tile, Tile::kRows, false>>>;
  GatherA gather_a(product.depth_radix, range.begin, row);
  Gather<T, Tile, Route<Tile, Tile::kColumns, P::kColumnsFast>> gather_b(product.depth_radix,
                                                                         range.begin, column);
  std::uint32_t* const stages = dynamic_shared<std::uint32_t>();
  const auto tile_a = [&](int step) { return stages + step % Tile::kStages * Tile::kStageWords; };
  const auto tile_b = [&](int step) { return tile_a(step) + Tile::kRows * kWords; };
  const int steps = (range.end - range.begin + Tile::kDepth - 1) / Tile::kDepth;
  constexpr int kAhead = Tile::kStages - 1;  // steps under way beside the one being multiplied
  float sum[2][4][4] = {};
  for (int step = -kAhead; step < steps; ++step) {  // the first only fetch
    if (step >= 0) {
      wait_async_group<kAhead - 1>();
      __syncthreads();  // all see the step's tiles, and none reads those that are filled next
    }
    const int next = step + kAhead;
    const auto a_depth = [&](const Digits& d) { return product.a_depth(d); };
    const auto b_depth = [&](const Digits& d) { return product.b_depth(d); };
    // One operand after the other, so that what bf16 holds in registers is half as much.
    if (next < steps) gather_a.fetch(product.a, a_depth, range.end, tile_a(next));
    if (step >= 0) multiply_half<T, Tile>(0, tile_a(step), tile_b(step), sum);
    if (next < steps) {
      gather_a.put(tile_a(next));
      gather_b.fetch(product.b, b_depth, range.end, tile_b(next));
    }
    commit_async_group();  // of the last steps: empty, so that the waits count alike
    if (step >= 0) multiply_half<T, Tile>(1, tile_a(step), tile_b(step), sum);
    if (next < steps) gather_b.put(tile_b(next));
  }
  float own[Tile::kOwnRows][Tile::kOwnColumns];
#pragma unroll
  for (int i = 0; i < Tile::kOwnRows; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kOwnColumns; ++j) {
      own[i][j] = sum[i / 2][j / 2][i % 2 * 2 + j % 2];
    }
  }
  finish_or_keep<Tile>(product, at, column_tiles, split, own);
}

/// Whether a's depths come in chunks of 16 bytes: runs of whole chunks from an aligned start.
template <class P>
bool has_chunks(const P& product) {
  using T = typename P::Element;
  return product.a_run % static_cast<int>(16 / sizeof(T)) == 0 &&
         reinterpret_cast<std::uintptr_t>(product.a.data) % 16 == 0;
}

template <class P>
void run_mma_product(Stream& s, const P& product, int groups, Statistics statistics = {}) {
  const auto run = [&]<int Rows, bool ChunksOfA>() {
    using Tile = ProductMmaTile<typename P::Element, Rows>;
    run_product<Tile>(s, product, groups, statistics, Tile::kSharedBytes,
                      mma_kernel<P, Rows, ChunksOfA>);
  };
  const auto run_rows = [&]<bool ChunksOfA>() {
    if (product.rows > 64)
      run.template operator()<128, ChunksOfA>();
    else
      run.template operator()<64, ChunksOfA>();
  };
  if constexpr (requires { product.a_run; }) {
    if (has_chunks(product)) return run_rows.template operator()<true>();
  }
  run_rows.template operator()<false>();
}

}  // namespace etude::conv_ladder
