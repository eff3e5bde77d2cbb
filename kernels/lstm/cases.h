#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <string>
#include <vector>

namespace etude::lstm_cases {

struct Case {
  std::int64_t T, B, I, H;
  bool lengths = false;  // sequences of different lengths, some empty
  double scale = 1;      // x and the states are uniform within it
  bool summed = false;   // x holds the gates' sums: there is no w_ih, and I must be 4 H
  int layers = 1;        // of a stack; the first one has I inputs
  bool masked = false;   // with a mask between every two layers

  std::string name() const {
    return std::to_string(T) + "x" + std::to_string(B) + "x" + std::to_string(I) + " H " +
           std::to_string(H) + (lengths ? " lengths" : "") + (summed ? " summed" : "") +
           (layers > 1 ? " x " + std::to_string(layers) : "") + (masked ? " masked" : "");
  }
};

/// H up to 32 fits the 8 resident blocks of the host runtime with 4 units each. 4 H = 128 and
/// B > 64 give the persistent rung several steps along the depth, and several tiles of sequences.
inline std::vector<Case> tests() {
  return {{1, 1, 1, 1},
          {1, 1, 7, 33},
          {2, 3, 3, 7, true},
          {2, 70, 2, 6, true},
          {2, 5, 17, 31},
          {3, 4, 6, 32, true},
          {2, 3, 9, 40, true},
          {0, 2, 3, 4},
          {2, 0, 3, 4},
          {2, 3, 0, 4},
          {2, 3, 4, 0},
          {2, 5, 28, 7, true, 1, true},
          {1, 2, 12, 3, false, 1, true}};
}

/// Stacks, of which the first few are for every backend. On the 8 resident blocks of the host
/// runtime the rest gives the wavefront blocks of 4, 8 and 12 units, and one stack too large for
/// it.
inline std::vector<Case> stacks() {
  return {{1, 2, 3, 4, false, 1, false, 2, true}, {0, 2, 3, 4, false, 1, false, 2},
          {5, 3, 2, 7, true, 1, false, 3, true},  {2, 2, 4, 1, false, 1, true, 3},
          {2, 70, 2, 4, true, 1, false, 2, true}, {2, 3, 2, 32, false, 1, false, 2},
          {2, 2, 1, 33, true, 1, false, 2, true}, {1, 2, 1, 40, false, 1, false, 3}};
}
constexpr int kStacksForAll = 2;

/// For the CPU alone: several chunks of steps, a step of more rows than a chunk, several groups of
/// units and runs of the depth, gates that saturate.
inline std::vector<Case> cpu_tests() {
  return {{300, 1, 3, 5},
          {5, 2, 1, 9, true},
          {2, 257, 2, 3, true},
          {3, 6, 67, 67, true},
          {1, 3, 5, 37, true},
          {1, 9, 5, 33, true},
          {2, 2, 3, 5, false, 40.0},
          {3, 6, 268, 67, true, 1, true}};
}

/// A layer in training, a small one, one step of a generation, and the training's whole stack.
inline std::vector<Case> benches() {
  return {{200, 64, 512, 512},
          {32, 64, 128, 256},
          {1, 1, 512, 512},
          {200, 64, 512, 512, false, 1, false, 3}};
}

}  // namespace etude::lstm_cases
