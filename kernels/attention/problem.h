#pragma once
// An attention as the kernels see it.

#include <algorithm>

#include "kernels/attention/attention.h"
#include "kernels/attention/dropout.h"

namespace etude {

/// Rows of D elements of many heads, the head h of sequence b being number b * H + h.
template <class T>
struct HeadRows {
  T* data = nullptr;
  std::int64_t batch = 0, head = 0, row = 0, heads = 1;

  HeadRows() = default;
  /// Of a view [B, H, rows, D]; without data: none.
  explicit HeadRows(const View& x) {
    if (!x.data) return;
    data = x.as<std::remove_const_t<T>>();
    batch = x.strides[0], head = x.strides[1], row = x.strides[2];
    heads = std::max<std::int64_t>(1, x.dim(1));
  }
  HOST_DEVICE T* of(std::int64_t number) const {
    return data + number / heads * batch + number % heads * head;
  }
  /// Whether every row starts at a multiple of `elements` elements in memory.
  bool aligned(std::int64_t elements) const {
    const auto bytes = elements * static_cast<std::int64_t>(sizeof(T));
    return reinterpret_cast<std::uintptr_t>(data) % static_cast<std::uintptr_t>(bytes) == 0 &&
           batch % elements == 0 && head % elements == 0 && row % elements == 0;
  }
};

/// Both directions' arguments; the gradients' are unset in the forward one. T is the number of
/// queries, Element the type of the operands.
template <class Element>
struct AttentionProblem {
  std::int64_t heads;  // B * H
  int T, S, D;
  bool causal;
  float scale;
  AttentionDropout dropout;
  HeadRows<const Element> q, k, v;
  HeadRows<Element> y;
  HeadRows<const Element> dy;
  HeadRows<Element> dq, dk, dv;
  float* lse;  // [heads, T]

  explicit AttentionProblem(const AttentionForward& p) : AttentionProblem(p, 0) {}
  explicit AttentionProblem(const AttentionBackward& p) : AttentionProblem(p, 0) {
    dy = HeadRows<const Element>(p.dy);
    dq = HeadRows<Element>(p.dq), dk = HeadRows<Element>(p.dk), dv = HeadRows<Element>(p.dv);
  }

  /// How many keys, from the first on, query t sees; t may be T or more.
  HOST_DEVICE int visible(int t) const { return causal && t < T ? t + S - T + 1 : S; }
  /// The first query that sees key s.
  HOST_DEVICE int first_query(int s) const { return causal && s > S - T ? s - (S - T) : 0; }

 private:
  template <class P>
  AttentionProblem(const P& p, int)
      : heads(p.q.dim(0) * p.q.dim(1)),
        T(static_cast<int>(p.q.dim(2))),
        S(static_cast<int>(p.k.dim(2))),
        D(static_cast<int>(p.q.dim(3))),
        causal(p.options.causal),
        scale(static_cast<float>(p.options.scale)),
        dropout(p.options, T, S),
        q(p.q),
        k(p.k),
        v(p.v),
        y(p.y),
        lse(p.lse.template as<float>()) {}
};

/// How many keys some query of the `rows` from `first` on sees.
template <class T>
HOST_DEVICE int keys_of_tile(const AttentionProblem<T>& p, int first, int rows) {
  const int last = first + rows - 1;
  return p.visible(last < p.T ? last : p.T - 1);
}

}  // namespace etude
