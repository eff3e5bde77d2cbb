#include "kernels/attention/attention.h"

#include "kernels/attention/flash_cpu.h"
#include "kernels/attention/problem.h"
#include "kernels/attention/reference.h"
#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/core/vector_math.h"

namespace etude {
namespace {

/// body(number of the element, its place) of all of a view [B, H, rows, D].
template <class T, class Body>
void each_element(const View& x, const Body& body) {
  const HeadRows<T> rows(x);
  std::int64_t i = 0;
  for (std::int64_t head = 0; head < x.dim(0) * x.dim(1); ++head) {
    for (std::int64_t r = 0; r < x.dim(2); ++r) {
      for (std::int64_t d = 0; d < x.dim(3); ++d) body(i++, rows.of(head)[r * rows.row + d]);
    }
  }
}

std::vector<double> values_of(const View& x) {
  std::vector<double> values(x.numel());
  each_element<double>(x, [&](std::int64_t i, double& at) { values[i] = at; });
  return values;
}
void set_values(const View& x, const std::vector<double>& values) {
  each_element<double>(x, [&](std::int64_t i, double& at) { at = values[i]; });
}

/// f64 is there to check gradients, of small shapes: the reference's plain loops.
template <class P>
reference::Attention<double> plain(const P& p) {
  return {.heads = p.q.dim(0) * p.q.dim(1),
          .T = p.q.dim(2),
          .S = p.k.dim(2),
          .D = p.q.dim(3),
          .options = p.options,
          .q = values_of(p.q),
          .k = values_of(p.k),
          .v = values_of(p.v)};
}

void set_zero(const View& x) {
  dispatch<float, bf16, double>("attention", x.dtype, [&]<class T>() {
    each_element<T>(x, [](std::int64_t, T& at) { at = T(0.0f); });
  });
}

/// One head of one sequence: scores, their softmax, the mean of the values.
template <class T>
void decode_head(const AttentionDecode& p, std::int64_t b, std::int64_t h) {
  using C = compute_t<T>;
  const std::int64_t D = p.q.dim(2), capacity = p.k.dim(2);
  const auto row_of = [&](const View& x) {
    return x.as<T>() + b * x.strides[0] + h * x.strides[1];
  };
  const T *q = row_of(p.q), *k = row_of(p.k), *v = row_of(p.v);
  T* y = row_of(p.y);
  const std::int64_t length =
      std::clamp<std::int64_t>(p.lengths.as<std::int32_t>()[b * p.lengths.strides[0]], 0, capacity);
  static thread_local Scratch scratch;
  C* scores = scratch.at_least<C>(length + 2 * D);
  C *query = scores + length, *sums = query + D;
  for (std::int64_t d = 0; d < D; ++d) {
    query[d] = static_cast<C>(q[d]) * static_cast<C>(p.scale);
    sums[d] = 0;
  }
  C max = -std::numeric_limits<C>::infinity(), total = 0;
  for (std::int64_t s = 0; s < length; ++s, k += p.k.strides[2]) {
    C score = 0;
#pragma omp simd reduction(+ : score)
    for (std::int64_t d = 0; d < D; ++d) score += query[d] * static_cast<C>(k[d]);
    scores[s] = score;
    max = std::max(max, score);
  }
#pragma omp simd reduction(+ : total)
  for (std::int64_t s = 0; s < length; ++s) total += scores[s] = math::exp(scores[s] - max);
  for (std::int64_t s = 0; s < length; ++s, v += p.v.strides[2]) {
    const C by = scores[s] / total;
#pragma omp simd
    for (std::int64_t d = 0; d < D; ++d) sums[d] += by * static_cast<C>(v[d]);
  }
  for (std::int64_t d = 0; d < D; ++d) y[d] = static_cast<T>(sums[d]);
}

}  // namespace

void cpu::attention_forward(Stream&, const AttentionForward& p) {
  if (p.q.dtype != DType::f64 && p.k.numel() > 0) return attention_forward_flash(p);
  if (p.q.dtype != DType::f64) {
    set_zero(p.y);
    return std::fill_n(p.lse.as<float>(), p.lse.numel(), -math::kInfinity), void();
  }
  auto own = plain(p);
  own.forward();
  set_values(p.y, own.y);
  std::copy(own.lse.begin(), own.lse.end(), p.lse.as<double>());
}

void cpu::attention_backward(Stream&, const AttentionBackward& p) {
  if (p.q.numel() == 0 || p.k.numel() == 0) {
    for (const View& gradient : {p.dq, p.dk, p.dv}) set_zero(gradient);
    return;
  }
  if (p.q.dtype != DType::f64) return attention_backward_flash(p);
  auto own = plain(p);
  own.backward(values_of(p.dy));
  set_values(p.dq, own.dq);
  set_values(p.dk, own.dk);
  set_values(p.dv, own.dv);
}

void cpu::attention_decode(Stream&, const AttentionDecode& p) {
  dispatch<float, bf16, double>("attention_decode", p.q.dtype, [&]<class T>() {
    const std::int64_t heads = p.q.dim(0) * p.q.dim(1);
    parallel_for(heads, heads * p.k.dim(2) * p.q.dim(2),
                 [&](std::int64_t i) { decode_head<T>(p, i / p.q.dim(1), i % p.q.dim(1)); });
  });
}

}  // namespace etude
