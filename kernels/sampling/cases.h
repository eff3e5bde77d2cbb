#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::sampling_cases {

struct Case {
  std::int64_t rows, vocabulary;
  double temperature = 1;
  std::int64_t top_k = 0;
  double top_p = 1;
  double penalty = 1;
  std::int64_t history = 0;  // tokens per row; lengths vary from row to row
  std::int64_t gap = 0;      // elements between the end of a row of logits and the next row
  double scale = 4;          // logits are uniform in [-scale, scale]
  int levels = 0;            // of logits, so that most are tied; 0: no rounding
};

/// Around the sizes of warps and parts, primes, ties, filters that keep one token and all.
inline std::vector<Case> tests() {
  return {{1, 1},
          {3, 1, 0.5, 1, 0.5, 2, 3},
          {3, 31, 0.7},
          {2, 32, 1, 5},
          {2, 33, 1.3, 0, 0.8},
          {2, 127, 1, 127},  // k of the whole vocabulary, and beyond
          {2, 129, 1, 1000, 1, 1.2, 40},
          {3, 257, 0.9, 20, 0.9, 1.3, 60, 3},
          {3, 97, 1, 10, 0.95},
          {2, 1031, 2, 0, 1e-12},                   // the most probable alone
          {2, 1031, 1, 1},                          // the same by k
          {3, 601, 1, 17, 1, 1, 0, 0, 4, 9},        // ties with the k-th
          {3, 700, 1, 0, 0.4, 1, 0, 5, 4, 9},       // ties at the boundary of p
          {2, 600, 1, 60, 0.7, 1.5, 30, 0, 4, 12},  // both
          {2, 515, 1, 300, 0.999, 1, 0, 0, 1000},   // most masses are 0
          {3, 2053, 0, 3, 0.5, 1.8, 3000},          // greedy, the largest logits penalised
          {0, 10},
          {2, 4099, 0.8, 40, 0.9, 1.2, 5000},  // a history of many repetitions
          {1, 9001, 1, 0, 0.9, 1.1, 1500}};
}

inline std::vector<Case> benches() {
  return {{1, 240, 1, 40, 0.95},
          {64, 400, 1, 40, 0.95},
          {1, 50257},
          {1, 50257, 0.8, 50, 0.95, 1.2, 1024},
          {64, 50257},
          {64, 50257, 0.8, 50},
          {64, 50257, 0.8, 0, 0.95},
          {64, 50257, 0.8, 50, 0.95, 1.2, 1024}};
}

}  // namespace etude::sampling_cases
