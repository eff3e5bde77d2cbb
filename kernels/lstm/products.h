#pragma once
// The products that do not depend on the recurrence, and the views of single steps: the same on
// every backend. matmul() goes to the stream's device.

#include "kernels/copy/copy.h"
#include "kernels/lstm/lstm.h"
#include "kernels/matmul/matmul.h"

namespace etude {

/// Extents as numbers.
struct LstmShape {
  std::int64_t T, B, I, H;

  template <class P>
  explicit LstmShape(const P& p) : T(p.x.dim(0)), B(p.x.dim(1)), I(p.x.dim(2)), H(p.w_hh.dim(1)) {}
  std::int64_t rows() const { return T * B; }
};

namespace detail {

/// Rows [begin, begin + count) of v, seen as a matrix with `cols` columns.
inline View lstm_rows(const View& v, std::int64_t begin, std::int64_t count, std::int64_t cols) {
  const auto offset = begin * cols * static_cast<std::int64_t>(size_of(v.dtype));
  return View(static_cast<char*>(v.data) + offset, v.dtype, {count, cols});
}

inline View lstm_transposed(const View& m) {
  return View(m.data, m.dtype, {m.dim(1), m.dim(0)}, {m.strides[1], m.strides[0]});
}

}  // namespace detail

/// gates[t] = w_ih x[t] + bias for t in [begin, end), or x[t] where that is the sum.
inline void lstm_input_product(Stream& s, const LstmForward& p, std::int64_t begin,
                               std::int64_t end) {
  const LstmShape n(p);
  const std::int64_t rows = (end - begin) * n.B;
  const View x = detail::lstm_rows(p.x, begin * n.B, rows, n.I),
             gates = detail::lstm_rows(p.gates, begin * n.B, rows, 4 * n.H);
  if (detail::lstm_input_is_summed(p)) return copy(s, x, gates);
  matmul(s, x, detail::lstm_transposed(p.w_ih), gates, {.bias = p.bias});
}

/// gates[t] += w_hh h, h being the state before step t.
inline void lstm_recurrent_product(Stream& s, const LstmForward& p, std::int64_t t) {
  const LstmShape n(p);
  const View h = t == 0 ? p.h0 : detail::lstm_rows(p.y, (t - 1) * n.B, n.B, n.H);
  matmul(s, h, detail::lstm_transposed(p.w_hh), detail::lstm_rows(p.gates, t * n.B, n.B, 4 * n.H),
         {.beta = 1});
}

/// dh0 += dgates[t] w_hh: what step t hands back to the h before it. dh0 is 0 then, or, of a
/// sequence that has ended before step t, what waits for its last step; there dgates[t] is 0.
inline void lstm_recurrent_grad(Stream& s, const LstmBackward& p, std::int64_t t) {
  const LstmShape n(p);
  matmul(s, detail::lstm_rows(p.dgates, t * n.B, n.B, 4 * n.H), p.w_hh, p.dh0, {.beta = 1});
}

/// dx[t] = dgates[t] w_ih for t in [begin, end).
inline void lstm_input_grad(Stream& s, const LstmBackward& p, std::int64_t begin,
                            std::int64_t end) {
  if (!p.dx.data || detail::lstm_input_is_summed(p)) return;
  const LstmShape n(p);
  const std::int64_t rows = (end - begin) * n.B;
  matmul(s, detail::lstm_rows(p.dgates, begin * n.B, rows, 4 * n.H), p.w_ih,
         detail::lstm_rows(p.dx, begin * n.B, rows, n.I));
}

/// dw_ih = sum_t dgates[t]' x[t] and dw_hh = sum_t dgates[t]' h[t - 1], each as one product over
/// all steps; the first step's h, which lies elsewhere, is added by a second one.
inline void lstm_weight_grads(Stream& s, const LstmBackward& p) {
  using namespace detail;
  const LstmShape n(p);
  const std::int64_t later = n.T > 0 ? (n.T - 1) * n.B : 0, first = n.T > 0 ? n.B : 0;
  const View all = lstm_transposed(lstm_rows(p.dgates, 0, n.rows(), 4 * n.H));
  const View after = lstm_transposed(lstm_rows(p.dgates, first, later, 4 * n.H));
  const View of_first = lstm_transposed(lstm_rows(p.dgates, 0, first, 4 * n.H));
  if (!lstm_input_is_summed(p)) matmul(s, all, lstm_rows(p.x, 0, n.rows(), n.I), p.dw_ih);
  matmul(s, after, lstm_rows(p.y, 0, later, n.H), p.dw_hh);
  matmul(s, of_first, lstm_rows(p.h0, 0, first, n.H), p.dw_hh, {.beta = 1});
}

/// A stack from the first layer up: layer(p) computes one, multiply(x, mask, y) y = x mask.
template <class Layer, class Multiply>
void lstm_by_layers(std::span<const LstmForward> layers, std::span<const View> masks, Layer layer,
                    Multiply multiply) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    if (l > 0 && !masks.empty()) multiply(layers[l - 1].y, masks[l - 1], layers[l].x);
    layer(layers[l]);
  }
}

/// Back from the last one down. A layer's dx becomes, in its place, dy of the one below.
template <class Layer, class Multiply>
void lstm_by_layers(std::span<const LstmBackward> layers, std::span<const View> masks, Layer layer,
                    Multiply multiply) {
  for (std::size_t l = layers.size(); l-- > 0;) {
    layer(layers[l]);
    if (l > 0 && !masks.empty()) multiply(layers[l].dx, masks[l - 1], layers[l].dx);
  }
}

}  // namespace etude
