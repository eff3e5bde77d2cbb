#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::layer_norm_cases {

struct Case {
  std::int64_t rows, C;
  double offset = 0, spread = 1;  // inputs are uniform in offset + [-spread, spread]
};

/// Rows beyond one block's and one part's of the parameters' gradients, widths around a warp's and
/// a vector's, rows that lie far from 0, hardly vary, or vary widely.
inline std::vector<Case> tests() {
  return {{1, 1},   {3, 31},      {2, 32},           {5, 33},         {67, 8},         {130, 3},
          {9, 127}, {2, 129},     {3, 1031},         {0, 5},          {4, 0},          {259, 20},
          {8, 601}, {6, 50, 1e3}, {5, 40, -50, 0.1}, {3, 64, 0, 1e6}, {4, 64, 0, 1e-4}};
}

inline std::vector<Case> benches() { return {{2048, 256}, {8192, 768}}; }

}  // namespace etude::layer_norm_cases
