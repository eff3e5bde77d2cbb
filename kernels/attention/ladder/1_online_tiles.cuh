#pragma once
// Bottleneck before: memory. Scores of all pairs go there and back several times, and no operand is
// used twice while it is near.
//
// Idea: no score leaves the chip. A block owns 64 queries (32 where a head has more than 64
// dimensions) and meets the keys 32 at a time: scores of a tile in registers, and for the softmax,
// which needs all scores of a row, a running one: the largest score so far and the sum of
// exponentials under it. A new largest score costs a factor on what was summed before. Tiles that
// no query of the block sees are not met. The gradient has lse, so its probabilities need no second
// pass; the block that owns queries sums dq, another kernel, whose blocks own keys, dk and dv: no
// sums of several blocks meet, so no atomics and one order, at the price of making the scores
// twice. A thread has 4 x 4 scores and 4 rows of the results: 16 multiply-adds per 8 operands
// loaded (four at a time).
//
// Predicted gain on long sequences: some 20 times. The scores' way to memory and back goes, an
// operand comes from L2 once per 64 rows, and the products become bound by the f32 units, at
// perhaps half of their peak.

#include "kernels/attention/ladder/delta.cuh"

namespace etude::attention_ladder {

constexpr int kOnlineCols = 32;
template <int kDim>
constexpr int kOnlineRows = kDim > 64 ? 32 : 64;
template <int kDim>
constexpr unsigned kOnlineThreads = 2 * kOnlineRows<kDim>;
/// Floats of a row in shared memory: 8 threads that read 8 rows, 16 bytes each, meet all banks.
template <int kDim>
constexpr int kOnlineStride = kDim + 4;

/// Rows of a head in shared memory, and the columns they meet: 4 rows to a thread, whose number
/// among 8 is `part`. All 8 threads of a row are of one warp.
template <int kDim>
struct OnlineThread {
  int row = static_cast<int>(threadIdx.x) / 8 * 4;
  int part = static_cast<int>(threadIdx.x) % 8;
};

/// Loads `count` rows from `first` on, those at and beyond `end` as zeros, as D beyond p.D.
template <int kDim>
__device__ __forceinline__ void load_rows(const float* from, std::int64_t stride, int first,
                                          int count, int end, int D, float* to) {
#pragma unroll 2
  for (int i = static_cast<int>(threadIdx.x); i < count * kDim;
       i += static_cast<int>(kOnlineThreads<kDim>)) {
    const int row = i / kDim, d = i % kDim;
    const bool inside = first + row < end && d < D;
    to[row * kOnlineStride<kDim> + d] = inside ? from[(first + row) * stride + d] : 0;
  }
}

/// x[i][j] = sum_d a[row + i][d] b[part + 8 j][d]
template <int kDim>
__device__ __forceinline__ void multiply_tile(const float* a, const float* b, float (&x)[4][4]) {
  const OnlineThread<kDim> at;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) x[i][j] = 0;
  }
#pragma unroll 2
  for (int d = 0; d < kDim; d += 4) {
    float4 u[4], v[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      u[i] = *reinterpret_cast<const float4*>(a + (at.row + i) * kOnlineStride<kDim> + d);
      v[i] = *reinterpret_cast<const float4*>(b + (at.part + 8 * i) * kOnlineStride<kDim> + d);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        x[i][j] = math::fma(u[i].x, v[j].x, x[i][j]);
        x[i][j] = math::fma(u[i].y, v[j].y, x[i][j]);
        x[i][j] = math::fma(u[i].z, v[j].z, x[i][j]);
        x[i][j] = math::fma(u[i].w, v[j].w, x[i][j]);
      }
    }
  }
}

/// to[row + i][part + 8 j] = x[i][j]; to: [rows][33]
template <int kDim>
__device__ __forceinline__ void put_tile(const float (&x)[4][4], float* to) {
  const OnlineThread<kDim> at;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) to[(at.row + i) * (kOnlineCols + 1) + at.part + 8 * j] = x[i][j];
  }
}

/// sum[i][4 j + e] += sum_c x[row + i][c] b[c][32 j + 4 part + e]; x: [rows][33]
template <int kDim>
__device__ __forceinline__ void add_tile(const float* x, const float* b,
                                         float (&sum)[4][kDim / 8]) {
  const OnlineThread<kDim> at;
#pragma unroll 2
  for (int c = 0; c < kOnlineCols; ++c) {
    float u[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) u[i] = x[(at.row + i) * (kOnlineCols + 1) + c];
#pragma unroll
    for (int j = 0; j < kDim / 32; ++j) {
      const float4 v =
          *reinterpret_cast<const float4*>(b + c * kOnlineStride<kDim> + 32 * j + 4 * at.part);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum[i][4 * j] = math::fma(u[i], v.x, sum[i][4 * j]);
        sum[i][4 * j + 1] = math::fma(u[i], v.y, sum[i][4 * j + 1]);
        sum[i][4 * j + 2] = math::fma(u[i], v.z, sum[i][4 * j + 2]);
        sum[i][4 * j + 3] = math::fma(u[i], v.w, sum[i][4 * j + 3]);
      }
    }
  }
}

/// The thread's part of row `i` of the sums, times a factor, to the user's row.
template <int kDim>
__device__ __forceinline__ void store_sums(const float (&sum)[kDim / 8], float factor, int D,
                                           float* to) {
  const OnlineThread<kDim> at;
#pragma unroll
  for (int j = 0; j < kDim / 8; ++j) {
    const int d = j / 4 * 32 + 4 * at.part + j % 4;
    if (d < D) to[d] = factor * sum[j];
  }
}

template <int kDim>
struct OnlineForwardSmem {
  float q[kOnlineRows<kDim>][kOnlineStride<kDim>];
  float k[kOnlineCols][kOnlineStride<kDim>], v[kOnlineCols][kOnlineStride<kDim>];
  float x[kOnlineRows<kDim>][kOnlineCols + 1];
};

/// y[h,t] = sum_s keep p[t,s] v[h,s], p = softmax(scale q[h,t] . k[h,s]), lse: its logarithm
/// shapes  q, y: [heads, T, D], k, v: [heads, S, D] rows of any strides, lse: [heads, T]
/// dtype   f32
/// launch  a block per 64 (32) queries of a head, 2 threads to each; dynamic shared = Q, K, V and
///         probabilities (27 to 55 KB), 2 barriers per 32 keys
/// edges   T, S, D ragged: zeros, and scores of -inf; D at most kDim
/// error   the rescaling adds a rounding per tile to that of sums of S terms
/// cost    4 heads T S D flops (half if causal); k and v are loaded T / 64 times, from L2
/// source  Milakov & Gimelshein 2018, Alg. 3; Dao, "FlashAttention-2", 2023, Alg. 1
template <int kDim>
__global__ void __launch_bounds__(kOnlineThreads<kDim>, 1)
    attention_online(AttentionProblem<float> p) {
  launch_bound(kOnlineThreads<kDim>);
  auto& smem = *dynamic_shared<OnlineForwardSmem<kDim>>();
  const HeadTile tile(p.T, kOnlineRows<kDim>);
  const OnlineThread<kDim> at;
  load_rows<kDim>(p.q.of(tile.head), p.q.row, tile.first, kOnlineRows<kDim>, p.T, p.D, smem.q[0]);
  float max[4], sum[4], y[4][kDim / 8] = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) max[i] = -math::kInfinity, sum[i] = 0;
  const int keys = keys_of_tile(p, tile.first, kOnlineRows<kDim>);
  for (int key = 0; key < keys; key += kOnlineCols) {
    __syncthreads();  // all have read the last tile
    load_rows<kDim>(p.k.of(tile.head), p.k.row, key, kOnlineCols, p.S, p.D, smem.k[0]);
    load_rows<kDim>(p.v.of(tile.head), p.v.row, key, kOnlineCols, p.S, p.D, smem.v[0]);
    __syncthreads();  // this one is there
    float x[4][4];
    multiply_tile<kDim>(smem.q[0], smem.k[0], x);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int t = tile.first + at.row + i, seen = p.visible(t);
      float largest = max[i], total = 0;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        x[i][j] = key + at.part + 8 * j < seen ? p.scale * x[i][j] : -math::kInfinity;
        largest = Max{}(largest, x[i][j]);
      }
      largest = warp_max<8>(largest);
      const float factor = math::exp(max[i] - largest);
      max[i] = largest;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const float exponential = math::exp(x[i][j] - largest);
        total += exponential;
        smem.x[at.row + i][at.part + 8 * j] = exponential;
      }
      sum[i] = sum[i] * factor + total;
#pragma unroll
      for (float& value : y[i]) value *= factor;
    }
    if (p.dropout.on()) {
#pragma unroll 1
      for (int i = 0; i < 16; ++i) {  // the thread's own
        const int row = at.row + i / 4, col = at.part + i % 4 * 8;
        if (tile.first + row >= p.T || key + col >= p.S) continue;
        smem.x[row][col] *= p.dropout.keep_at(tile.head, tile.first + row, key + col);
      }
    }
    __syncwarp();  // the row's probabilities are of this warp
    add_tile<kDim>(smem.x[0], smem.v[0], y);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int t = tile.first + at.row + i;
    const float total = warp_sum<8>(sum[i]);
    if (t >= p.T) continue;
    store_sums<kDim>(y[i], 1 / total, p.D, p.y.of(tile.head) + t * p.y.row);
    if (at.part == 0) p.lse[tile.head * p.T + t] = max[i] + math::log(total);
  }
}

template <int kDim>
struct OnlineGradSmem {
  float own[2][kOnlineRows<kDim>][kOnlineStride<kDim>];
  float other[2][kOnlineCols][kOnlineStride<kDim>];
  float x[2][kOnlineRows<kDim>][kOnlineCols + 1];  // p keep, ds
};

/// With p = exp(scale q . k - lse) and ds = p (keep dy . v - delta):
///   a block that owns queries: dq = scale sum_s ds k
///   ByKeys, one that owns keys: dk = scale sum_t ds q,  dv = sum_t p keep dy
/// shapes  q, dy, dq: [heads, T, D], k, v, dk, dv: [heads, S, D] rows of any strides, lse, delta:
///         [heads, T]                                           dtype   f32
/// launch  a block per 64 (32) rows it owns, 2 threads to each; dynamic shared = both pairs of
///         operands and both arrays of a tile (45 to 76 KB), 2 barriers per 32 of the other rows
/// edges   as attention_online
/// cost    6 (ByKeys: 8) heads T S D flops, half if causal
/// source  Dao, "FlashAttention-2", 2023, Alg. 2, cut in two
template <int kDim, bool ByKeys>
__global__ void __launch_bounds__(kOnlineThreads<kDim>, 1)
    attention_online_grad(AttentionProblem<float> p, const float* delta) {
  launch_bound(kOnlineThreads<kDim>);
  auto& smem = *dynamic_shared<OnlineGradSmem<kDim>>();
  const int own_rows = ByKeys ? p.S : p.T, other_rows = ByKeys ? p.T : p.S;
  const HeadTile tile(own_rows, kOnlineRows<kDim>);
  const OnlineThread<kDim> at;
  const HeadRows<const float>&own0 = ByKeys ? p.k : p.q, &own1 = ByKeys ? p.v : p.dy;
  const HeadRows<const float>&other0 = ByKeys ? p.q : p.k, &other1 = ByKeys ? p.dy : p.v;
  load_rows<kDim>(own0.of(tile.head), own0.row, tile.first, kOnlineRows<kDim>, own_rows, p.D,
                  smem.own[0][0]);
  load_rows<kDim>(own1.of(tile.head), own1.row, tile.first, kOnlineRows<kDim>, own_rows, p.D,
                  smem.own[1][0]);
  const int begin = ByKeys ? p.first_query(tile.first) / kOnlineCols * kOnlineCols : 0;
  const int end = ByKeys ? p.T : keys_of_tile(p, tile.first, kOnlineRows<kDim>);
  float sum[ByKeys ? 2 : 1][4][kDim / 8] = {};
  for (int first = begin; first < end; first += kOnlineCols) {
    __syncthreads();  // all have read the last tile
    load_rows<kDim>(other0.of(tile.head), other0.row, first, kOnlineCols, other_rows, p.D,
                    smem.other[0][0]);
    load_rows<kDim>(other1.of(tile.head), other1.row, first, kOnlineCols, other_rows, p.D,
                    smem.other[1][0]);
    __syncthreads();  // this one is there
    float x[4][4];
    multiply_tile<kDim>(smem.own[0][0], smem.other[0][0], x);
    put_tile<kDim>(x, smem.x[0][0]);
    multiply_tile<kDim>(smem.own[1][0], smem.other[1][0], x);
    put_tile<kDim>(x, smem.x[1][0]);
#pragma unroll 1
    for (int i = 0; i < 16; ++i) {  // the thread's own
      const int row = at.row + i / 4, col = at.part + i % 4 * 8;
      float &score = smem.x[0][row][col], &grad = smem.x[1][row][col];
      const int t = ByKeys ? first + col : tile.first + row;
      const int s = ByKeys ? tile.first + row : first + col;
      const bool seen = t < p.T && s < p.visible(t);
      const std::int64_t of = tile.head * p.T + (seen ? t : 0);
      const float probability = seen ? math::exp(p.scale * score - p.lse[of]) : 0;
      const float keep = seen ? p.dropout.keep_at(tile.head, t, s) : 0;
      score = probability * keep;
      grad = probability * (keep * grad - delta[of]);
    }
    __syncwarp();  // the row's values are of this warp
    add_tile<kDim>(smem.x[1][0], smem.other[0][0], sum[0]);
    if constexpr (ByKeys) add_tile<kDim>(smem.x[0][0], smem.other[1][0], sum[1]);
  }
  const HeadRows<float>& to = ByKeys ? p.dk : p.dq;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = tile.first + at.row + i;
    if (row >= own_rows) continue;
    store_sums<kDim>(sum[0][i], p.scale, p.D, to.of(tile.head) + row * to.row);
    if constexpr (ByKeys) {
      store_sums<kDim>(sum[1][i], 1, p.D, p.dv.of(tile.head) + row * p.dv.row);
    }
  }
}

/// body.operator()<kDim>() with the padded head size; false where D is beyond the tiles.
template <class Body>
bool with_padded_dim(int D, const Body& body) {
  if (D <= 32) return body.template operator()<32>(), true;
  if (D <= 64) return body.template operator()<64>(), true;
  if (D <= 96) return body.template operator()<96>(), true;
  if (D <= 128) return body.template operator()<128>(), true;
  return false;
}

inline void run_online(Stream& s, const AttentionForward& arguments) {
  const AttentionProblem<float> p(arguments);
  const bool served = with_padded_dim(p.D, [&]<int kDim>() {
    launch(s,
           {.grid = head_tiles(p.heads, p.T, kOnlineRows<kDim>),
            .block = dim3(kOnlineThreads<kDim>),
            .shared_bytes = sizeof(OnlineForwardSmem<kDim>)},
           attention_online<kDim>, p);
  });
  if (!served) run_materialised<float>(s, arguments);
}

inline void run_online_grad(Stream& s, const AttentionBackward& arguments) {
  const AttentionProblem<float> p(arguments);
  const bool served = with_padded_dim(p.D, [&]<int kDim>() {
    auto* delta = static_cast<float*>(s.scratch(sizeof(float) * p.heads * p.T));
    run_delta(s, p, delta);
    const auto part = [&](auto kernel, int rows) {
      launch(s,
             {.grid = head_tiles(p.heads, rows, kOnlineRows<kDim>),
              .block = dim3(kOnlineThreads<kDim>),
              .shared_bytes = sizeof(OnlineGradSmem<kDim>)},
             kernel, p, delta);
    };
    part(attention_online_grad<kDim, false>, p.T);
    part(attention_online_grad<kDim, true>, p.S);
  });
  if (!served) run_materialised_grad<float>(s, arguments);
}

}  // namespace etude::attention_ladder
