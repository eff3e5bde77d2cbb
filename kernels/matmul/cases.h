#pragma once
// One list of cases for the tests and the bench.

#include <cstdint>
#include <vector>

namespace etude::matmul_cases {

/// How an operand lies in memory.
enum class Layout {
  row,       // contiguous
  column,    // the permuted view of a contiguous transpose
  padded,    // rows longer than the matrix, as in a slice
  shared,    // batch stride 0
  repeated,  // row stride 0, as of an expanded row, which BLAS refuses
};

struct Case {
  std::int64_t batch, m, n, k;
  Layout a = Layout::row, b = Layout::row;
  double alpha = 1, beta = 0;
  double scale = 1;  // a is uniform in [-scale, scale], b in [-1/scale, 1/scale]
};

/// batch 0 stands for operands without a batch dimension.
inline std::vector<Case> tests() {
  using enum Layout;
  return {
      {0, 1, 1, 1},
      {0, 1, 129, 33},
      {0, 1, 70, 300, row, column, 2, 1},
      {0, 127, 1, 31, column, row, 1, 0.5},
      {0, 33, 1, 129, row, row, -1},
      {0, 3, 5, 7, column, column},
      {0, 31, 33, 32, row, column},
      {0, 32, 32, 32, column, row, 0.5, -2},
      {0, 33, 31, 1},
      {0, 64, 48, 601, row, row, 1, 0.5},
      {0, 129, 127, 33, padded, padded, 1, 1},
      {0, 130, 257, 19, column, column, 1.5, 0.25},
      {0, 61, 67, 71, padded, column},
      // Many steps along K in 16-byte runs (the others are off them), over the edge of a tile.
      {0, 130, 136, 200},
      {0, 136, 129, 200, column, column, 1, 0.5},
      {0, 24, 40, 264, row, column},
      {2, 40, 24, 264, column, row},
      {0, 17, 20, 40, repeated, row},
      {0, 20, 17, 40, row, repeated, 1, 2},
      {0, 40, 40, 40, row, row, 1, 0, 1e18},
      {3, 33, 17, 20, column, padded, 1, 1},
      {5, 7, 9, 11, row, shared},
      {4, 1, 24, 16, padded, shared, 1, 1},
      {4, 12, 10, 8, shared, column},
      {2, 9, 9, 9, shared, shared},
      {0, 0, 5, 4},
      {0, 5, 0, 4, row, row, 1, 1},
      {0, 5, 4, 0, row, row, 1, 3},
      {0, 5, 4, 0},
      {2, 6, 5, 4, row, column, 0, 2},
  };
}

/// Squares, and the products of the models: convolutions as products, LSTM and transformer layers.
inline std::vector<Case> benches() {
  using enum Layout;
  return {{0, 512, 512, 512},
          {0, 1024, 1024, 1024},
          {0, 4096, 4096, 4096},
          {0, 8192, 8192, 8192},
          {0, 12544, 16, 64},
          {0, 64, 2048, 512, row, column},
          {0, 512, 2048, 12800, column, row},
          {0, 2048, 1024, 256},
          {32, 256, 256, 64, row, column},
          {0, 1, 2048, 512, row, column},
          {0, 1, 3072, 768},
          {0, 32, 24, 256}};
}

}  // namespace etude::matmul_cases
