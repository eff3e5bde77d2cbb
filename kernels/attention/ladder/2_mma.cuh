#pragma once
// Bottleneck before: the f32 units, and shared memory, which they read two floats from for four
// multiply-adds.
//
// Idea: tensor cores, and the softmax in their own registers. A warp has 16 rows of scores as the
// sums of mma.sync: a row lies with 4 lanes, so its maximum is two shuffles away, and the lane map
// of sums is, two and two, that of the first operand: probabilities go into the next product
// without leaving the registers. In the gradient the block that owns keys makes the scores the
// other way round (keys are rows), so that they too are first operands, and nothing is transposed
// but by ldmatrix. The next tile is under way by cp.async while this one is used.
//
// Predicted gain over the f32 tiles, not measured: on an A100 forward 8x, at half of the tensor
// cores' peak; the gradient 6x, as it makes scores twice, 7 products where one pass with atomics
// would have 5. What limits then: the exponentials between the products, for which a processor has
// 16 results a clock, and ldmatrix, once for 16 x 16 of every second operand in each warp.

#include "kernels/attention/ladder/1_online_tiles.cuh"
#include "kernels/attention/ladder/head_tile.cuh"

namespace etude::attention_ladder {

constexpr int kMmaCols = 64;
/// In the gradient, where two sums of 16 rows take all registers that the scores leave.
template <int kDim, bool ByKeys>
constexpr int kMmaGradCols = ByKeys&& kDim > 96 ? 16 : 32;

/// Which of the operands take 16-byte loads, and results 4-byte stores.
struct MmaAlignment {
  bool loads, stores;

  explicit MmaAlignment(const AttentionProblem<bf16>& p, bool gradient)
      : loads(p.q.aligned(8) && p.k.aligned(8) && p.v.aligned(8) && (!gradient || p.dy.aligned(8))),
        stores(gradient ? p.dq.aligned(2) && p.dk.aligned(2) && p.dv.aligned(2) : p.y.aligned(2)) {}
};

template <int kDim>
struct MmaForwardSmem {
  HeadTile16<kMmaRows, kDim> q;
  struct {
    HeadTile16<kMmaCols, kDim> k, v;
  } stage[2];
};

/// The running softmax of a lane's two rows. `sum` is of this lane's columns alone.
struct MmaSoftmax {
  float max[2] = {-math::kInfinity, -math::kInfinity}, sum[2] = {};

  /// Scores become exponentials under the new maximum; returns what older sums are to be multiplied
  /// by.
  template <int kPairs>
  __device__ __forceinline__ float add(float (&x)[kPairs][2][4], int half) {
    float largest = max[half];
#pragma unroll
    for (int i = 0; i < kPairs * 4; ++i) {
      largest = Max{}(largest, x[i / 4][i / 2 % 2][2 * half + i % 2]);
    }
    largest = warp_max<4>(largest);
    const float factor = __expf(max[half] - largest);
    max[half] = largest;
    sum[half] *= factor;
#pragma unroll
    for (int i = 0; i < kPairs * 4; ++i) {
      float& value = x[i / 4][i / 2 % 2][2 * half + i % 2];
      value = __expf(value - largest);
      sum[half] += value;
    }
    return factor;
  }
};

/// y[h,t] = sum_s keep p[t,s] v[h,s], p = softmax(scale q[h,t] . k[h,s]), lse: its logarithm
/// shapes  q, y: [heads, T, D], k, v: [heads, S, D] rows of any strides, lse: [heads, T]
/// dtype   bf16, f32 sums; the exponentials are rounded to bf16 for the second product
/// launch  a block per 64 queries of a head, block = 128; dynamic shared = Q and two stages
///         of K and V (20 to 80 KB), 1 barrier per 64 keys
/// edges   T, S, D ragged: zeros, and scores of -inf; D at most kDim; unaligned rows are
///         loaded element by element
/// error   2^-9 of the values' largest, from the rounded exponentials, and as much from y's
/// cost    4 heads T S D flops (half if causal); k and v are loaded T / 64 times, from L2
/// source  Dao, "FlashAttention-2", 2023, Alg. 1; PTX ISA, mma.m16n8k16
template <int kDim>
__global__ void __launch_bounds__(kMmaThreads)
    attention_mma(AttentionProblem<bf16> p, MmaAlignment aligned) {
  launch_bound(kMmaThreads);
  auto& smem = *dynamic_shared<MmaForwardSmem<kDim>>();
  const HeadTile tile(p.T, kMmaRows);
  const int lane = static_cast<int>(threadIdx.x) % 32,
            own = static_cast<int>(threadIdx.x) / 32 * 16;
  const int keys = keys_of_tile(p, tile.first, kMmaRows);
  const auto load = [&](int key) {
    auto& stage = smem.stage[key / kMmaCols % 2];
    if (key < keys) {
      stage.k.load(p.k.of(tile.head), p.k.row, key, p.S, p.D, aligned.loads);
      stage.v.load(p.v.of(tile.head), p.v.row, key, p.S, p.D, aligned.loads);
    }
    commit_async_group();
  };
  smem.q.load(p.q.of(tile.head), p.q.row, tile.first, p.T, p.D, aligned.loads);
  load(0);
  MmaSoftmax softmax;
  float y[kDim / 16][2][4] = {};
  for (int key = 0; key < keys; key += kMmaCols) {
    wait_async_group<0>();
    __syncthreads();  // this stage is there, and all have read the other one: load that
    load(key + kMmaCols);
    const auto& stage = smem.stage[key / kMmaCols % 2];
    float x[kMmaCols / 16][2][4];
    multiply_rows(smem.q, own, stage.k, x);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int seen = p.visible(tile.first + own + lane / 4 + 8 * half) - key;
#pragma unroll
      for (int i = 0; i < kMmaCols / 4; ++i) {
        float& score = x[i / 4][i / 2 % 2][2 * half + i % 2];
        const int col = i / 2 * 8 + lane % 4 * 2 + i % 2;
        score = col < seen ? p.scale * score : -math::kInfinity;
      }
      const float factor = softmax.add(x, half);
#pragma unroll
      for (int i = 0; i < kDim / 4; ++i) y[i / 4][i / 2 % 2][2 * half + i % 2] *= factor;
    }
    if (p.dropout.on()) {
#pragma unroll
      for (int j = 0; j < kMmaCols / 16; ++j) {
        // Tiles of 16 x 16, whose blocks of draws are numbered as lanes (see dropout.h).
        const Philox4 words =
            philox(p.dropout.key, p.dropout.tile(tile.head, tile.first + own, key + 16 * j) +
                                      static_cast<unsigned>(lane));
#pragma unroll
        for (int i = 0; i < 8; ++i) {  // n, half, column
          x[j][i / 4][i % 4] *= p.dropout.keep(words.word[i / 4 * 2 + i / 2 % 2], i % 2);
        }
      }
    }
    add_product(x, stage.v, y);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int t = tile.first + own + lane / 4 + 8 * half;
    const float total = warp_sum<4>(softmax.sum[half]);
    if (t >= p.T) continue;
    store_row<kDim>(y, half, 1 / total, p.D, aligned.stores, p.y.of(tile.head) + t * p.y.row);
    if (lane % 4 == 0) p.lse[tile.head * p.T + t] = softmax.max[half] + math::log(total);
  }
}

template <int kDim, int kCols>
struct MmaGradSmem {
  HeadTile16<kMmaRows, kDim> own[2];
  struct {
    HeadTile16<kCols, kDim> other[2];
    float lse[kCols], delta[kCols];  // of queries that are columns
  } stage[2];
};

/// The draws of a 16 x 16 part of a tile whose rows are keys: keep[n][e] of x[n][e]. A lane has
/// keys of one half of a word, and queries of two blocks.
__device__ __forceinline__ void keep_by_keys(const AttentionDropout& dropout, std::uint64_t tile,
                                             int lane, float (&keep)[2][4]) {
#pragma unroll
  for (int e = 0; e < 2; ++e) {
    const int query = lane % 4 * 2 + e, key = lane / 4;
    const Philox4 words = philox(dropout.key, tile + static_cast<unsigned>(query * 4 + key / 2));
#pragma unroll
    for (int w = 0; w < 4; ++w) keep[w % 2][w / 2 * 2 + e] = dropout.keep(words.word[w], key);
  }
}

/// With p = exp(scale q . k - lse) and ds = p (keep dy . v - delta):
///   a block that owns queries: dq = scale sum_s ds k
///   ByKeys, one that owns keys: dk = scale sum_t ds q,  dv = sum_t p keep dy
/// shapes  q, dy, dq: [heads, T, D], k, v, dk, dv: [heads, S, D] rows of any strides, lse, delta:
///         [heads, T]
/// dtype   bf16, f32 sums; p keep and ds are rounded to bf16 for the second products
/// launch  a block per 64 rows it owns, block = 128; dynamic shared = these and two stages of 32
///         rows (16 where kDim is 128) of the other side (17 to 66 KB), 1 barrier per stage
/// edges   as attention_mma
/// cost    6 (ByKeys: 8) heads T S D flops, half if causal
/// source  Dao, "FlashAttention-2", 2023, Alg. 2, cut in two
template <int kDim, bool ByKeys>
__global__ void __launch_bounds__(kMmaThreads, 1)
    attention_mma_grad(AttentionProblem<bf16> p, const float* delta, MmaAlignment aligned) {
  launch_bound(kMmaThreads);
  constexpr int kCols = kMmaGradCols<kDim, ByKeys>;
  auto& smem = *dynamic_shared<MmaGradSmem<kDim, kCols>>();
  const int own_rows = ByKeys ? p.S : p.T, other_rows = ByKeys ? p.T : p.S;
  const HeadTile tile(own_rows, kMmaRows);
  const int lane = static_cast<int>(threadIdx.x) % 32,
            own = static_cast<int>(threadIdx.x) / 32 * 16;
  const HeadRows<const bf16>&own0 = ByKeys ? p.k : p.q, &own1 = ByKeys ? p.v : p.dy;
  const HeadRows<const bf16>&other0 = ByKeys ? p.q : p.k, &other1 = ByKeys ? p.dy : p.v;
  const int begin = ByKeys ? p.first_query(tile.first) / kCols * kCols : 0;
  const int end = ByKeys ? p.T : keys_of_tile(p, tile.first, kMmaRows);
  const auto load = [&](int first) {
    auto& stage = smem.stage[first / kCols % 2];
    if (first < end) {
      stage.other[0].load(other0.of(tile.head), other0.row, first, other_rows, p.D, aligned.loads);
      stage.other[1].load(other1.of(tile.head), other1.row, first, other_rows, p.D, aligned.loads);
      const int i = static_cast<int>(threadIdx.x), t = first + i;
      if (ByKeys && i < kCols) {
        stage.lse[i] = t < p.T ? p.lse[tile.head * p.T + t] : math::kInfinity;
        stage.delta[i] = t < p.T ? delta[tile.head * p.T + t] : 0;
      }
    }
    commit_async_group();
  };
  smem.own[0].load(own0.of(tile.head), own0.row, tile.first, own_rows, p.D, aligned.loads);
  smem.own[1].load(own1.of(tile.head), own1.row, tile.first, own_rows, p.D, aligned.loads);
  load(begin);
  float lse[2] = {}, of_row[2] = {};  // of queries that are rows
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int t = tile.first + own + lane / 4 + 8 * half;
    if (ByKeys || t >= p.T) continue;
    lse[half] = p.lse[tile.head * p.T + t];
    of_row[half] = delta[tile.head * p.T + t];
  }
  float sum[ByKeys ? 2 : 1][kDim / 16][2][4] = {};
  for (int first = begin; first < end; first += kCols) {
    wait_async_group<0>();
    __syncthreads();  // this stage is there, and all have read the other one: load that
    load(first + kCols);
    const auto& stage = smem.stage[first / kCols % 2];
    float x[kCols / 16][2][4], dx[kCols / 16][2][4];
    multiply_rows(smem.own[0], own, stage.other[0], x);
    multiply_rows(smem.own[1], own, stage.other[1], dx);
#pragma unroll
    for (int j = 0; j < kCols / 16; ++j) {
      float keep[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
      if (p.dropout.on()) {
        const int row = tile.first + own, col = first + 16 * j;
        const std::uint64_t draws =
            p.dropout.tile(tile.head, ByKeys ? col : row, ByKeys ? row : col);
        if constexpr (ByKeys) {
          keep_by_keys(p.dropout, draws, lane, keep);
        } else {
          const Philox4 words = philox(p.dropout.key, draws + static_cast<unsigned>(lane));
#pragma unroll
          for (int i = 0; i < 8; ++i) {
            keep[i / 4][i % 4] = p.dropout.keep(words.word[i / 4 * 2 + i / 2 % 2], i % 2);
          }
        }
      }
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int half = i / 2 % 2, col = 16 * j + i / 4 * 8 + lane % 4 * 2 + i % 2;
        const int row = tile.first + own + lane / 4 + 8 * half;
        const int t = ByKeys ? first + col : row, s = ByKeys ? row : first + col;
        const float shift = ByKeys ? stage.lse[col] : lse[half];
        const float less = ByKeys ? stage.delta[col] : of_row[half];
        float &weight = x[j][i / 4][i % 4], &grad = dx[j][i / 4][i % 4];
        const float probability = s < p.visible(t) ? __expf(p.scale * weight - shift) : 0;
        weight = probability * keep[i / 4][i % 4];
        grad = probability * (keep[i / 4][i % 4] * grad - less);
      }
    }
    add_product(dx, stage.other[0], sum[0]);
    if constexpr (ByKeys) add_product(x, stage.other[1], sum[1]);
  }
  const HeadRows<bf16>& to = ByKeys ? p.dk : p.dq;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = tile.first + own + lane / 4 + 8 * half;
    if (row >= own_rows) continue;
    store_row<kDim>(sum[0], half, p.scale, p.D, aligned.stores, to.of(tile.head) + row * to.row);
    if constexpr (ByKeys) {
      store_row<kDim>(sum[1], half, 1, p.D, aligned.stores, p.dv.of(tile.head) + row * p.dv.row);
    }
  }
}

inline void run_mma(Stream& s, const AttentionForward& arguments) {
  const AttentionProblem<bf16> p(arguments);
  const bool served = with_padded_dim(p.D, [&]<int kDim>() {
    launch(s,
           {.grid = head_tiles(p.heads, p.T, kMmaRows),
            .block = dim3(kMmaThreads),
            .shared_bytes = sizeof(MmaForwardSmem<kDim>)},
           attention_mma<kDim>, p, MmaAlignment(p, false));
  });
  if (!served) run_materialised<bf16>(s, arguments);
}

inline void run_mma_grad(Stream& s, const AttentionBackward& arguments) {
  const AttentionProblem<bf16> p(arguments);
  const bool served = with_padded_dim(p.D, [&]<int kDim>() {
    auto* delta = static_cast<float*>(s.scratch(sizeof(float) * p.heads * p.T));
    run_delta(s, p, delta);
    const auto part = [&]<bool ByKeys>(std::bool_constant<ByKeys>, int rows) {
      launch(s,
             {.grid = head_tiles(p.heads, rows, kMmaRows),
              .block = dim3(kMmaThreads),
              .shared_bytes = sizeof(MmaGradSmem<kDim, kMmaGradCols<kDim, ByKeys>>)},
             attention_mma_grad<kDim, ByKeys>, p, delta, MmaAlignment(p, true));
    };
    part(std::false_type(), p.T);
    part(std::true_type(), p.S);
  });
  if (!served) run_materialised_grad<bf16>(s, arguments);
}

}  // namespace etude::attention_ladder
