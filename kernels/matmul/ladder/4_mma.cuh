#pragma once
// Bottleneck before: the f32 units. They are busy, and a multiply-add of theirs is all a lane gets
// from one instruction.
// Idea: tensor cores. One mma instruction of a warp is 16 x 8 x 16 multiply-adds in bf16 (16 x 8 x
// 8 in tf32), 64 (32) for each lane. What limits now is feeding them: operands stay in their own
// type in shared memory, a warp owns 64 x 64 of c, so that it reads an element of a tile once for
// 64 multiply-adds, by ldmatrix (a matrix of 8 x 16 bytes, rows to lanes as the mma wants them);
// and four stages of tiles are under way by cp.async, as a step is now much shorter than memory's
// latency.
// Predicted gain on large matrices over the vectorised rung, at 60-70% of the tensor cores' peak:
// bf16 about 10x on an A100 (312 against 19.5 TFLOP/s peak), tf32 (156) about half of that.

#include "kernels/core/async.h"
#include "kernels/core/mma.h"
#include "kernels/matmul/ladder/tile.cuh"

namespace etude::matmul_ladder {

constexpr int kMmaTile = 128;       // rows and columns of c per block
constexpr int kMmaWarpTile = 64;    // and per warp
constexpr int kMmaThreads = 128;    // 2 x 2 warps
constexpr int kMmaStages = 4;       // pairs of tiles: one is read, three are on their way
constexpr int kMmaDepthBytes = 64;  // of one step along K
constexpr int kMmaChunks = kMmaTile * kMmaDepthBytes / 16;  // of 16 bytes in a tile
template <class T>
constexpr int kMmaDepth = kMmaDepthBytes / sizeof(T);  // 32 bf16, 16 f32
template <class T>
constexpr int kInChunk = 16 / sizeof(T);

/// A tile of one operand in the order of its global memory: lines of 16-byte chunks. AlongDepth: a
/// line is one outer index (a row of a, a column of b), 64 bytes of the depth; else a line is one
/// depth index, 128 outer ones. The chunks of a line are permuted by xor with bits of the line's
/// number, so that the 8 chunks that a quarter of ldmatrix reads (and that 8 threads' cp.async
/// writes) lie in 8 different groups of 4 banks.
template <class T, bool AlongDepth>
struct MmaTile {
  static constexpr int kInLine = AlongDepth ? kMmaDepthBytes / 16 : kMmaTile / kInChunk<T>;
  uint4 chunk[kMmaChunks];

  __device__ __forceinline__ static int place(int line, int i) {
    if constexpr (AlongDepth) return line * kInLine + (i ^ line / 2 % 4);  // 2 lines to 128 bytes
    if constexpr (sizeof(T) == 2) return line * kInLine + (i ^ line % 8);
    return line * kInLine + (i ^ line % 4 * 2);  // read by 4 lines x 2 chunks, see fragment()
  }

  /// Words w = 0..3 of the lane in the fragments of the 16 outer indices from `outer` on and the
  /// 32 bytes of depth of `slab`. OfA: of one 16 x 32 byte fragment of a; else of b's two
  /// fragments for 8 columns each, two words to each.
  template <bool OfA>
  __device__ __forceinline__ void fragment(std::uint32_t (&words)[4], int outer, int slab) const {
    const auto outer_block = [](int w) { return (OfA ? w % 2 : w / 2) * 8; };
    const auto depth_block = [](int w) { return OfA ? w / 2 : w % 2; };  // of 16 bytes
    const int lane = static_cast<int>(threadIdx.x) % 32, w = lane / 8, r = lane % 8;
    if constexpr (AlongDepth) {
      load_matrices(words, &chunk[place(outer + outer_block(w) + r, slab * 2 + depth_block(w))]);
    } else if constexpr (sizeof(T) == 2) {
      load_matrices<true>(words, &chunk[place(slab * 16 + depth_block(w) * 8 + r,
                                              (outer + outer_block(w)) / kInChunk<T>)]);
    } else {  // ldmatrix transposes 2-byte elements only: here each lane fetches its own words
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int at = outer + outer_block(i) + lane / 4;
        const uint4* quad = &chunk[place(slab * 8 + depth_block(i) * 4 + lane % 4, at / 4)];
        words[i] = reinterpret_cast<const std::uint32_t*>(quad)[at % 4];
      }
    }
    if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (std::uint32_t& word : words) word = to_tf32(math::float_of(word));
    }
  }
};

/// What one thread loads of an operand: of each tile the same four chunks.
template <class T, bool AlongDepth>
class MmaLoader {
  using Tile = MmaTile<T, AlongDepth>;
  static constexpr int kLineStep = kMmaThreads / Tile::kInLine;

 public:
  __device__ __forceinline__ MmaLoader(const T* x, std::int64_t line_stride,
                                       std::int64_t outer_left, std::int64_t depth_left,
                                       bool aligned)
      : line_(static_cast<int>(threadIdx.x) / Tile::kInLine),
        chunk_(static_cast<int>(threadIdx.x) % Tile::kInLine),
        aligned_(aligned),
        lines_left_(AlongDepth ? outer_left : depth_left),
        along_left_((AlongDepth ? depth_left : outer_left) - chunk_ * kInChunk<T>),
        line_stride_(line_stride),
        from_(x + line_ * line_stride + chunk_ * kInChunk<T>) {}

  /// Starts loading the next tile.
  __device__ __forceinline__ void load(Tile& tile) {
    const int along = at_most(kInChunk<T>, along_left_);
#pragma unroll
    for (int i = 0; i < kMmaChunks / kMmaThreads; ++i) {
      const int line = line_ + i * kLineStep;
      const int inside = line < lines_left_ && along > 0 ? along : 0;
      const T* from = from_ + i * kLineStep * line_stride_;
      uint4& to = tile.chunk[Tile::place(line, chunk_)];
      if (aligned_ && (inside == 0 || inside == kInChunk<T>)) {
        copy_async<16>(&to, from, inside > 0);
      } else {
        to = collect(from, inside);
      }
    }
    from_ += AlongDepth ? kMmaDepth<T> : kMmaDepth<T> * line_stride_;
    (AlongDepth ? along_left_ : lines_left_) -= kMmaDepth<T>;
  }

 private:
  /// The first `inside` elements at x, then zeros.
  __device__ __forceinline__ static uint4 collect(const T* x, int inside) {
    std::uint32_t words[4] = {};
#pragma unroll
    for (int e = 0; e < kInChunk<T>; ++e) {
      if (e >= inside) continue;
      if constexpr (sizeof(T) == 2) {
        words[e / 2] |= std::uint32_t{x[e].bits} << e % 2 * 16;
      } else {
        words[e] = math::bits_of(x[e]);
      }
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
  }

  int line_, chunk_;
  bool aligned_;
  std::int64_t lines_left_, along_left_, line_stride_;
  const T* from_;
};

template <class T, bool ADepth, bool BDepth>
struct MmaStage {
  MmaTile<T, ADepth> a;
  MmaTile<T, BDepth> b;
};

/// sum += the warp's part of a stage's product, 64 x 64 from (row, col) on.
template <class T, bool ADepth, bool BDepth>
__device__ __forceinline__ void multiply(const MmaStage<T, ADepth, BDepth>& stage, int row, int col,
                                         float (&sum)[4][8][4]) {
#pragma unroll
  for (int slab = 0; slab < kMmaDepthBytes / 32; ++slab) {
    std::uint32_t a[4][4], b[8][2];
#pragma unroll
    for (int i = 0; i < 4; ++i) stage.a.template fragment<true>(a[i], row + i * 16, slab);
#pragma unroll
    for (int j = 0; j < 8; j += 2) {
      std::uint32_t pair[4];
      stage.b.template fragment<false>(pair, col + j * 8, slab);
      b[j][0] = pair[0], b[j][1] = pair[1], b[j + 1][0] = pair[2], b[j + 1][1] = pair[3];
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if constexpr (sizeof(T) == 2) {
          mma_bf16(sum[i][j], a[i], b[j]);
        } else {
          mma_tf32(sum[i][j], a[i], b[j]);
        }
      }
    }
  }
}

/// The warp's sums, 64 x 64 from (m, n) of c on, by way of its part of shared memory: there they
/// change from the mma's order, in which a lane has two neighbours of a row, to one in which the
/// warp stores 32 neighbours at once, and a small loop does what would be 128 copies of the
/// epilogue's code. The xor puts the 8 lines that a store of fragments meets into different banks.
template <class T>
__device__ __forceinline__ void store_sums(const float (&sum)[4][8][4], float* space,
                                           const MatmulProblem& p, std::int64_t batch,
                                           std::int64_t m, std::int64_t n, T* c,
                                           const Epilogue<T>& epilogue) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const auto place = [](int r, int s) { return r * kMmaWarpTile + (s ^ r % 8 * 8); };
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int e = 0; e < 4; e += 2) {
        const FragmentPlace in = accumulator_place(lane, e);
        *reinterpret_cast<float2*>(&space[place(i * 16 + in.row, j * 8 + in.col)]) =
            make_float2(sum[i][j][e], sum[i][j][e + 1]);
      }
    }
  }
  __syncwarp();
  for (int col = lane; col < kMmaWarpTile; col += 32) {
    if (n + col >= p.n) break;
#pragma unroll 1
    for (int r = 0; r < kMmaWarpTile && m + r < p.m; r += 8) {
      float x[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) x[i] = space[place(r + i, col)];
      epilogue.store_rows(c, (batch * p.m + m + r) * p.n + n + col, p.n, n + col, x,
                          at_most(8, p.m - m - r));
    }
  }
}

/// c[i,m,n] = epilogue(sum_k a[i,m,k] * b[i,k,n])        epilogue as in MatmulOptions
/// shapes  a: [batch, M, K], b: [batch, K, N] strided, c: [batch, M, N] contiguous
/// dtype   bf16, f32 accumulation | f32, factors rounded to tf32
/// launch  grid = 128 x 128 tiles of c, block = 128, dynamic shared = 4 stages (64 KB), 1 barrier a
///         step of 32 (16) along K and 1 before the stores
/// edges   tiles over the edge are filled with zeros; unaligned chunks and those over an edge load
///         element by element, not asynchronously; K = 0: the epilogue of 0
/// error   tf32: 2^-11 in each factor; sums of 16 (8) products as the tensor cores add them, and
///         one rounding for each of these
/// cost    2 * batch * M * N * K flops; an operand element is loaded M / 128 or N / 128 times
/// source  PTX ISA, "Warp-level matrix instructions"; CUTLASS documentation, "Efficient GEMM in
///         CUDA" (multistage pipeline)
template <class T, bool ADepth, bool BDepth>
__global__ void __launch_bounds__(kMmaThreads)
    matmul_mma(MatmulProblem p, const T* a, const T* b, T* c, Epilogue<T> epilogue, bool a_aligned,
               bool b_aligned) {
  launch_bound(kMmaThreads);
  auto* stage = dynamic_shared<MmaStage<T, ADepth, BDepth>>();
  const TilePlace at = tile_place(p, kMmaTile, kMmaTile);
  MmaLoader<T, ADepth> load_a(a + at.batch * p.a.batch + at.m * p.a.row, ADepth ? p.a.row : p.a.col,
                              p.m - at.m, p.k, a_aligned);
  MmaLoader<T, BDepth> load_b(b + at.batch * p.b.batch + at.n * p.b.col, BDepth ? p.b.col : p.b.row,
                              p.n - at.n, p.k, b_aligned);
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row = warp / 2 * kMmaWarpTile, col = warp % 2 * kMmaWarpTile;
  const std::int64_t steps = ceil_div(p.k, kMmaDepth<T>);
  // A group of copies to each step, empty where there is nothing left to load: the wait counts.
  for (int step = 0; step < kMmaStages - 1; ++step) {
    if (step < steps) load_a.load(stage[step].a), load_b.load(stage[step].b);
    commit_async_group();
  }
  float sum[4][8][4] = {};
  for (std::int64_t step = 0; step < steps; ++step) {
    wait_async_group<kMmaStages - 2>();
    __syncthreads();  // this step's stage is there, and all have read the last step's: load that
    if (step + kMmaStages - 1 < steps) {
      auto& next = stage[(step + kMmaStages - 1) % kMmaStages];
      load_a.load(next.a), load_b.load(next.b);
    }
    commit_async_group();
    multiply(stage[step % kMmaStages], row, col, sum);
  }
  __syncthreads();  // all have read the last stage: the sums may take its place
  store_sums(sum, reinterpret_cast<float*>(stage) + warp * kMmaWarpTile * kMmaWarpTile, p, at.batch,
             at.m + row, at.n + col, c, epilogue);
}

/// T: bf16, or float, which is rounded to tf32.
template <class T>
void run_mma(Stream& s, const View& a, const View& b, const View& c, const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  constexpr decltype(&matmul_mma<T, true, true>) kernels[2][2] = {
      {matmul_mma<T, false, false>, matmul_mma<T, false, true>},
      {matmul_mma<T, true, false>, matmul_mma<T, true, true>}};
  launch(s,
         {.grid = tile_grid(p, kMmaTile, kMmaTile),
          .block = dim3(kMmaThreads),
          .shared_bytes = kMmaStages * sizeof(MmaStage<T, true, true>)},
         kernels[p.a.col == 1][p.b.row == 1], p, a.as<T>(), b.as<T>(), c.as<T>(),
         Epilogue<T>(options), in_16_byte_runs(p.a, a), in_16_byte_runs(p.b, b));
}

}  // namespace etude::matmul_ladder
