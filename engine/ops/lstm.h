#pragma once
#include <span>

#include "engine/autograd.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace etude {

/// One layer's parameters, gates in PyTorch's order i, f, g, o: [4H, I], [4H, H], [4H], the bias
/// being PyTorch's b_ih + b_hh. Without w_ih and bias, as the first layer may be, x is [T, B, 4H],
/// the input's part of the gates' sums with the bias.
struct LstmWeights {
  Tensor w_ih, w_hh, bias;
};

/// Of all L layers: [L, B, H] each.
struct LstmState {
  Tensor h, c;
};

struct LstmOptions {
  LstmState start = {};            // undefined: zeros
  Tensor lengths = {};             // [B] i32, undefined: all sequences have T steps
  double dropout = 0;              // between layers, of each element
  Generator* generator = nullptr;  // draws the dropout; needed where that is above 0
};

struct LstmResult {
  Tensor y;       // [T, B, H]: the last layer's h at each step, 0 beyond a sequence's length
  LstmState end;  // after each sequence's last step
};

/// Layers of long short-term memory, each over the sequences that the one before gives: x [T, B,
/// I], time first; f32 or f64 (cpu). Beyond a sequence's length x must be finite, and has no
/// influence. Differentiable any number of times, with the fused kernels for the first. Throws
/// Error for other shapes and dtypes. Source: Hochreiter & Schmidhuber 1997; the forget gate: Gers
/// et al. 2000; the equations as in kernels/lstm/lstm.h; dropout between layers alone: Zaremba et
/// al., "Recurrent neural network regularization", 2014.
LstmResult lstm(const Tensor& x, std::span<const LstmWeights> layers,
                const LstmOptions& options = {});

}  // namespace etude
