#pragma once
// Bottleneck before: every step is two launches and reads w_hh again, 4 MiB for H = 512, although
// it never changes. Idea: one cooperative launch for all steps. A block owns 4 units and keeps
// their part of w_hh in shared memory (16 rows going forward, 4 columns going back: 32 KiB in f32);
// per step it multiplies these with the whole state, ends its own units' step in registers, and
// waits for all others at a barrier of the grid. Predicted for H = 512, B = 64: a step's arithmetic
// is 2 microseconds of the f32 units and the barrier 1 to 2, against 8 or more of two launches and
// a product that fills a card badly; so 2 to 3 times faster, until the barrier and the state, which
// every block reads from L2, are the limit. In bf16 the memory for weights halves, not the
// arithmetic, which stays f32.

#include "kernels/lstm/ladder/1_fused_gates.cuh"

namespace etude::lstm_ladder {

constexpr int kUnits = 4;       // of a block
constexpr int kTileRows = 64;   // sequences that a block computes at a time
constexpr int kTileDepth = 64;  // of the sums, per step along them
constexpr int kOwn = 4;         // rows of a thread, each with 4 sums

constexpr std::int64_t padded_depth(std::int64_t depth) {
  return ceil_div(depth, kTileDepth) * kTileDepth;
}

/// Four neighbours, which one instruction loads.
template <class T>
struct alignas(4 * sizeof(T)) Four {
  T v[4];
};
template <class T>
__device__ __forceinline__ Four<float> load_four(const T* p) {
  const Four<T> raw = *reinterpret_cast<const Four<T>*>(p);
  return {{static_cast<float>(raw.v[0]), static_cast<float>(raw.v[1]), static_cast<float>(raw.v[2]),
           static_cast<float>(raw.v[3])}};
}

__device__ inline LstmGates<float> added(const LstmGates<float>& a, const Four<float>& b) {
  return {a.i + b.v[0], a.f + b.v[1], a.g + b.v[2], a.o + b.v[3]};
}

/// A thread's place: warps 0..3 and 4..7 share 32 rows each; of a warp's lanes, eight have rows of
/// their own, and four share these and divide the depth.
struct Lanes {
  int warp, row, part;
  __device__ Lanes() {
    const int lane = static_cast<int>(lane_id()), all = static_cast<int>(warp_id());
    warp = all % 4;
    row = all / 4 * 32 + lane % 8;  // the first of kOwn, 8 apart
    part = lane / 8;
  }
};

/// Rows of a matrix from `first` on, kTileDepth columns from `k` on, as f32. Rows are one chunk of
/// 16 bytes longer, so that 8 rows' chunks lie in 32 different banks.
struct StateTile {
  alignas(16) float value[kTileRows][kTileDepth + 4];

  /// All threads of the block; zeros beyond the matrix.
  template <class T>
  __device__ void load(const T* from, std::int64_t first, std::int64_t rows, std::int64_t k,
                       std::int64_t depth) {
    const int column = static_cast<int>(threadIdx.x) % kTileDepth;
#pragma unroll 4
    for (int r = static_cast<int>(threadIdx.x) / kTileDepth; r < kTileRows;
         r += kThreads / kTileDepth) {
      const bool inside = first + r < rows && k + column < depth;
      value[r][column] = inside ? static_cast<float>(from[(first + r) * depth + k + column]) : 0.0f;
    }
  }
};

/// A thread's 16 sums: its rows times 4 rows of weights.
struct Sums {
  float value[kOwn][4] = {};

  /// Adds columns [column, column + 4) of the tile times w[j * w_row + 0..3].
  template <class T>
  __device__ __forceinline__ void add(const StateTile& tile, int row, int column, const T* w,
                                      std::int64_t w_row) {
    Four<float> weights[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) weights[j] = load_four(w + j * w_row);
#pragma unroll
    for (int r = 0; r < kOwn; ++r) {
      const Four<float> state = load_four(&tile.value[row + 8 * r][column]);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
#pragma unroll
        for (int i = 0; i < 4; ++i) value[r][j] += state.v[i] * weights[j].v[i];
      }
    }
  }
  /// The sums over the four lanes that share rows; lane part p gets row p of them, so that all four
  /// have one to finish.
  __device__ __forceinline__ Four<float> across_parts(int part) const {
    Four<float> mine{};
#pragma unroll
    for (int r = 0; r < kOwn; ++r) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float sum = value[r][j];
        sum += shuffle_xor(sum, 8);
        sum += shuffle_xor(sum, 16);
        if (r == part) mine.v[j] = sum;
      }
    }
    return mine;
  }
};

/// Four rows of weights for one group of units, `row` apart, and those of the next group.
template <class T>
struct Kept {
  const T* weights;
  std::int64_t row, group;
};

/// sums[g] += rows of `from`, [B, K], from b0 on, times group g's weights. Of every 64 columns this
/// thread takes 4 from `column` on and, Steps times in all, those 16 further on. All threads of the
/// block; 2 barriers per 64 of the depth K.
template <int Steps, int Groups, class T>
__device__ __forceinline__ void add_product(Sums (&sums)[Groups], StateTile& tile, int row,
                                            int column, const T* from, std::int64_t b0,
                                            std::int64_t B, std::int64_t K, const Kept<T>& kept) {
  for (std::int64_t k = 0; k < K; k += kTileDepth) {
    tile.load(from, b0, B, k, K);
    __syncthreads();
#pragma unroll 2
    for (int step = 0; step < Steps; ++step) {
      const int at = column + 16 * step;
#pragma unroll
      for (int g = 0; g < Groups; ++g) {
        sums[g].add(tile, row, at, kept.weights + g * kept.group + k + at, kept.row);
      }
    }
    __syncthreads();  // all have read: the next step may overwrite
  }
}

/// The four rows each of w, [4 H, K], that `units` units from `first` on have, to [unit][gate] rows
/// `row` apart, with zeros up to the padded depth and beyond the last unit.
template <class T>
__device__ void keep_rows(T* kept, std::int64_t row, const T* w, std::int64_t first, int units,
                          std::int64_t H, std::int64_t K) {
  for (int r = 0; r < 4 * units; ++r) {
    const std::int64_t u = first + r / 4, from = (r % 4 * H + u) * K;
    for (std::int64_t k = threadIdx.x; k < padded_depth(K); k += kThreads) {
      kept[r * row + k] = u < H && k < K ? w[from + k] : static_cast<T>(0.0f);
    }
  }
}

/// Columns of w, [K, H], the same way.
template <class T>
__device__ void keep_columns(T* kept, std::int64_t row, const T* w, std::int64_t first, int units,
                             std::int64_t H, std::int64_t K) {
  for (std::int64_t i = threadIdx.x; i < units * padded_depth(K); i += kThreads) {
    const std::int64_t c = i % units, u = first + c, k = i / units;
    kept[c * row + k] = u < H && k < K ? w[k * H + u] : static_cast<T>(0.0f);
  }
}

/// All steps: gates[t] + w_hh y[t - 1], then each unit's step
/// shapes  of LstmForward; gates hold x w_ih' + bias     dtype   T storage, f32 sums, f32 cells
/// launch  cooperative, grid = H / 4, block = 256, shared = 17 KB + 16 rows of w_hh; 2 barriers per
///         64 of the depth, one of the grid per step
/// edges   as lstm_fused_gates; units and sequences over the edge have zeros and store nothing
/// error   H additions, in 4 chains of H / 4; bf16: the sums are not rounded before they are added
/// cost    8 T B H^2 flops; every step H / 4 blocks read the state, B H elements, from L2
/// source  Diamos et al., "Persistent RNNs: stashing recurrent weights on-chip", 2016
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_persistent(ForwardSteps<T> p) {
  launch_bound(kThreads);
  auto& tile = shared<StateTile>();
  T* weights = dynamic_shared<T>();  // [unit][gate][depth]
  const std::int64_t depth = padded_depth(p.H), first = blockIdx.x * std::int64_t{kUnits};
  keep_rows(weights, depth, p.w_hh, first, kUnits, p.H, p.H);
  const Lanes at;
  const std::int64_t u = first + at.warp;
  const Kept<T> own{weights + at.warp * 4 * depth, depth, 0};
  for (std::int64_t t = 0; t < p.steps; ++t) {
    if (t > 0) grid_sync();  // y[t - 1] is complete
    for (std::int64_t b0 = 0; b0 < p.B; b0 += kTileRows) {
      Sums sums[1];
      add_product<4>(sums, tile, at.row, 4 * at.part, p.h_before(t), b0, p.B, p.H, own);
      const Four<float> mine = sums[0].across_parts(at.part);
      const std::int64_t b = b0 + at.row + 8 * at.part;
      if (b < p.B && u < p.H) p.finish(t, b, u, added(p.load_gates(t, b, u), mine));
    }
  }
}

/// Of a backward pass: the tile, and the sums of each warp's part of the depth, one row's 4 units.
template <int Groups>
struct GradTile {
  StateTile state;
  Four<float> partial[Groups][4][kTileRows];

  /// All threads of the block.
  __device__ void share(const Sums (&sums)[Groups], const Lanes& at) {
    for (int g = 0; g < Groups; ++g) {
      partial[g][at.warp][at.row + 8 * at.part] = sums[g].across_parts(at.part);
    }
    __syncthreads();
  }
  /// The thread's unit of a group, in its row.
  __device__ float sum(int g, const Lanes& at) const {
    float sum = 0;
    for (int warp = 0; warp < 4; ++warp) {
      sum += partial[g][warp][at.row + 8 * at.part].v[at.warp];
    }
    return sum;
  }
};

/// All steps back: dh = dgates[t + 1] w_hh, then each unit's gate_grads of step t
/// shapes  of LstmBackward                               dtype   T storage, f32 sums, f32 cells
/// launch  cooperative, grid = H / 4, block = 256, shared = 21 KB + 4 columns of w_hh; 2 barriers
///         per 64 of the depth 4 H, one per 64 sequences, one of the grid per step
/// edges   as lstm_gate_grads; the last round, t = -1, leaves dh0
/// error   4 H additions, in 16 chains of H / 4
/// cost    8 T B H^2 flops; every step H / 4 blocks read dgates[t], 4 B H elements, from L2
/// source  as lstm_persistent
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_persistent_grad(BackwardSteps<T> p) {
  launch_bound(kThreads);
  auto& tile = shared<GradTile<1>>();
  T* weights = dynamic_shared<T>();  // [unit][depth]
  const std::int64_t K = 4 * p.H, depth = padded_depth(K),
                     first = blockIdx.x * std::int64_t{kUnits};
  keep_columns(weights, depth, p.w_hh, first, kUnits, p.H, K);
  const Lanes at;
  const std::int64_t u = first + at.warp;
  const Kept<T> own{weights, depth, 0};
  for (std::int64_t t = p.steps - 1; t >= -1; --t) {
    const bool last = t == p.steps - 1;
    if (!last) grid_sync();  // dgates[t + 1] is complete
    for (std::int64_t b0 = 0; b0 < p.B; b0 += kTileRows) {
      if (!last) {
        Sums sums[1];
        add_product<1>(sums, tile.state, at.row, 16 * at.warp + 4 * at.part,
                       p.dgates + (t + 1) * p.B * K, b0, p.B, K, own);
        tile.share(sums, at);
      }
      const std::int64_t b = b0 + at.row + 8 * at.part;
      if (b < p.B && u < p.H) p.hand_back(t, b, u, last ? 0 : tile.sum(0, at));
    }
  }
}

/// Bytes of w_hh that a block keeps, one way and the other.
template <class T>
std::size_t kept_forward(std::int64_t H) {
  return static_cast<std::size_t>(4 * kUnits * padded_depth(H)) * sizeof(T);
}
template <class T>
std::size_t kept_backward(std::int64_t H) {
  return static_cast<std::size_t>(kUnits * padded_depth(4 * H)) * sizeof(T);
}

/// Whether all blocks of both directions are resident at once, as a barrier of the grid needs it.
template <class T>
bool persistent_fits(const LstmShape& n) {
  const std::int64_t blocks = ceil_div(n.H, kUnits);
  return n.H > 0 && n.B > 0 && n.T > 0 &&
         blocks <= resident_blocks(lstm_persistent<T>, kThreads, kept_forward<T>(n.H)) &&
         blocks <= resident_blocks(lstm_persistent_grad<T>, kThreads, kept_backward<T>(n.H));
}

inline LaunchConfig persistent_launch(const LstmShape& n, std::size_t kept) {
  return {.grid = grid_of(ceil_div(n.H, kUnits)),
          .block = dim3(kThreads),
          .shared_bytes = kept,
          .cooperative = true};
}

template <class T>
void run_persistent(Stream& s, const LstmForward& p) {
  const LstmShape n(p);
  if (!persistent_fits<T>(n)) return run_fused_gates<T>(s, p);
  copy_state(s, p.h0, p.h_end);
  copy_state(s, p.c0, p.c_end);
  lstm_input_product(s, p, 0, n.T);
  launch(s, persistent_launch(n, kept_forward<T>(n.H)), lstm_persistent<T>, ForwardSteps<T>(p));
}

template <class T>
void run_persistent_grad(Stream& s, const LstmBackward& p) {
  const LstmShape n(p);
  if (!persistent_fits<T>(n)) return run_fused_gates_grad<T>(s, p);
  copy_state(s, p.dh_end, p.dh0);
  copy_state(s, p.dc_end, p.dc0);
  launch(s, persistent_launch(n, kept_backward<T>(n.H)), lstm_persistent_grad<T>,
         BackwardSteps<T>(p));
  lstm_input_grad(s, p, 0, n.T);
  lstm_weight_grads(s, p);
  bias_grad<T>(s, p);
}

}  // namespace etude::lstm_ladder
