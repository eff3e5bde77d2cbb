#pragma once
// y[i] = op(x_0[i], x_1[i], ...) over views of any strides on the CPU; kernels/core/map.cuh is its
// twin on the GPU. Vectorised where y and every input run along the row or stand still; a
// transposed input is brought into that form tile by tile.

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "kernels/core/strided.h"

namespace etude::cpu {

namespace detail {

/// One tile of y and of its N inputs; index 0 of the strides is y.
template <class Y, class X, int N>
struct Tile {
  Y* y;
  std::array<const X*, N> x;
  std::array<std::int64_t, N + 1> step;      // along a row
  std::array<std::int64_t, N + 1> row_step;  // from row to row
  std::int64_t n, rows;

  /// Bit k: x_k moves by 1 along the row, else it stands still; -1 if y or an input does neither.
  int moving() const {
    int bits = 0;
    for (int k = 0; k < N; ++k) {
      if (step[k + 1] != 0 && step[k + 1] != 1) return -1;
      bits |= static_cast<int>(step[k + 1]) << k;
    }
    return step[0] == 1 ? bits : -1;
  }

  void next_row() {
    y += row_step[0];
    for (int k = 0; k < N; ++k) x[k] += row_step[k + 1];
  }

  /// A row with the given moving(). In place (y is one of x) is allowed, which the pragma knows: no
  /// element depends on another's result.
  template <int Moving, class Op, std::size_t... K>
  void simple_row(const Op& op, std::index_sequence<K...>) const {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = op(x[K][Moving >> K & 1 ? i : 0]...);
  }

  template <class Op, std::size_t... K>
  void strided_row(const Op& op, std::index_sequence<K...>) const {
    for (std::int64_t i = 0; i < n; ++i) y[i * step[0]] = op(x[K][i * step[K + 1]]...);
  }

  /// Computes the tile. Loops of their own have: for up to two inputs all patterns in which one
  /// moves, beyond that the one in which all do.
  template <int Moving = (1 << N) - 1, class Op>
  void run(const Op& op) {
    constexpr int kAll = (1 << N) - 1;
    constexpr bool own_loop = Moving == kAll || (N <= 2 && Moving > 0);
    if constexpr (own_loop) {
      if (moving() == Moving) {
        for (; rows > 0; --rows, next_row()) {
          simple_row<Moving>(op, std::make_index_sequence<N>{});
        }
        return;
      }
    }
    if constexpr (Moving > 0) return run<Moving - 1>(op);
    for (; rows > 0; --rows, next_row()) strided_row(op, std::make_index_sequence<N>{});
  }
};

/// to[r][i] = from[i * step + r]: whole cache lines are read, and the small copy stays in the cache
/// whatever power of two `step` is.
template <class X>
void transpose_tile(const X* from, std::int64_t step, std::int64_t n, std::int64_t rows, X* to) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t r = 0; r < rows; ++r) to[r * kSquareTile + i] = from[i * step + r];
  }
}

}  // namespace detail

/// y[i] = op(inputs[0][i], ...); N inputs of type X and y's shape, y of type Y. op is called for
/// each element once, in no particular order. Checks are the caller's.
template <class Y, class X, int N, class Op>
void map(const Op& op, std::span<const View> inputs, const View& y) {
  Strided<N + 1> s = collapse<N + 1>(y, inputs);
  const TileShape shape = choose_tiles(s);
  detail::Tile<Y, X, N> whole{y.as<Y>(), {}, {}, {}, 0, 0};
  for (int k = 0; k < N; ++k) whole.x[k] = inputs[k].as<X>();
  for (int k = 0; k <= N; ++k) {
    whole.step[k] = s.stride[k][0];
    whole.row_step[k] = s.stride[k][1];
  }
  for_each_tile(s, shape, [&](const auto& offset, std::int64_t n, std::int64_t rows) {
    X buffer[N + 1][kSquareTile * kSquareTile];
    detail::Tile<Y, X, N> tile = whole;
    tile.n = n;
    tile.rows = rows;
    tile.y += offset[0];
    for (int k = 0; k < N; ++k) {
      tile.x[k] += offset[k + 1];
      const bool transposed = tile.row_step[k + 1] == 1 && std::abs(tile.step[k + 1]) > 1 &&
                              shape.width == kSquareTile && shape.height == kSquareTile;
      if (!transposed) continue;
      detail::transpose_tile(tile.x[k], tile.step[k + 1], n, rows, buffer[k]);
      tile.x[k] = buffer[k];
      tile.step[k + 1] = 1;
      tile.row_step[k + 1] = kSquareTile;
    }
    tile.run(op);
  });
}

}  // namespace etude::cpu
