#pragma once
// The equations as they are written, one kernel for each: at every step two products, the
// activations of the gates, the cell, the output. Nothing is kept between kernels. Predicted: a
// step is five launches, each of which waits for the one before, so that a layer of H = 512 takes
// longer for launches (about 3 microseconds each) than for arithmetic; and x w_ih' for 64 sequences
// fills a tenth of a card.

#include "kernels/lstm/ladder/step.cuh"

namespace etude::lstm_ladder {

/// gates[t] = s(gates[t]), of the candidate's quarter tanh(gates[t]); 0 beyond a sequence's length
/// shapes  of LstmForward                                dtype   T storage, compute_t<T> arithmetic
/// launch  one thread per gate, block = 256
/// error   3 ulp of the function, and the rounding to T
/// cost    8 B H elements of traffic; memory bound
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_activate_gates(ForwardSteps<T> p, std::int64_t t) {
  launch_bound(kThreads);
  const UnitPlace at(p.B, 4 * p.H);
  if (!at.inside) return;
  T& gate = p.gates[(t * p.B + at.b) * 4 * p.H + at.u];
  const auto sum = static_cast<compute_t<T>>(gate);
  const bool candidate = at.u / p.H == 2;
  gate = static_cast<T>(!p.within(t, at.b) ? 0 : candidate ? math::tanh(sum) : math::sigmoid(sum));
}

/// cells[t] = f cells[t - 1] + i g; beyond a sequence's length it stays
/// shapes  of LstmForward                                dtype   T gates, compute_t<T> cells
/// launch  one thread per unit, block = 256
/// cost    5 B H elements of traffic; memory bound
/// source  Gers, Schmidhuber & Cummins 2000
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_cells(ForwardSteps<T> p, std::int64_t t) {
  launch_bound(kThreads);
  const UnitPlace at(p.B, p.H);
  if (!at.inside) return;
  const compute_t<T> before = p.cell_before(t, at.b, at.u);
  p.cells[(t * p.B + at.b) * p.H + at.u] =
      p.within(t, at.b) ? lstm_cell(p.load_gates(t, at.b, at.u), before) : before;
}

/// y[t] = o tanh(cells[t]), 0 beyond a sequence's length; at its last step h_end and c_end too
/// shapes  of LstmForward                                dtype   T storage, compute_t<T> cells
/// launch  one thread per unit, block = 256
/// cost    4 B H elements of traffic; memory bound
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_outputs(ForwardSteps<T> p, std::int64_t t) {
  launch_bound(kThreads);
  const UnitPlace at(p.B, p.H);
  if (!at.inside) return;
  const compute_t<T> c = p.cells[(t * p.B + at.b) * p.H + at.u];
  p.store(t, at.b, at.u, p.load_gates(t, at.b, at.u).o * math::tanh(c), c);
}

template <class T>
void run_stepwise(Stream& s, const LstmForward& p) {
  const LstmShape n(p);
  const ForwardSteps<T> steps(p);
  copy_state(s, p.h0, p.h_end);
  copy_state(s, p.c0, p.c_end);
  for (std::int64_t t = 0; t < n.T; ++t) {
    lstm_input_product(s, p, t, t + 1);
    lstm_recurrent_product(s, p, t);
    launch(s, unit_per_thread(n.B * 4 * n.H), lstm_activate_gates<T>, steps, t);
    launch(s, unit_per_thread(n.B * n.H), lstm_cells<T>, steps, t);
    launch(s, unit_per_thread(n.B * n.H), lstm_outputs<T>, steps, t);
  }
}

/// dgates[t], and the state's gradients one step back; dh0 is left at 0, for the product to add to
/// shapes  of LstmBackward                               dtype   T storage, compute_t<T> cells
/// launch  one thread per unit, block = 256
/// edges   beyond a sequence's length: dgates 0, the state's gradients stay
/// cost    about 16 B H elements of traffic; memory bound
/// source  Graves 2012, section 4.6
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_gate_grads(BackwardSteps<T> p, std::int64_t t) {
  launch_bound(kThreads);
  const UnitPlace at(p.B, p.H);
  if (!at.inside) return;
  p.finish(t, at.b, at.u, static_cast<compute_t<T>>(p.dh0[at.b * p.H + at.u]));
}

template <class T>
void run_stepwise_grad(Stream& s, const LstmBackward& p) {
  const LstmShape n(p);
  const BackwardSteps<T> steps(p);
  copy_state(s, p.dh_end, p.dh0);
  copy_state(s, p.dc_end, p.dc0);
  for (std::int64_t t = n.T - 1; t >= 0; --t) {
    launch(s, unit_per_thread(n.B * n.H), lstm_gate_grads<T>, steps, t);
    lstm_recurrent_grad(s, p, t);
    lstm_input_grad(s, p, t, t + 1);
  }
  lstm_weight_grads(s, p);
  bias_grad<T>(s, p);
}

}  // namespace etude::lstm_ladder
