#pragma once
// The innermost loops of products whose operands are blocked into vectors: a tile of sums in
// registers, and the transposes between the user's layout and the blocked one.

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/core/vector_cpu.h"

namespace etude::cpu {

/// A run of the depth of a product in which both operands lie regularly.
struct Segment {
  const float* a;
  const float* b;
};

/// How operands and result of one tile lie; strides in floats.
struct TileLayout {
  std::int64_t depth;     // of every segment
  std::int64_t b_vector;  // from one vector of columns to the next
  std::int64_t c_vector;
  bool accumulate;  // c += instead of c =
};

/// c[row][column] = sum over segments and their depth d of a[row][d] * b[d][column].
/// Rows x Vectors sums stay in registers. b and c: consecutive vectors in d and in row. a:
/// kRowStride between rows, kDepthStride in d.
template <int Rows, int Vectors, int kRowStride, int kDepthStride>
void tile(const Segment* segments, int count, const TileLayout& layout, float* c) {
  Vector sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) {
      sum[i][j] = layout.accumulate ? load(c + j * layout.c_vector + i * kLanes) : Vector{};
    }
  }
  for (int n = 0; n < count; ++n) {
    const float *a = segments[n].a, *b = segments[n].b;
    // Without unrolling, g++ 12 leaves the 4 x 3 tile well below the multiply-adds' rate.
#pragma GCC unroll 4
    for (std::int64_t d = 0; d < layout.depth; ++d, a += kDepthStride, b += kLanes) {
      Vector column[Vectors];
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) {
        column[j] = load(b + j * layout.b_vector);
#ifdef __AVX__
        // Else the compiler loads it again for every row, and loads become the bottleneck.
        asm("" : "+v"(column[j]));
#endif
      }
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) sum[i][j] += a[i * kRowStride] * column[j];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) store(c + j * layout.c_vector + i * kLanes, sum[i][j]);
  }
}

/// tile<rows, vectors>, chosen at run time: the last rows and vectors do no needless work.
template <int kRowStride, int kDepthStride>
auto tile_of(std::int64_t rows, std::int64_t vectors) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    using Tile = decltype(&tile<1, 1, kRowStride, kDepthStride>);
    static constexpr Tile table[] = {
        tile<I / kTileVectors + 1, I % kTileVectors + 1, kRowStride, kDepthStride>...};
    return table[(rows - 1) * kTileVectors + vectors - 1];
  }
  (std::make_integer_sequence<int, kTileRows * kTileVectors>());
}

template <int Step, int... J>
void exchange(Vector& upper, Vector& lower, std::integer_sequence<int, J...>) {
  const Vector u = upper, l = lower;
  upper = __builtin_shufflevector(u, l, (J & Step ? kLanes + J - Step : J)...);
  lower = __builtin_shufflevector(u, l, (J & Step ? kLanes + J : J + Step)...);
}

/// Transposes a square of kLanes vectors in registers: quadrants are exchanged, then theirs, down
/// to single elements.
template <int Step = kLanes / 2>
void transpose(Vector (&rows)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (!(i & Step)) {
      exchange<Step>(rows[i], rows[i + Step], std::make_integer_sequence<int, kLanes>());
    }
  }
  if constexpr (Step > 1) transpose<Step / 2>(rows);
}

/// Width values from and to the user's memory, of which `count` exist (or more); the rest are read
/// as 0.
template <int Width = kLanes, class T>
void load_lanes(const T* from, std::int64_t count, float* to) {
  if constexpr (std::is_same_v<T, float>) {
    if (count >= Width) {
#pragma GCC unroll 8
      for (int i = 0; i < Width; i += kLanes) store(to + i, load(from + i));
      return;
    }
  }
  for (std::int64_t i = 0; i < Width; ++i) to[i] = i < count ? static_cast<float>(from[i]) : 0;
}
template <class T>
void store_lanes(const float* from, std::int64_t count, T* to) {
  if constexpr (std::is_same_v<T, float>) {
    if (count >= kLanes) return store(to, load(from));
  }
  for (std::int64_t i = 0; i < std::min<std::int64_t>(kLanes, count); ++i) {
    to[i] = static_cast<T>(from[i]);
  }
}

/// to[j][i] = from[i][j] for i < kLanes, j < n: kLanes rows become the lanes of n vectors. Rows
/// from `rows` on count as zero.
inline void rows_to_lanes(const float* from, std::int64_t row_stride, std::int64_t rows,
                          std::int64_t n, float* to, std::int64_t vector_stride) {
  if (n < kLanes || rows < kLanes) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < kLanes; ++i) {
        to[j * vector_stride + i] = i < rows ? from[i * row_stride + j] : 0;
      }
    }
    return;
  }
  for (std::int64_t k = 0; k < n; k += kLanes) {
    const std::int64_t j = std::min(k, n - kLanes);  // the last square overlaps its neighbour
    Vector square[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = load(from + i * row_stride + j);
    transpose(square);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(to + (j + i) * vector_stride, square[i]);
  }
}

/// to[i][j] = from[j][i] for i < rows, j < n: the inverse of rows_to_lanes.
inline void lanes_to_rows(const float* from, std::int64_t vector_stride, std::int64_t rows,
                          std::int64_t n, float* to, std::int64_t row_stride) {
  if (n < kLanes || rows < kLanes) {
    for (std::int64_t i = 0; i < std::min<std::int64_t>(rows, kLanes); ++i) {
      for (std::int64_t j = 0; j < n; ++j) to[i * row_stride + j] = from[j * vector_stride + i];
    }
    return;
  }
  for (std::int64_t k = 0; k < n; k += kLanes) {
    const std::int64_t j = std::min(k, n - kLanes);
    Vector square[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) square[i] = load(from + (j + i) * vector_stride);
    transpose(square);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) store(to + i * row_stride + j, square[i]);
  }
}

}  // namespace etude::cpu
