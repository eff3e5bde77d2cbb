#pragma once
// Layers of long short-term memory over whole sequences, and their gradient through time.

#include <span>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// Extents: T steps, B sequences, I inputs, H hidden units. The four gates of w_ih, w_hh, bias and
/// `gates` follow each other as i, f, g, o (input, forget, candidate, output), H rows or columns
/// each, as in PyTorch. All contiguous and apart from each other; of one dtype, f32 | bf16 | f64
/// (cpu), but the cells, which are sums over time, are f32 where the dtype is bf16.
/// Without w_ih (a View of no shape) x is [T, B, 4H], the input's whole part of the gates' sums,
/// with the bias: for inputs of which the caller knows a cheaper product.
struct LstmForward {
  View x;             // [T, B, I]
  View w_ih, w_hh;    // [4H, I], [4H, H]
  View bias;          // [4H]: PyTorch's b_ih + b_hh; not read without w_ih
  View h0, c0;        // [B, H]
  View lengths;       // [B] i32, or without data: all are T
  View y;             // [T, B, H]: h of each step, 0 from a sequence's length on
  View h_end, c_end;  // [B, H]: after each sequence's last step
  View gates, cells;  // [T, B, 4H] after their activations, [T, B, H]: c; for the gradient
};

struct LstmBackward {
  View x, w_ih, w_hh, h0, c0, lengths, y, gates, cells;  // as in and from LstmForward
  View dy, dh_end, dc_end;                               // of y, h_end, c_end
  View dgates;               // [T, B, 4H]: of the gates before their activations; without w_ih
                             // it is x's gradient, and dx, dw_ih and dbias are not touched
  View dx;                   // of x; without data: not wanted
  View dw_ih, dw_hh, dbias;  // of w_ih, w_hh, bias
  View dh0, dc0;             // of h0, c0
};

/// Layers of a stack that may run as one: all are among a launch's arguments, and, with three
/// inputs each, a graph node has no room for many more. Longer stacks are taken layer by layer.
constexpr std::size_t kLstmStackLayers = 8;

// The two backends have equal signatures, so a test or a bench walks over both.
namespace cpu {
void lstm_stack_forward(Stream&, std::span<const LstmForward>, std::span<const View> masks);
void lstm_stack_backward(Stream&, std::span<const LstmBackward>, std::span<const View> masks);
}  // namespace cpu
namespace gpu {
void lstm_stack_forward(Stream&, std::span<const LstmForward>, std::span<const View> masks);
void lstm_stack_backward(Stream&, std::span<const LstmBackward>, std::span<const View> masks);
}  // namespace gpu

/// One way to compute both directions on the GPU: a step of the ladder.
struct LstmRung {
  const char* name;
  const char* idea;
  /// Arguments as of the functions below, and not checked.
  void (*forward)(Stream&, std::span<const LstmForward>, std::span<const View> masks);
  void (*backward)(Stream&, std::span<const LstmBackward>, std::span<const View> masks);
  DType dtype = DType::f32;
  double roundoff = 0x1p-24;  // as MatmulRung::roundoff
};
/// The ladder from the bottom up.
std::span<const LstmRung> lstm_rungs();

namespace detail {

/// Error that names the operand unless it is a dense view of that shape and dtype.
inline void check_lstm(const char* name, const View& v, DType dtype, const Dims& shape) {
  require(v.shape == shape && v.dtype == dtype && v.contiguous(), "lstm: ", name, " must be ",
          name_of(dtype), " ", shape, " without gaps, not ", name_of(v.dtype), " ", v.shape,
          " strided by ", v.strides);
}

/// Whether x holds sums, not inputs.
template <class P>
bool lstm_input_is_summed(const P& p) {
  return p.w_ih.rank() == 0;
}

/// The operands that both directions have.
template <class P>
void check_lstm_operands(const P& p) {
  require(p.x.rank() == 3 && p.w_hh.rank() == 2, "lstm: x must be [T, B, I] and w_hh [4H, H], not ",
          p.x.shape, " and ", p.w_hh.shape);
  const std::int64_t T = p.x.dim(0), B = p.x.dim(1), I = p.x.dim(2), H = p.w_hh.dim(1);
  const DType dtype = p.x.dtype, state = dtype == DType::bf16 ? DType::f32 : dtype;
  check_lstm("x", p.x, dtype, {T, B, I});
  if (lstm_input_is_summed(p)) {
    check_lstm("x (without w_ih)", p.x, dtype, {T, B, 4 * H});
  } else {
    check_lstm("w_ih", p.w_ih, dtype, {4 * H, I});
  }
  check_lstm("w_hh", p.w_hh, dtype, {4 * H, H});
  check_lstm("h0", p.h0, dtype, {B, H});
  check_lstm("c0", p.c0, state, {B, H});
  if (p.lengths.data) check_lstm("lengths", p.lengths, DType::i32, {B});
  check_lstm("y", p.y, dtype, {T, B, H});
  check_lstm("gates", p.gates, dtype, {T, B, 4 * H});
  check_lstm("cells", p.cells, state, {T, B, H});
}

inline void check_lstm_forward(const LstmForward& p) {
  check_lstm_operands(p);
  if (!lstm_input_is_summed(p)) check_lstm("bias", p.bias, p.x.dtype, {p.w_hh.dim(0)});
  check_lstm("h_end", p.h_end, p.h0.dtype, p.h0.shape);
  check_lstm("c_end", p.c_end, p.c0.dtype, p.c0.shape);
}

inline void check_lstm_backward(const LstmBackward& p) {
  check_lstm_operands(p);
  check_lstm("dy", p.dy, p.y.dtype, p.y.shape);
  check_lstm("dh_end", p.dh_end, p.h0.dtype, p.h0.shape);
  check_lstm("dc_end", p.dc_end, p.c0.dtype, p.c0.shape);
  check_lstm("dgates", p.dgates, p.gates.dtype, p.gates.shape);
  if (!lstm_input_is_summed(p)) {
    if (p.dx.data) check_lstm("dx", p.dx, p.x.dtype, p.x.shape);
    check_lstm("dw_ih", p.dw_ih, p.w_ih.dtype, p.w_ih.shape);
    check_lstm("dbias", p.dbias, p.x.dtype, {p.w_hh.dim(0)});
  }
  check_lstm("dw_hh", p.dw_hh, p.w_hh.dtype, p.w_hh.shape);
  check_lstm("dh0", p.dh0, p.h0.dtype, p.h0.shape);
  check_lstm("dc0", p.dc0, p.c0.dtype, p.c0.shape);
}

/// What a layer and the one below have in common.
template <class P>
void check_lstm_pair(const P& below, const P& p, const View* mask) {
  check_lstm("x (of the layer below)", p.x, below.y.dtype, below.y.shape);
  check_lstm("y", p.y, below.y.dtype, below.y.shape);
  require(!lstm_input_is_summed(p), "lstm: a layer above the first needs w_ih");
  require(p.lengths.data == below.lengths.data, "lstm: the layers of a stack share their lengths");
  if (mask) check_lstm("mask", *mask, p.x.dtype, p.x.shape);
  require(p.x.numel() == 0 || (p.x.data == below.y.data) == !mask,
          "lstm: a layer's x is the y below it, or, where there are masks, memory of its own");
}

/// As many masks as there are gaps between the layers, or none.
inline void check_lstm_masks(std::size_t layers, std::size_t masks) {
  require(layers > 0, "lstm: there is no layer");
  require(masks == 0 || masks + 1 == layers, "lstm: ", layers, " layers have ", layers - 1,
          " masks between them, not ", masks);
}

}  // namespace detail

/// One layer. For t = 0 .. T - 1, with h and c of the step before (h0, c0 before the first) and s
/// the logistic function:
///   i, f, o = s(..), g = tanh(..) of  w_ih x[t] + bias + w_hh h,  one quarter of the rows each
///   c = f c + i g,   h = o tanh(c),   y[t] = h
/// From a sequence's length on its state stays, and y and gates are 0. T, B, I and H may be 0.
/// A length below 0 counts as 0, one above T as T. In bf16 the gates are rounded after their
/// activations and, where a backend stores their sums, before.
///
/// A stack: layer l > 0 takes x = y of the layer below, which is the same view, or, with `masks`
/// (none, or one [T, B, H] between every two layers: dropout, its scale included), their product,
/// which the call writes to x. All layers have one T, B, H, dtype and view of lengths.
/// Throws Error for other shapes, strides and dtypes.
/// Source: Hochreiter & Schmidhuber, "Long short-term memory", 1997; the forget gate: Gers,
/// Schmidhuber & Cummins, "Learning to forget", 2000; the order of the gates: PyTorch, nn.LSTM;
/// masks between layers alone: Zaremba et al., "Recurrent neural network regularization", 2014.
inline void lstm_stack_forward(Stream& s, std::span<const LstmForward> layers,
                               std::span<const View> masks = {}) {
  detail::check_lstm_masks(layers.size(), masks.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    detail::check_lstm_forward(layers[l]);
    if (l == 0) continue;
    detail::check_lstm_pair(layers[l - 1], layers[l], masks.empty() ? nullptr : &masks[l - 1]);
  }
  (s.device() == Device::cpu ? cpu::lstm_stack_forward : gpu::lstm_stack_forward)(s, layers, masks);
}
inline void lstm_forward(Stream& s, const LstmForward& p) { lstm_stack_forward(s, {&p, 1}); }

/// The gradient of lstm_stack_forward, back through time, from those of the top layer's y and of
/// every h_end and c_end. The weights' gradients are one product over all steps each. Below the
/// top, dy is the same view as dx of the layer above: memory for a way that takes the layers one
/// after another, of unknown contents afterwards. The CPU is one such, and lets the layers share
/// dgates, which are then the first one's. Sums have an order that depends on the shapes
/// alone. Throws Error as lstm_stack_forward. Source: Graves, "Supervised sequence labelling with
/// recurrent neural networks", 2012, section 4.6 (without peepholes).
inline void lstm_stack_backward(Stream& s, std::span<const LstmBackward> layers,
                                std::span<const View> masks = {}) {
  detail::check_lstm_masks(layers.size(), masks.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    detail::check_lstm_backward(layers[l]);
    if (l == 0) continue;
    const LstmBackward &below = layers[l - 1], &p = layers[l];
    detail::check_lstm_pair(below, p, masks.empty() ? nullptr : &masks[l - 1]);
    require(p.x.numel() == 0 || p.dx.data == below.dy.data,
            "lstm: a layer's dy is dx of the layer above it");
  }
  (s.device() == Device::cpu ? cpu::lstm_stack_backward : gpu::lstm_stack_backward)(s, layers,
                                                                                    masks);
}
inline void lstm_backward(Stream& s, const LstmBackward& p) { lstm_stack_backward(s, {&p, 1}); }

}  // namespace etude
