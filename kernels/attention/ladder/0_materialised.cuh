#pragma once
// The start: the formulas one after the other, each a kernel with a thread per result. The scores
// of all pairs, [heads, T, S], are written to memory, become probabilities there, and are read back
// by the product with the values; the gradient keeps two such arrays.
//
// Bottleneck to come: memory. The array grows with T S where the operands grow with T + S: at T = S
// = 4096 and D = 64 a head's scores are 64 MB, its operands 4 MB. And each thread loads its
// operands anew: no element is used twice from a register or from shared memory.

#include "kernels/attention/ladder/delta.cuh"

namespace etude::attention_ladder {

constexpr int kElementThreads = 256, kRowThreads = 128;

/// Which of heads * rows * cols results is this thread's; `inside` where there is one.
struct Element {
  std::int64_t at, head;
  int row, col;
  bool inside;

  __device__ __forceinline__ Element(std::int64_t heads, int rows, int cols)
      : at(std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x),
        inside(at < heads * rows * cols) {
    col = static_cast<int>(at % cols);
    row = static_cast<int>(at / cols % rows);
    head = at / (std::int64_t{rows} * cols);
  }
};

template <class T>
__device__ __forceinline__ float dot(const T* a, const T* b, int n) {
  float sum = 0;
  for (int d = 0; d < n; ++d) sum += static_cast<float>(a[d]) * static_cast<float>(b[d]);
  return sum;
}

/// scores[h,t,s] = scale q[h,t] . k[h,s], -inf where t does not see s
/// shapes  q: [heads, T, D], k: [heads, S, D] rows of any strides, scores: [heads, T, S] contiguous
/// dtype   f32 | bf16, f32 sums and scores
/// launch  a thread per score, block = 256
/// cost    2 heads T S D flops, 4 heads T S bytes written; each thread loads 2 D elements
template <class T>
__global__ void __launch_bounds__(kElementThreads)
    attention_scores(AttentionProblem<T> p, float* scores) {
  launch_bound(kElementThreads);
  const Element e(p.heads, p.T, p.S);
  if (!e.inside) return;
  const float score =
      p.scale * dot(p.q.of(e.head) + e.row * p.q.row, p.k.of(e.head) + e.col * p.k.row, p.D);
  scores[e.at] = e.col < p.visible(e.row) ? score : -math::kInfinity;
}

/// x[r,s] = keep[r,s] exp(x[r,s] - lse[r]), lse[r] = log sum_s exp(x[r,s])
/// shapes  x: [heads T, S], in place, lse: [heads T]     dtype   f32
/// launch  a warp per row, block = 128
/// edges   S need not divide 32; no keys: lse = -inf
/// cost    three passes: 16 heads T S bytes; memory bound
template <class T>
__global__ void __launch_bounds__(kRowThreads)
    attention_softmax(AttentionProblem<T> p, float* scores) {
  launch_bound(kRowThreads);
  const std::int64_t r = std::int64_t{blockIdx.x} * (kRowThreads / kWarpSize) + warp_id();
  if (r >= p.heads * p.T) return;
  float* x = scores + r * p.S;
  const int lane = static_cast<int>(lane_id());
  float max = -math::kInfinity, sum = 0;
  for (int s = lane; s < p.S; s += kWarpSize) max = Max{}(max, x[s]);
  max = warp_max(max);
  for (int s = lane; s < p.S; s += kWarpSize) sum += math::exp(x[s] - max);
  const float lse = max + math::log(warp_sum(sum));
  for (int s = lane; s < p.S; s += kWarpSize) {
    x[s] = math::exp(x[s] - lse) * p.dropout.keep_at(r / p.T, r % p.T, s);
  }
  if (lane == 0) p.lse[r] = lse;
}

/// y[h,t,d] = sum_s x[h,t,s] v[h,s,d], s over the keys that t sees
/// shapes  x: [heads, T, S], v: [heads, S, D], y: [heads, T, D]        dtype   f32 | bf16, f32 sums
/// launch  a thread per result, block = 256
/// edges   no keys: 0
/// cost    2 heads T S D flops; each thread loads 2 S elements
template <class T>
__global__ void __launch_bounds__(kElementThreads)
    attention_outputs(AttentionProblem<T> p, const float* x) {
  launch_bound(kElementThreads);
  const Element e(p.heads, p.T, p.D);
  if (!e.inside) return;
  const float* row = x + (e.head * p.T + e.row) * p.S;
  const T* v = p.v.of(e.head) + e.col;
  float sum = 0;
  for (int s = 0; s < p.visible(e.row); ++s) sum += row[s] * static_cast<float>(v[s * p.v.row]);
  p.y.of(e.head)[e.row * p.y.row + e.col] = T(sum);
}

/// x[h,t,s] = keep p, ds[h,t,s] = p (keep dy[h,t] . v[h,s] - delta[h,t]), p = exp(x - lse[h,t])
/// shapes  x, ds: [heads, T, S], delta, lse: [heads, T]                dtype   f32 | bf16, f32 sums
/// launch  a thread per element, block = 256
/// edges   keys that t does not see: x is -inf, so both are 0
/// cost    2 heads T S D flops, 12 heads T S bytes
template <class T>
__global__ void __launch_bounds__(kElementThreads)
    attention_score_grads(AttentionProblem<T> p, const float* delta, float* x, float* ds) {
  launch_bound(kElementThreads);
  const Element e(p.heads, p.T, p.S);
  if (!e.inside) return;
  const std::int64_t row = e.head * p.T + e.row;
  const float dp = dot(p.dy.of(e.head) + e.row * p.dy.row, p.v.of(e.head) + e.col * p.v.row, p.D);
  const float probability = math::exp(x[e.at] - p.lse[row]);
  const float keep = p.dropout.keep_at(e.head, e.row, e.col);
  x[e.at] = probability * keep;
  ds[e.at] = probability * (keep * dp - delta[row]);
}

/// dq[h,t,d] = scale sum_s ds[h,t,s] k[h,s,d]
/// shapes, launch, cost as attention_outputs
template <class T>
__global__ void __launch_bounds__(kElementThreads)
    attention_query_grads(AttentionProblem<T> p, const float* ds) {
  launch_bound(kElementThreads);
  const Element e(p.heads, p.T, p.D);
  if (!e.inside) return;
  const float* row = ds + (e.head * p.T + e.row) * p.S;
  const T* k = p.k.of(e.head) + e.col;
  float sum = 0;
  for (int s = 0; s < p.visible(e.row); ++s) sum += row[s] * static_cast<float>(k[s * p.k.row]);
  p.dq.of(e.head)[e.row * p.dq.row + e.col] = T(p.scale * sum);
}

/// dk[h,s,d] = scale sum_t ds[h,t,s] q[h,t,d], dv[h,s,d] = sum_t x[h,t,s] dy[h,t,d]
/// shapes  x, ds: [heads, T, S], q, dy: [heads, T, D], dk, dv: [heads, S, D]
/// dtype   f32 | bf16, f32 sums
/// launch  a thread per place, block = 256
/// edges   t over the queries that see s; none: 0
/// cost    4 heads T S D flops; each thread loads 4 T elements
template <class T>
__global__ void __launch_bounds__(kElementThreads)
    attention_key_grads(AttentionProblem<T> p, const float* x, const float* ds) {
  launch_bound(kElementThreads);
  const Element e(p.heads, p.S, p.D);
  if (!e.inside) return;
  const T *q = p.q.of(e.head) + e.col, *dy = p.dy.of(e.head) + e.col;
  float dk = 0, dv = 0;
  for (int t = p.first_query(e.row); t < p.T; ++t) {
    const std::int64_t at = (e.head * p.T + t) * p.S + e.row;
    dk += ds[at] * static_cast<float>(q[t * p.q.row]);
    dv += x[at] * static_cast<float>(dy[t * p.dy.row]);
  }
  p.dk.of(e.head)[e.row * p.dk.row + e.col] = T(p.scale * dk);
  p.dv.of(e.head)[e.row * p.dv.row + e.col] = T(dv);
}

inline LaunchConfig element_launch(std::int64_t n) {
  return {.grid = grid_of(ceil_div(n, kElementThreads)), .block = dim3(kElementThreads)};
}

template <class T>
void run_materialised(Stream& s, const AttentionForward& arguments) {
  const AttentionProblem<T> p(arguments);
  const std::int64_t scores = p.heads * p.T * p.S;
  auto* x = static_cast<float*>(s.scratch(sizeof(float) * scores));
  launch(s, element_launch(scores), attention_scores<T>, p, x);
  launch(s,
         {.grid = grid_of(ceil_div(p.heads * p.T, kRowThreads / kWarpSize)),
          .block = dim3(kRowThreads)},
         attention_softmax<T>, p, x);
  launch(s, element_launch(p.heads * p.T * p.D), attention_outputs<T>, p, x);
}

template <class T>
void run_materialised_grad(Stream& s, const AttentionBackward& arguments) {
  const AttentionProblem<T> p(arguments);
  const std::int64_t scores = p.heads * p.T * p.S;
  auto* x = static_cast<float*>(s.scratch(sizeof(float) * (2 * scores + p.heads * p.T)));
  float *ds = x + scores, *delta = ds + scores;
  run_delta(s, p, delta);
  launch(s, element_launch(scores), attention_scores<T>, p, x);
  launch(s, element_launch(scores), attention_score_grads<T>, p, delta, x, ds);
  launch(s, element_launch(p.heads * p.T * p.D), attention_query_grads<T>, p, ds);
  launch(s, element_launch(p.heads * p.S * p.D), attention_key_grads<T>, p, x, ds);
}

}  // namespace etude::attention_ladder
