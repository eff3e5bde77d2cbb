#pragma once
// Bottleneck before: five dependent launches a step, of which the input product reads all of w_ih
// for few rows. Idea: what does not depend on the recurrence leaves the loop: gates = x w_ih' +
// bias for all steps is one product of T B rows; so is dx on the way back. The recurrent product
// adds to it (beta = 1), and one kernel does all of a unit's arithmetic while its gates are in
// registers. Predicted: two launches a step instead of five, and the input products at a large
// matrix's rate: 2 to 3 times faster where launches dominate, until w_hh, which every step reads
// anew from L2, and the two launches are the limit.

#include "kernels/lstm/ladder/0_stepwise.cuh"

namespace etude::lstm_ladder {

/// gates[t], cells[t] and y[t] from the gates' sums; at a sequence's last step h_end and c_end too
/// shapes  of LstmForward                                dtype   T storage, compute_t<T> cells
/// launch  one thread per unit, block = 256
/// edges   beyond a sequence's length: gates and y 0, the cell stays
/// error   a few ulp, and the rounding to T
/// cost    11 B H elements of traffic; memory bound
/// source  Gers, Schmidhuber & Cummins 2000
template <class T>
__global__ void __launch_bounds__(kThreads) lstm_fused_gates(ForwardSteps<T> p, std::int64_t t) {
  launch_bound(kThreads);
  const UnitPlace at(p.B, p.H);
  if (at.inside) p.finish(t, at.b, at.u, p.load_gates(t, at.b, at.u));
}

template <class T>
void run_fused_gates(Stream& s, const LstmForward& p) {
  const LstmShape n(p);
  const ForwardSteps<T> steps(p);
  copy_state(s, p.h0, p.h_end);
  copy_state(s, p.c0, p.c_end);
  lstm_input_product(s, p, 0, n.T);
  for (std::int64_t t = 0; t < n.T; ++t) {
    lstm_recurrent_product(s, p, t);
    launch(s, unit_per_thread(n.B * n.H), lstm_fused_gates<T>, steps, t);
  }
}

template <class T>
void run_fused_gates_grad(Stream& s, const LstmBackward& p) {
  const LstmShape n(p);
  const BackwardSteps<T> steps(p);
  copy_state(s, p.dh_end, p.dh0);
  copy_state(s, p.dc_end, p.dc0);
  for (std::int64_t t = n.T - 1; t >= 0; --t) {
    launch(s, unit_per_thread(n.B * n.H), lstm_gate_grads<T>, steps, t);
    lstm_recurrent_grad(s, p, t);
  }
  lstm_input_grad(s, p, 0, n.T);
  lstm_weight_grads(s, p);
  bias_grad<T>(s, p);
}

}  // namespace etude::lstm_ladder
