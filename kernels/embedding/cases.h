#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::embedding_cases {

struct Case {
  std::int64_t n, rows, cols;  // N ids into a table [V, E]
  double pad = 0;              // share of the ids that are 0; the rest is uniform (bench: 0 or 1)
  std::int64_t outside = 0;    // ids reach this far below 0 and beyond the table
};

/// Around the sizes of warps, of the parts of a list and of the chunks of the sort; primes; one
/// list, short lists, empty ones; empty extents; ids outside the table.
inline std::vector<Case> tests() {
  return {{1, 1, 1},           {31, 7, 5},           {32, 3, 4},
          {33, 257, 8, 0, 40}, {64, 1, 3},           {65, 1, 3},
          {127, 2, 129},       {129, 2, 12, 0.5, 1}, {257, 1, 2, 0, 1},
          {300, 5, 260, 0.9},  {601, 40, 7, 0.3, 3}, {1031, 300, 4, 0.9},
          {0, 9, 5},           {9, 0, 5, 0, 3},      {9, 5, 0},
          {20, 3000, 1},       {16500, 3, 1, 0.4}};
}

/// The performance LSTM's, and the same of one id alone, as padding nearly is; a GPT's.
inline std::vector<Case> benches() {
  return {{12800, 240, 512}, {12800, 240, 512, 1}, {2048, 5000, 256}, {8192, 50257, 768}};
}

}  // namespace etude::embedding_cases
