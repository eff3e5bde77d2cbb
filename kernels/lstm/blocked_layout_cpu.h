#pragma once
// What both directions of the blocked layer share: layouts, products, threads.
//
// A matrix [rows, features] lies in one of two ways, `rows` being those of a chunk of steps:
//   vectors  [feature / kLanes][row][kLanes]   as results, and as the operand that is a vector;
//                                              there are spread(rows) rows
//   runs     [feature / kRun][row][kRun]       as the operand of which a tile takes single values
// Weights are vectors of neighbouring outputs: [output / kLanes][input][kLanes].

#ifdef _OPENMP
#include <omp.h>
#endif

#ifdef __AVX__
#include <immintrin.h>
#endif
#include <type_traits>

#include "kernels/core/dtype.h"
#include "kernels/core/panel_cpu.h"
#include "kernels/core/scratch.h"
#include "kernels/lstm/lstm.h"
#include "kernels/lstm/products.h"

namespace etude::cpu::lstm_blocked {

/// Depth of a product between two updates of its sums: three vectors of weights of that depth
/// (6 KiB with 8 lanes) stay in the L1 cache while all rows pass.
inline constexpr std::int64_t kRun = 64;
/// Rows of a chunk of steps, if a single step has less: the depth of a piece of the weights'
/// gradients, and how often a weight of the input product is used per load.
inline constexpr std::int64_t kChunkRows = 256;
/// Vectors of units that are finished together: their gates are eight full panels, and each gate
/// three whole cache lines.
inline constexpr std::int64_t kUnitVectors = 6;

/// Rows between neighbouring vectors of features that hold `rows` rows: an odd number of cache
/// lines, so that the same row of many vectors does not meet in one set of the caches.
inline std::int64_t spread(std::int64_t rows) {
  constexpr std::int64_t kPerLine = std::max(1, 16 / kLanes);
  return (ceil_div(rows, kPerLine) | 1) * kPerLine;
}

/// Extents, and those in vectors of lanes. Where x holds sums there are no inputs: I is 0.
struct Extents : LstmShape {
  bool summed;
  std::int64_t unit_vectors, chunk_steps, input_vectors;

  template <class P>
  explicit Extents(const P& p)
      : LstmShape(p),
        summed(detail::lstm_input_is_summed(p)),
        unit_vectors(ceil_div(H, kLanes)),
        chunk_steps(std::min(T, std::max<std::int64_t>(1, kChunkRows / B))) {
    if (summed) I = 0;
    input_vectors = ceil_div(I, kLanes);
  }

  std::int64_t chunk_rows() const { return chunk_steps * B; }
  /// Rows of vectors, of a chunk and of a state.
  std::int64_t spread_rows() const { return spread(chunk_rows()); }
  std::int64_t spread_batch() const { return spread(B); }
  std::int64_t units_in(std::int64_t vector) const {
    return std::min<std::int64_t>(kLanes, H - vector * kLanes);
  }
};

/// A thread's part of n things. What it computes of them does not depend on the other threads.
struct Share {
  std::int64_t begin, end;
  std::int64_t count() const { return end - begin; }
};

struct Team {
  int rank = 0, size = 1;

  Share share(std::int64_t n) const { return {n * rank / size, n * (rank + 1) / size}; }
  void barrier() const {
#pragma omp barrier
  }
};

/// body(team) on all threads, or on this one alone where a step has less work than a barrier costs.
template <class Body>
void with_team(const Extents& n, const Body& body) {
#ifdef _OPENMP
  constexpr std::int64_t kStepWork = 1 << 18;  // multiply-adds
  const bool many = n.B * 4 * n.H * (n.I + n.H) > kStepWork && !omp_in_parallel();
#pragma omp parallel if (many)
  body(Team{omp_get_thread_num(), omp_get_num_threads()});
#else
  static_cast<void>(n);
  body(Team{});
#endif
}

/// The values that store_lanes keeps of them, without a way through memory; zeros beyond `count`.
template <class T>
void rounded_lanes(const float* from, std::int64_t count, float* to) {
  if constexpr (std::is_same_v<T, float>) {
    load_lanes(from, count, to);
  } else {
    for (int i = 0; i < kLanes; ++i) to[i] = i < count ? static_cast<float>(T(from[i])) : 0;
  }
}
/// store_lanes past the caches, for what is not read again soon.
template <class T>
void stream_lanes(const float* from, std::int64_t count, T* to) {
#ifdef __AVX__
  if constexpr (std::is_same_v<T, float> && kLanes == 8) {
    if (count == kLanes && reinterpret_cast<std::uintptr_t>(to) % sizeof(Vector) == 0) {
      return _mm256_stream_ps(to, load(from));
    }
  }
#endif
  store_lanes(from, count, to);
}

/// to = [rows, features] in blocks of Width features, filled up with zeros, of some of the rows; x
/// is at the first of those.
template <int Width, class T>
void pack(const T* x, const Share& of_rows, std::int64_t rows, std::int64_t features, float* to) {
  for (std::int64_t r = of_rows.begin; r < of_rows.end; ++r, x += features) {
    for (std::int64_t f = 0; f < features; f += Width) {
      load_lanes<Width>(x + f, std::min<std::int64_t>(Width, features - f),
                        to + f * rows + r * Width);
    }
  }
}

/// kLanes rows of w [.., cols], of which `rows` exist, become the lanes of `cols` vectors; and
/// back.
template <class T>
void to_lanes(const T* w, std::int64_t rows, std::int64_t cols, float* to) {
  if constexpr (std::is_same_v<T, float>) {
    rows_to_lanes(w, cols, rows, cols, to, kLanes);
  } else {
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t i = 0; i < kLanes; ++i) {
        to[j * kLanes + i] = i < rows ? static_cast<float>(w[i * cols + j]) : 0;
      }
    }
  }
}
template <class T>
void from_lanes(const float* from, std::int64_t rows, std::int64_t cols, T* w) {
  if constexpr (std::is_same_v<T, float>) {
    lanes_to_rows(from, kLanes, rows, cols, w, cols);
  } else {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j)
        w[i * cols + j] = static_cast<T>(from[j * kLanes + i]);
    }
  }
}

/// Asks for one of `parts` parts of `size` vectors of weights, `depth` deep, at w: while the tiles
/// of one piece of the depth run, the next one's weights come from the outer caches.
inline void prefetch_weights(const float* w, std::int64_t size, std::int64_t w_vector,
                             std::int64_t depth, std::int64_t part, std::int64_t parts) {
  constexpr std::int64_t kLine = 16;  // floats
  for (std::int64_t v = 0; v < size; ++v, w += w_vector) {
    for (std::int64_t at = part * kLine; at < depth * kLanes; at += parts * kLine) {
      __builtin_prefetch(w + at);
    }
  }
}

/// sums[vector][row] (+)= w x for `vectors` neighbouring vectors of outputs: x as runs, of rows
/// `x_rows` of which `rows` from the pointer on are meant; sums as vectors of as many rows as
/// `sums_vector` says, in floats.
inline void multiply(const float* x, std::int64_t x_rows, std::int64_t rows, std::int64_t depth,
                     const float* w, std::int64_t vectors, float* sums, std::int64_t sums_vector,
                     bool accumulate) {
  const Panels panels{vectors};
  for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
    const std::int64_t first = panels.begin(panel), size = panels.size(panel);
    std::int64_t k = 0;
    do {  // once for an empty depth too: the sums become 0
      const TileLayout layout{.depth = std::min(kRun, depth - k),
                              .b_vector = depth * kLanes,
                              .c_vector = sums_vector,
                              .accumulate = accumulate || k > 0};
      const bool same_panel = k + kRun < depth;
      const float* next =
          w + (same_panel ? first * depth + k + kRun : (first + size) * depth) * kLanes;
      const bool any = same_panel || panel + 1 < panels.count();
      for (std::int64_t row = 0; row < rows; row += kTileRows) {
        if (any) {
          prefetch_weights(next, same_panel ? size : panels.size(panel + 1), depth * kLanes,
                           std::min(kRun, same_panel ? depth - k - kRun : depth), row / kTileRows,
                           ceil_div(rows, kTileRows));
        }
        const Segment segment{x + k * x_rows + row * kRun, w + (first * depth + k) * kLanes};
        tile_of<kRun, 1>(std::min<std::int64_t>(kTileRows, rows - row), size)(
            &segment, 1, layout, sums + first * sums_vector + row * kLanes);
      }
      k += kRun;
    } while (k < depth);
  }
}

/// dw[vector][feature][lane] += the sum over rows of x[row, feature] d[vector][row][lane], x and d
/// as vectors of all_rows rows.
inline void add_weight_grad(const float* x, std::int64_t feature_vectors, const float* d,
                            std::int64_t all_rows, std::int64_t rows, std::int64_t vectors,
                            float* dw) {
  const Panels panels{vectors};
  const std::int64_t features = feature_vectors * kLanes;
  for (std::int64_t panel = 0; panel < panels.count(); ++panel) {
    const std::int64_t first = panels.begin(panel);
    for (std::int64_t row = 0; row < rows; row += kChunkRows) {
      const TileLayout layout{.depth = std::min(kChunkRows, rows - row),
                              .b_vector = all_rows * kLanes,
                              .c_vector = features * kLanes,
                              .accumulate = true};
      for (std::int64_t k = 0; k < features; k += kTileRows) {
        const Segment segment{x + (k / kLanes * all_rows + row) * kLanes + k % kLanes,
                              d + (first * all_rows + row) * kLanes};
        tile_of<1, kLanes>(kTileRows, panels.size(panel))(&segment, 1, layout,
                                                          dw + (first * features + k) * kLanes);
      }
    }
  }
}

}  // namespace etude::cpu::lstm_blocked
