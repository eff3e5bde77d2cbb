#pragma once
// Scaled dot-product attention of many heads, its gradient, and its step of a generation, one query
// over the keys and values kept so far.

#include <cmath>
#include <span>

#include "kernels/core/philox.h"
#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// The largest head.
constexpr std::int64_t kMaxHeadDim = 512;

struct AttentionOptions {
  bool causal = false;  // query t sees keys 0 .. t + S - T: the last query sees all
  double scale = 1;     // of the scores; 1 / sqrt(D) as a rule
  double dropout = 0;   // of the probabilities, in [0, 1); taken as a multiple of 2^-16
  PhiloxKey key = {};   // draws it; see attention_draw_blocks
};

/// Extents: B sequences, H heads, T queries, S keys, D dimensions of a head. Elements of a row
/// follow each other; the other strides are free, so that q, k and v may be parts of one packed
/// projection [B, T, 3, H, D] and y lie as [B, T, H, D]. One dtype: f32 | bf16 | f64 (cpu).
struct AttentionForward {
  View q, k, v;  // [B, H, T, D], [B, H, S, D], [B, H, S, D]
  View y;        // [B, H, T, D]
  View lse;      // [B, H, T] contiguous, f32 (f64 for f64): for the gradient
  AttentionOptions options;
};

struct AttentionBackward {
  View q, k, v, y, lse;  // as in and from AttentionForward
  View dy;               // of y
  View dq, dk, dv;       // of q, k, v
  AttentionOptions options;
};

/// One step of a generation: a query for each sequence and head.
struct AttentionDecode {
  View q;        // [B, H, D]
  View k, v;     // [B, H, capacity, D]
  View lengths;  // [B] i32: how many keys of each sequence count
  View y;        // [B, H, D]
  double scale = 1;
};

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void attention_forward(Stream&, const AttentionForward&);
void attention_backward(Stream&, const AttentionBackward&);
void attention_decode(Stream&, const AttentionDecode&);
}  // namespace cpu
namespace gpu {
void attention_forward(Stream&, const AttentionForward&);
void attention_backward(Stream&, const AttentionBackward&);
void attention_decode(Stream&, const AttentionDecode&);
}  // namespace gpu

/// One way to compute both directions on the GPU: a step of the ladder.
struct AttentionRung {
  const char* name;
  const char* idea;
  /// Arguments as of the functions below, and not checked.
  void (*forward)(Stream&, const AttentionForward&);
  void (*backward)(Stream&, const AttentionBackward&);
  DType dtype = DType::f32;
  double roundoff = 0x1p-24;  // as MatmulRung::roundoff
};
/// The ladder from the bottom up.
std::span<const AttentionRung> attention_rungs();

struct AttentionDecodeRung {
  const char* name;
  const char* idea;
  void (*run)(Stream&, const AttentionDecode&);
  DType dtype = DType::f32;
  double roundoff = 0x1p-24;
};
std::span<const AttentionDecodeRung> attention_decode_rungs();

/// By how much the owner of the options' key advances its offset after a call with dropout.
inline std::uint64_t attention_draw_blocks(std::int64_t B, std::int64_t H, std::int64_t T,
                                           std::int64_t S) {
  return static_cast<std::uint64_t>(B * H * ((T + 15) / 16) * ((S + 15) / 16)) * 32;
}

namespace detail {

/// Error that names the operand unless it is of that shape and dtype, its rows without gaps.
inline void check_attention(const char* op, const char* name, const View& v, DType dtype,
                            const Dims& shape) {
  require(v.shape == shape && v.dtype == dtype, op, ": ", name, " must be ", name_of(dtype), ' ',
          shape, ", not ", name_of(v.dtype), ' ', v.shape);
  const int last = v.rank() - 1;
  require(v.dim(last) <= 1 || v.numel() == 0 || v.strides[last] == 1, op,
          ": the elements of a row of ", name, " must follow each other, not be strided by ",
          v.strides[last]);
}

inline void check_head_dim(const char* op, std::int64_t D) {
  require(D >= 1 && D <= kMaxHeadDim, op, ": a head has 1 to ", kMaxHeadDim, " dimensions, not ",
          D);
}

/// The operands that both directions have.
template <class P>
void check_attention_operands(const P& p) {
  constexpr const char* kOp = "attention";
  const View &q = p.q, &k = p.k;
  require(q.rank() == 4 && k.rank() == 4,
          "attention: q and k must be [B, H, T, D] and [B, H, S, D], ", "not ", q.shape, " and ",
          k.shape);
  require(q.dtype == DType::f32 || q.dtype == DType::bf16 || q.dtype == DType::f64,
          "attention: q must be f32, bf16 or f64, not ", name_of(q.dtype));
  const std::int64_t B = q.dim(0), H = q.dim(1), T = q.dim(2), S = k.dim(2), D = q.dim(3);
  check_head_dim(kOp, D);
  check_attention(kOp, "q", q, q.dtype, {B, H, T, D});
  check_attention(kOp, "k", k, q.dtype, {B, H, S, D});
  check_attention(kOp, "v", p.v, q.dtype, {B, H, S, D});
  check_attention(kOp, "y", p.y, q.dtype, {B, H, T, D});
  check_attention(kOp, "lse", p.lse, q.dtype == DType::f64 ? DType::f64 : DType::f32, {B, H, T});
  require(p.lse.contiguous(), "attention: lse must be contiguous, not strided by ", p.lse.strides);
  const AttentionOptions& o = p.options;
  require(!o.causal || S >= T, "attention: causal, ", T, " queries need as many keys, not ", S);
  require(std::isfinite(o.scale), "attention: scale must be finite, not ", o.scale);
  require(o.dropout >= 0 && o.dropout < 1, "attention: dropout must be in [0, 1), not ", o.dropout);
}

}  // namespace detail

/// scores[t,s] = scale q[t] . k[s], of the keys that t sees; p = softmax over s; lse[t] = log sum_s
/// exp(scores[t,s]); y[t] = sum_s keep[t,s] p[t,s] v[s], keep being 0 with the options' dropout,
/// else 1 / (1 - dropout), and 1 without dropout. For each sequence and head. B, H, T and S may be
/// 0: without keys y is 0 and lse -inf. Both devices and all rungs drop the same probabilities. In
/// bf16, sums are f32; a backend may round the probabilities to bf16. Throws Error for other
/// shapes, strides, dtypes and options.
/// Source: Vaswani et al., "Attention is all you need", 2017; without the scores in memory:
/// Milakov & Gimelshein, 2018; Dao, "FlashAttention-2", 2023.
inline void attention_forward(Stream& s, const AttentionForward& p) {
  detail::check_attention_operands(p);
  if (p.q.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::attention_forward : gpu::attention_forward)(s, p);
}

/// The gradient of attention_forward with the same options; the dropout is drawn again. Sums have
/// an order that depends on the shapes alone. Throws Error as attention_forward.
inline void attention_backward(Stream& s, const AttentionBackward& p) {
  detail::check_attention_operands(p);
  detail::check_attention("attention", "dy", p.dy, p.q.dtype, p.q.shape);
  detail::check_attention("attention", "dq", p.dq, p.q.dtype, p.q.shape);
  detail::check_attention("attention", "dk", p.dk, p.q.dtype, p.k.shape);
  detail::check_attention("attention", "dv", p.dv, p.q.dtype, p.k.shape);
  if (p.q.numel() == 0 && p.k.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::attention_backward : gpu::attention_backward)(s, p);
}

/// y[b,h] = sum_s p[s] v[b,h,s], p = softmax over s < lengths[b] of scale q[b,h] . k[b,h,s]: the
/// newest query of attention_forward, which sees all keys. A length below 0 counts as 0 (y is 0),
/// one above the capacity as the capacity. Rows beyond the length are not read. Strides and dtypes
/// as of AttentionForward. Throws Error for other shapes, strides and dtypes.
inline void attention_decode(Stream& s, const AttentionDecode& p) {
  constexpr const char* kOp = "attention_decode";
  require(p.q.rank() == 3 && p.k.rank() == 4,
          "attention_decode: q and k must be [B, H, D] and [B, H, capacity, D], not ", p.q.shape,
          " and ", p.k.shape);
  const std::int64_t B = p.q.dim(0), H = p.q.dim(1), D = p.q.dim(2);
  const Dims cache{B, H, p.k.dim(2), D};
  detail::check_head_dim(kOp, D);
  detail::check_attention(kOp, "q", p.q, p.q.dtype, {B, H, D});
  detail::check_attention(kOp, "k", p.k, p.q.dtype, cache);
  detail::check_attention(kOp, "v", p.v, p.q.dtype, cache);
  detail::check_attention(kOp, "y", p.y, p.q.dtype, {B, H, D});
  detail::check_attention(kOp, "lengths", p.lengths, DType::i32, {B});
  require(std::isfinite(p.scale), "attention_decode: scale must be finite, not ", p.scale);
  if (p.q.numel() == 0) return;
  (s.device() == Device::cpu ? cpu::attention_decode : gpu::attention_decode)(s, p);
}

}  // namespace etude
