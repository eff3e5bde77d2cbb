#pragma once
// A layer of long short-term memory for f32 and bf16 with its operands blocked into vectors, and
// one barrier of the threads per step.

#include "kernels/lstm/lstm.h"

namespace etude::cpu {

/// As lstm_forward and lstm_backward; T, B and H are not 0.
void lstm_forward_blocked(const LstmForward& p);
void lstm_backward_blocked(const LstmBackward& p);

}  // namespace etude::cpu
