#pragma once
// Walking several operands of one shape and any strides together: what copy and elementwise share.
// Order does not matter to them, so dimensions are sorted by the output's strides and merged where
// all operands allow: most calls become one long row.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <type_traits>

#include "kernels/core/parallel.h"
#include "kernels/core/view.h"

namespace etude {

/// N operands (0 is the output) over one index space, strides in elements. Dimension 0 is the
/// innermost; rank is at least 1; no operand could merge two neighbouring dimensions more.
template <int N>
struct Strided {
  int rank = 1;
  std::array<std::int64_t, kMaxRank> extent{1};
  std::array<std::array<std::int64_t, kMaxRank>, N> stride{};

  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int d = 0; d < rank; ++d) n *= extent[d];
    return n;
  }
};

/// Whether two different indices may name the same element through a stride of 0: such a view can
/// be read but not written.
inline bool repeats_elements(const View& view) {
  if (view.numel() == 0) return false;
  for (int d = 0; d < view.rank(); ++d) {
    if (view.shape[d] > 1 && view.strides[d] == 0) return true;
  }
  return false;
}

namespace detail {
template <int N>
bool mergeable(const Strided<N>& s, int inner, int outer) {
  return std::ranges::all_of(s.stride, [&](const auto& stride) {
    return stride[outer] == stride[inner] * s.extent[inner];
  });
}
}  // namespace detail

/// The walk over y and the N - 1 inputs, all of y's shape, with as few dimensions as possible. One
/// element alone has stride 1 everywhere, so that it counts as contiguous.
template <int N>
Strided<N> collapse(const View& y, std::span<const View> inputs) {
  const auto stride_of = [&](int k, int d) { return (k ? inputs[k - 1] : y).strides[d]; };
  std::array<int, kMaxRank> order{};  // y's dimensions, innermost first
  int count = 0;
  for (int d = y.rank() - 1; d >= 0; --d) {
    if (y.dim(d) != 1) order[count++] = d;
  }
  std::stable_sort(order.begin(), order.begin() + count,
                   [&](int a, int b) { return std::abs(y.strides[a]) < std::abs(y.strides[b]); });

  Strided<N> s;
  if (count == 0) {
    for (auto& stride : s.stride) stride[0] = 1;
    return s;
  }
  int last = -1;  // the outermost dimension so far
  for (int i = 0; i < count; ++i) {
    const int next = last + 1;
    s.extent[next] = y.dim(order[i]);
    for (int k = 0; k < N; ++k) s.stride[k][next] = stride_of(k, order[i]);
    if (last >= 0 && detail::mergeable(s, last, next)) {
      s.extent[last] *= s.extent[next];
    } else {
      last = next;
    }
  }
  s.rank = last + 1;
  return s;
}

/// Cuts the walk along its outermost dimensions into parts of at most `limit` elements and calls
/// body(part, offsets), offsets being where each operand's part begins: a kernel may then count in
/// 32 bits.
template <int N, class Body>
void for_each_slab(const Strided<N>& s, std::int64_t limit, const Body& body,
                   std::type_identity_t<std::array<std::int64_t, N>> offsets = {}) {
  if (s.numel() <= limit) return body(s, offsets);
  int d = s.rank - 1;
  while (s.extent[d] == 1) --d;
  Strided<N> half = s;
  half.extent[d] = s.extent[d] / 2;
  for_each_slab(half, limit, body, offsets);
  for (int k = 0; k < N; ++k) offsets[k] += half.extent[d] * s.stride[k][d];
  half.extent[d] = s.extent[d] - half.extent[d];
  for_each_slab(half, limit, body, offsets);
}

/// Rows of dimension 0 times some of dimension 1: what for_each_tile hands out.
struct TileShape {
  std::int64_t width, height;
};

constexpr std::int64_t kSquareTile = 32;

/// The tiles of a walk. Where an input is contiguous along another dimension than the innermost (as
/// in a transposition) that dimension becomes dimension 1 and tiles are squares, whose cache lines
/// are used up before they leave; else a tile is some 8192 elements of whole rows.
template <int N>
TileShape choose_tiles(Strided<N>& s) {
  constexpr std::int64_t kTile = 8192, kWorthwhile = 8;
  if (s.rank == 1) s.extent[s.rank++] = 1;
  for (int k = 1; k < N; ++k) {
    if (std::abs(s.stride[k][0]) <= 1 || s.extent[0] < kWorthwhile) continue;
    for (int d = 1; d < s.rank; ++d) {
      if (s.stride[k][d] != 1 || s.extent[d] < kWorthwhile) continue;
      std::swap(s.extent[1], s.extent[d]);
      for (auto& stride : s.stride) std::swap(stride[1], stride[d]);
      return {kSquareTile, kSquareTile};
    }
  }
  const std::int64_t width = std::clamp<std::int64_t>(s.extent[0], 1, kTile);
  return {width, kTile / width};
}

/// Calls body(offsets, n, rows) until every element has been in one tile of `rows` rows of n
/// elements. Tiles are shared among the threads. s is as choose_tiles left it.
template <int N, class Body>
void for_each_tile(const Strided<N>& s, const TileShape& shape, const Body& body) {
  const std::int64_t total = s.numel();
  if (total == 0) return;
  const std::int64_t across = (s.extent[0] + shape.width - 1) / shape.width;
  const std::int64_t down = (s.extent[1] + shape.height - 1) / shape.height;
  const std::int64_t tiles = total / (s.extent[0] * s.extent[1]) * across * down;

  parallel_for(tiles, total, [&](std::int64_t tile) {
    const std::int64_t i = tile % across * shape.width, j = tile / across % down * shape.height;
    std::array<std::int64_t, N> offset;
    for (int k = 0; k < N; ++k) offset[k] = i * s.stride[k][0] + j * s.stride[k][1];
    std::int64_t rest = tile / (across * down);
    for (int d = 2; d < s.rank; ++d) {
      for (int k = 0; k < N; ++k) offset[k] += rest % s.extent[d] * s.stride[k][d];
      rest /= s.extent[d];
    }
    body(offset, std::min(shape.width, s.extent[0] - i), std::min(shape.height, s.extent[1] - j));
  });
}

}  // namespace etude
