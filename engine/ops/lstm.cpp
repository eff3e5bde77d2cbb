#include "kernels/lstm/lstm.h"

#include <algorithm>

#include "engine/ops/elementwise.h"
#include "engine/ops/lstm.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

/// What a stack is a function of; `in` holds x, h0 and c0 [L, B, H], and each layer's w_ih, w_hh
/// and bias, contiguous; the first w_ih and bias may be undefined.
struct Stack {
  std::vector<Tensor> in;
  std::vector<Tensor> masks;  // between the layers, or none
  Tensor lengths;

  std::int64_t layers() const { return static_cast<std::int64_t>(in.size()) / 3 - 1; }
  const Tensor& w_ih(std::int64_t l) const { return in[3 * l + 3]; }
  const Tensor& w_hh(std::int64_t l) const { return in[3 * l + 4]; }
  const Tensor& bias(std::int64_t l) const { return in[3 * l + 5]; }
  bool summed() const { return !w_ih(0).defined(); }
  std::int64_t steps() const { return in[0].dim(0); }
  std::int64_t sequences() const { return in[0].dim(1); }
  std::int64_t units() const { return w_hh(0).dim(1); }
  Tensor make(const Dims& shape) const {
    return Tensor::empty(shape, in[0].dtype(), in[0].device());
  }
};

/// Each layer's activations, kept for the gradient.
struct Activations {
  std::vector<Tensor> x, y, gates, cells;
};

View view_of(const Tensor& t) { return t.defined() ? t.view() : View(); }
std::vector<View> views_of(const std::vector<Tensor>& all) {
  std::vector<View> views;
  for (const Tensor& t : all) views.push_back(t.view());
  return views;
}

/// Row i of [rows, B, H].
View row_of(const Tensor& rows, std::int64_t i) {
  const View v = slice(rows, 0, i, i + 1).view();
  return View(v.data, v.dtype, {v.dim(1), v.dim(2)});
}

/// The packed result, which in plain ops is computed for when its gradient is itself to be
/// differentiated: y of the last layer, then every layer's h_end, then every c_end, along time,
/// [T + 2 L, B, H].
Tensor in_plain_ops(const Stack& stack) {
  const std::int64_t T = stack.steps(), B = stack.sequences(), H = stack.units();
  const Tensor zero = Tensor::zeros({}, stack.in[0].dtype(), stack.in[0].device());
  std::vector<Tensor> y, h_ends, c_ends;
  Tensor input = stack.in[0];
  for (std::int64_t l = 0; l < stack.layers(); ++l) {
    if (l > 0) input = T > 0 ? concat(y, 0) : Tensor::zeros({0, B, H}, zero.dtype(), zero.device());
    if (l > 0 && !stack.masks.empty()) input = input * stack.masks[l - 1];
    y.clear();
    Tensor h = reshape(slice(stack.in[1], 0, l, l + 1), {B, H});
    Tensor c = reshape(slice(stack.in[2], 0, l, l + 1), {B, H});
    for (std::int64_t t = 0; t < T; ++t) {
      const Tensor x = reshape(slice(input, 0, t, t + 1), {B, input.dim(2)});
      const bool summed = l == 0 && stack.summed();
      const Tensor sums =
          (summed ? x : linear(x, stack.w_ih(l), stack.bias(l))) + linear(h, stack.w_hh(l), {});
      const auto gate = [&](std::int64_t q) { return slice(sums, 1, q * H, (q + 1) * H); };
      const Tensor c_new = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
      const Tensor h_new = sigmoid(gate(3)) * tanh(c_new);
      Tensor y_new = h_new;
      if (stack.lengths.defined()) {
        const Tensor length = reshape(cast(stack.lengths, h.dtype()), {-1, 1});
        const Tensor inside = greater(length, affine(zero, 1, static_cast<double>(t)));
        c = where(inside, c_new, c);
        h = where(inside, h_new, h);
        y_new = where(inside, h_new, zero);
      } else {
        c = c_new, h = h_new;
      }
      y.push_back(reshape(y_new, {1, B, H}));
    }
    h_ends.push_back(reshape(h, {1, B, H}));
    c_ends.push_back(reshape(c, {1, B, H}));
  }
  for (const auto& ends : {h_ends, c_ends}) y.insert(y.end(), ends.begin(), ends.end());
  return concat(y, 0);
}

/// The gradient as a function of the inputs. They are copied in the graph first: one may depend on
/// another, and that path is not the stack's.
Grads differentiable_grad(const Stack& stack, const Tensor& dpacked, Needs needs) {
  Stack copy = stack;
  const int count = static_cast<int>(copy.in.size());
  std::vector<Tensor> wanted;
  for (int i = 0; i < count; ++i) {
    if (copy.in[i].defined()) copy.in[i] = affine(copy.in[i], 1, 0);
    if (needs[i]) wanted.push_back(copy.in[i]);
  }
  const std::vector<Tensor> found = grad(in_plain_ops(copy), wanted, true, dpacked);
  Grads grads(count);
  for (int i = 0, next = 0; i < count; ++i) {
    if (needs[i]) grads[i] = found[next++];
  }
  return grads;
}

/// What both directions have, of layer l.
template <class P>
P operands_of(const Stack& stack, const Activations& kept, std::int64_t l) {
  P p;
  p.x = (l == 0 ? stack.in[0] : kept.x[l]).view();
  p.w_ih = view_of(stack.w_ih(l)), p.w_hh = stack.w_hh(l).view();
  p.h0 = row_of(stack.in[1], l), p.c0 = row_of(stack.in[2], l);
  p.lengths = view_of(stack.lengths);
  p.y = kept.y[l].view(), p.gates = kept.gates[l].view(), p.cells = kept.cells[l].view();
  return p;
}

/// By the fused kernels.
Grads fused_grad(const Stack& stack, const Activations& kept, const Tensor& dpacked0, Needs needs) {
  const std::int64_t T = stack.steps(), L = stack.layers();
  const Tensor dpacked = contiguous(dpacked0);
  Grads d(stack.in.size());
  for (std::size_t i = 0; i < d.size(); ++i) {
    const bool wanted = i > 0 || (needs[0] && !stack.summed());
    if (wanted && stack.in[i].defined()) d[i] = Tensor::empty_like(stack.in[i]);
  }
  std::vector<Tensor> dgates, dx;
  std::vector<LstmBackward> layers;
  for (std::int64_t l = 0; l < L; ++l) {
    const bool shared = l > 0 && dpacked.device() == Device::cpu;
    dgates.push_back(shared ? dgates[0] : Tensor::empty_like(kept.gates[l]));
    dx.push_back(l == 0 ? d[0] : Tensor::empty_like(kept.x[l]));
    auto p = operands_of<LstmBackward>(stack, kept, l);
    if (l > 0) layers.back().dy = dx[l].view();
    p.dh_end = row_of(dpacked, T + l), p.dc_end = row_of(dpacked, T + L + l);
    p.dgates = dgates[l].view(), p.dx = view_of(dx[l]);
    p.dw_ih = view_of(d[3 * l + 3]), p.dw_hh = d[3 * l + 4].view();
    p.dbias = view_of(d[3 * l + 5]);
    p.dh0 = row_of(d[1], l), p.dc0 = row_of(d[2], l);
    layers.push_back(p);
  }
  layers.back().dy = slice(dpacked, 0, 0, T).view();
  lstm_stack_backward(dpacked.stream(), layers, views_of(stack.masks));
  if (stack.summed()) d[0] = dgates[0];
  return d;
}

/// The packed result; see in_plain_ops().
Tensor packed_stack(const Stack& stack) {
  const std::int64_t T = stack.steps(), B = stack.sequences(), H = stack.units(),
                     L = stack.layers();
  const Tensor packed = stack.make({T + 2 * L, B, H});
  Activations kept;
  std::vector<LstmForward> layers;
  for (std::int64_t l = 0; l < L; ++l) {
    const bool masked = l > 0 && !stack.masks.empty();
    kept.x.push_back(masked ? stack.make({T, B, H}) : l > 0 ? kept.y.back() : Tensor());
    kept.y.push_back(l + 1 < L ? stack.make({T, B, H}) : slice(packed, 0, 0, T));
    kept.gates.push_back(stack.make({T, B, 4 * H}));
    kept.cells.push_back(stack.make({T, B, H}));
    auto p = operands_of<LstmForward>(stack, kept, l);
    p.bias = view_of(stack.bias(l));
    p.h_end = row_of(packed, T + l), p.c_end = row_of(packed, T + L + l);
    layers.push_back(p);
  }
  lstm_stack_forward(packed.stream(), layers, views_of(stack.masks));
  std::vector<Saved> inputs;
  for (const Tensor& t : stack.in) inputs.push_back(saved(t));
  return record("lstm", packed, stack.in,
                [inputs, masks = stack.masks, lengths = saved(stack.lengths), kept](
                    const Tensor& dpacked, Needs needs) {
                  const Stack again{{inputs.begin(), inputs.end()}, masks, lengths};
                  return grad_enabled() ? differentiable_grad(again, dpacked, needs)
                                        : fused_grad(again, kept, dpacked, needs);
                });
}

Tensor if_defined(const Tensor& t) { return t.defined() ? contiguous(t) : t; }

/// A state's layers [first, end), or zeros; `shape` is that of all.
Tensor state_of(const char* name, const Tensor& all, std::int64_t first, std::int64_t end,
                const Tensor& x, const Dims& shape) {
  if (!all.defined()) {
    return Tensor::zeros({end - first, shape[1], shape[2]}, x.dtype(), x.device());
  }
  require(all.shape() == shape, "lstm: the starting ", name, " must be [L, B, H] = ", shape,
          ", not ", all.shape());
  require_together("lstm", x, all);
  return contiguous(slice(all, 0, first, end));
}

void check_weights(const Tensor& x, std::span<const LstmWeights> layers) {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const LstmWeights& w = layers[l];
    require(w.w_ih.defined() == w.bias.defined(), "lstm: layer ", l, " has ",
            w.bias.defined() ? "a bias without w_ih" : "w_ih without a bias");
    require(l == 0 || w.w_ih.defined(), "lstm: layer ", l,
            " has no w_ih, which only the first may");
    for (const Tensor* t : {&w.w_ih, &w.w_hh, &w.bias}) {
      if (t->defined()) require_together("lstm", x, *t);
    }
    require(w.w_hh.rank() == 2, "lstm: w_hh must be [4H, H], not ", w.w_hh.shape());
  }
}

}  // namespace

LstmResult lstm(const Tensor& x, std::span<const LstmWeights> layers, const LstmOptions& options) {
  require(!layers.empty(), "lstm: there is no layer");
  require(x.rank() == 3, "lstm: x must be [T, B, I], not ", x.shape());
  require(x.dtype() == DType::f32 || x.dtype() == DType::f64, "lstm: x must be f32 or f64, not ",
          name_of(x.dtype()));
  require(options.dropout == 0 || options.generator, "lstm: dropout ", options.dropout,
          " needs a generator");
  check_weights(x, layers);
  const std::int64_t T = x.dim(0);
  const Dims states{static_cast<std::int64_t>(layers.size()), x.dim(1), layers[0].w_hh.dim(1)};
  Tensor lengths = options.lengths;
  if (lengths.defined()) {
    require(lengths.device() == x.device(), "lstm: x is on ", name_of(x.device()),
            ", the lengths on ", name_of(lengths.device()));
    lengths = contiguous(lengths);
  }
  LstmResult result{.y = x, .end = {}};
  std::vector<Tensor> h, c;
  for (std::size_t first = 0; first < layers.size(); first += kLstmStackLayers) {
    const std::size_t end = std::min(layers.size(), first + kLstmStackLayers);
    const auto begin_row = static_cast<std::int64_t>(first),
               end_row = static_cast<std::int64_t>(end), L = end_row - begin_row;
    if (first > 0 && options.dropout > 0) {
      result.y = dropout(*options.generator, result.y, options.dropout);
    }
    Stack stack{
        {contiguous(result.y), state_of("h", options.start.h, begin_row, end_row, x, states),
         state_of("c", options.start.c, begin_row, end_row, x, states)},
        {},
        lengths};
    for (std::size_t l = first; l < end; ++l) {
      const LstmWeights& w = layers[l];
      for (const Tensor* t : {&w.w_ih, &w.w_hh, &w.bias}) stack.in.push_back(if_defined(*t));
      if (l == first || options.dropout == 0) continue;
      const Tensor ones = Tensor::ones({T, states[1], states[2]}, x.dtype(), x.device());
      stack.masks.push_back(dropout(*options.generator, ones, options.dropout));
    }
    const Tensor packed = packed_stack(stack);
    result.y = slice(packed, 0, 0, T);
    h.push_back(slice(packed, 0, T, T + L));
    c.push_back(slice(packed, 0, T + L, T + 2 * L));
  }
  result.end = h.size() == 1 ? LstmState{h[0], c[0]} : LstmState{concat(h, 0), concat(c, 0)};
  return result;
}

}  // namespace etude
