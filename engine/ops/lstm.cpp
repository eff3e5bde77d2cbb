#include "kernels/lstm/lstm.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/lstm.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

/// What a layer is a function of; `in` holds x, w_ih, w_hh, bias, h0, c0, contiguous; w_ih and bias
/// may be undefined.
struct Layer {
  std::vector<Tensor> in;
  Tensor lengths;

  bool summed() const { return !in[1].defined(); }
  std::int64_t steps() const { return in[0].dim(0); }
};

View view_of(const Tensor& t) { return t.defined() ? t.view() : View(); }

/// Rows [begin, end) of a packed result or its gradient; there y, h_end and c_end follow each other
/// along time: [T + 2, B, H].
View rows_of(const Tensor& packed, std::int64_t begin, std::int64_t end) {
  View v = slice(packed, 0, begin, end).view();
  if (end - begin == 1) v = View(v.data, v.dtype, {v.dim(1), v.dim(2)});
  return v;
}
View sequence_of(const Tensor& packed) { return slice(packed, 0, 0, packed.dim(0) - 2).view(); }

/// The packed result in plain ops, for when its gradient is itself to be differentiated.
Tensor in_plain_ops(const Layer& layer) {
  const auto& in = layer.in;
  const std::int64_t T = layer.steps(), H = in[2].dim(1);
  Tensor h = in[4], c = in[5];
  const Tensor zero = Tensor::zeros({}, h.dtype(), h.device());
  std::vector<Tensor> rows;
  const auto as_step = [](const Tensor& state) {
    return reshape(state, {1, state.dim(0), state.dim(1)});
  };
  for (std::int64_t t = 0; t < T; ++t) {
    const Tensor x = reshape(slice(in[0], 0, t, t + 1), {in[0].dim(1), in[0].dim(2)});
    const Tensor sums = (layer.summed() ? x : linear(x, in[1], in[3])) + linear(h, in[2], {});
    const auto gate = [&](std::int64_t q) { return slice(sums, 1, q * H, (q + 1) * H); };
    const Tensor c_new = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
    const Tensor h_new = sigmoid(gate(3)) * tanh(c_new);
    if (layer.lengths.defined()) {
      const Tensor length = reshape(cast(layer.lengths, h.dtype()), {-1, 1});
      const Tensor inside = greater(length, affine(zero, 1, static_cast<double>(t)));
      c = where(inside, c_new, c);
      h = where(inside, h_new, h);
      rows.push_back(as_step(where(inside, h_new, zero)));
    } else {
      c = c_new, h = h_new;
      rows.push_back(as_step(h));
    }
  }
  rows.push_back(as_step(h));
  rows.push_back(as_step(c));
  return concat(rows, 0);
}

/// The gradient as a function of the inputs. They are copied in the graph first: one may depend on
/// another, and that path is not the layer's.
Grads differentiable_grad(const Layer& layer, const Tensor& dpacked, Needs needs) {
  Layer copy = layer;
  for (Tensor& t : copy.in) {
    if (t.defined()) t = affine(t, 1, 0);
  }
  std::vector<Tensor> wanted;
  for (int i = 0; i < 6; ++i) {
    if (needs[i]) wanted.push_back(copy.in[i]);
  }
  const std::vector<Tensor> found = grad(in_plain_ops(copy), wanted, true, dpacked);
  Grads grads(6);
  for (int i = 0, next = 0; i < 6; ++i) {
    if (needs[i]) grads[i] = found[next++];
  }
  return grads;
}

/// By the fused kernel; `packed`, `gates` and `cells` are the forward pass's.
Grads fused_grad(const Layer& layer, const Tensor& packed, const Tensor& gates, const Tensor& cells,
                 const Tensor& dpacked0, Needs needs) {
  const auto& in = layer.in;
  const std::int64_t T = layer.steps();
  const Tensor dpacked = contiguous(dpacked0), dgates = Tensor::empty_like(gates);
  Grads d(6);
  for (int i = 0; i < 6; ++i) {
    const bool wanted = i > 0 || (needs[0] && !layer.summed());
    if (wanted && in[i].defined()) d[i] = Tensor::empty_like(in[i]);
  }
  lstm_backward(packed.stream(), {.x = in[0].view(),
                                  .w_ih = view_of(in[1]),
                                  .w_hh = in[2].view(),
                                  .h0 = in[4].view(),
                                  .c0 = in[5].view(),
                                  .lengths = view_of(layer.lengths),
                                  .y = sequence_of(packed),
                                  .gates = gates.view(),
                                  .cells = cells.view(),
                                  .dy = sequence_of(dpacked),
                                  .dh_end = rows_of(dpacked, T, T + 1),
                                  .dc_end = rows_of(dpacked, T + 1, T + 2),
                                  .dgates = dgates.view(),
                                  .dx = view_of(d[0]),
                                  .dw_ih = view_of(d[1]),
                                  .dw_hh = d[2].view(),
                                  .dbias = view_of(d[3]),
                                  .dh0 = d[4].view(),
                                  .dc0 = d[5].view()});
  if (layer.summed()) d[0] = dgates;
  return d;
}

/// One layer's packed result, [T + 2, B, H].
Tensor packed_layer(const Layer& layer) {
  const auto& in = layer.in;
  const std::int64_t T = layer.steps(), B = in[0].dim(1), H = in[2].dim(1);
  const auto make = [&](const Dims& shape) {
    return Tensor::empty(shape, in[0].dtype(), in[0].device());
  };
  const Tensor packed = make({T + 2, B, H}), gates = make({T, B, 4 * H}), cells = make({T, B, H});
  lstm_forward(packed.stream(), {.x = in[0].view(),
                                 .w_ih = view_of(in[1]),
                                 .w_hh = in[2].view(),
                                 .bias = view_of(in[3]),
                                 .h0 = in[4].view(),
                                 .c0 = in[5].view(),
                                 .lengths = view_of(layer.lengths),
                                 .y = sequence_of(packed),
                                 .h_end = rows_of(packed, T, T + 1),
                                 .c_end = rows_of(packed, T + 1, T + 2),
                                 .gates = gates.view(),
                                 .cells = cells.view()});
  std::vector<Saved> inputs;
  for (const Tensor& t : in) inputs.push_back(saved(t));
  return record("lstm", packed, in,
                [inputs, lengths = layer.lengths, packed = packed.detach(), gates, cells](
                    const Tensor& dpacked, Needs needs) {
                  Layer again{{inputs.begin(), inputs.end()}, lengths};
                  return grad_enabled() ? differentiable_grad(again, dpacked, needs)
                                        : fused_grad(again, packed, gates, cells, dpacked, needs);
                });
}

Tensor if_defined(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

/// Layer l's [B, H] of a state [L, B, H], or zeros.
Tensor state_of(const char* name, const Tensor& all, std::int64_t l, const Tensor& x,
                const Dims& shape) {
  if (!all.defined()) return Tensor::zeros({shape[1], shape[2]}, x.dtype(), x.device());
  require(all.shape() == shape, "lstm: the starting ", name, " must be [L, B, H] = ", shape,
          ", not ", all.shape());
  require_together("lstm", x, all);
  return contiguous(reshape(slice(all, 0, l, l + 1), {shape[1], shape[2]}));
}

}  // namespace

LstmResult lstm(const Tensor& x, std::span<const LstmWeights> layers, const LstmOptions& options) {
  require(!layers.empty(), "lstm: there is no layer");
  require(x.rank() == 3, "lstm: x must be [T, B, I], not ", x.shape());
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "lstm: x must be f32 or f64, not ",
          name_of(x.dtype()));
  require(options.dropout == 0 || options.generator, "lstm: dropout ", options.dropout,
          " needs a generator");
  const auto L = static_cast<std::int64_t>(layers.size()), T = x.dim(0);
  Tensor lengths = options.lengths;
  if (lengths.defined()) {
    require(lengths.device() == x.device(), "lstm: x is on ", name_of(x.device()),
            ", the lengths on ", name_of(lengths.device()));
    lengths = contiguous(lengths);
  }
  LstmResult result{.y = x, .end = {}};
  std::vector<Tensor> h, c;
  for (std::int64_t l = 0; l < L; ++l) {
    const LstmWeights& w = layers[l];
    require(w.w_ih.defined() == w.bias.defined(), "lstm: layer ", l, " has ",
            w.bias.defined() ? "a bias without w_ih" : "w_ih without a bias");
    for (const Tensor* t : {&w.w_ih, &w.w_hh, &w.bias}) {
      if (t->defined()) require_together("lstm", x, *t);
    }
    require(w.w_hh.rank() == 2, "lstm: w_hh must be [4H, H], not ", w.w_hh.shape());
    const Dims states{L, x.dim(1), w.w_hh.dim(1)};
    if (l > 0 && options.dropout > 0) {
      result.y = dropout(*options.generator, result.y, options.dropout);
    }
    const Tensor packed =
        packed_layer({{contiguous(result.y), if_defined(w.w_ih), contiguous(w.w_hh),
                       if_defined(w.bias), state_of("h", options.start.h, l, x, states),
                       state_of("c", options.start.c, l, x, states)},
                      lengths});
    result.y = slice(packed, 0, 0, T);
    h.push_back(slice(packed, 0, T, T + 1));
    c.push_back(slice(packed, 0, T + 1, T + 2));
  }
  result.end = L == 1 ? LstmState{h[0], c[0]} : LstmState{concat(h, 0), concat(c, 0)};
  return result;
}

}  // namespace etude
