#pragma once
// The arithmetic of one unit at one step, in one form for all backends.

#include "kernels/core/host_device.h"
#include "kernels/core/vector_math.h"

namespace etude {

template <class C>
struct LstmGates {
  C i, f, g, o;
};

/// The gates after their activations; `sums` are w_ih x + bias + w_hh h.
template <class C>
HOST_DEVICE inline LstmGates<C> lstm_activate(const LstmGates<C>& sums) {
  return {math::sigmoid(sums.i), math::sigmoid(sums.f), math::tanh(sums.g), math::sigmoid(sums.o)};
}

/// c = f c_before + i g
template <class C>
HOST_DEVICE inline C lstm_cell(const LstmGates<C>& gates, C c_before) {
  return math::fma(gates.f, c_before, gates.i * gates.g);
}

/// What a step hands back: the gradients of its gates' sums, and of c_before.
template <class C>
struct LstmCellGrad {
  LstmGates<C> sums;
  C dc_before;
};

/// From dh and dc, the gradients of the step's h and, by the step after, of its c. With u =
/// tanh(c):
///   do = dh u o (1 - o)                      dc += dh o (1 - u^2)
///   di = dc g i (1 - i),  df = dc c_before f (1 - f),  dg = dc i (1 - g^2),  dc_before = dc f
template <class C>
HOST_DEVICE inline LstmCellGrad<C> lstm_cell_grad(const LstmGates<C>& gates, C c, C c_before, C dh,
                                                  C dc) {
  const auto& [i, f, g, o] = gates;
  const C u = math::tanh(c);
  dc = math::fma(dh * o, 1 - u * u, dc);
  return {{dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g * g),
           dh * u * o * (1 - o)},
          dc * f};
}

}  // namespace etude
