// A blocked, vectorised product: c's rectangle of a thread is walked in blocks whose operands,
// packed into the order in which the innermost loop reads them, stay in the caches.
// Source: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34,
// 2008; Van Zee & van de Geijn, "BLIS", ACM TOMS 41, 2015.
// Its tile is not that of core/tile_cpu.h: it is for f64 too, scales by alpha and beta, and its
// 6 x 2 vectors of sums take one broadcast after the other, of packed rows.

#ifdef _OPENMP
#include <omp.h>
#endif

#include <cstring>
#include <utility>

#include "kernels/core/tile_cpu.h"
#include "kernels/matmul/matmul_cpu.h"

namespace etude {
namespace {

#if defined(__AVX512F__)
constexpr std::int64_t kVectorBytes = 64, kTileRows = 12;
#elif defined(__AVX__)
constexpr std::int64_t kVectorBytes = 32, kTileRows = 6;
#else
constexpr std::int64_t kVectorBytes = 16, kTileRows = 6;
#endif

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
  static constexpr std::int64_t width = kVectorBytes / sizeof(T);
};

template <class T>
constexpr std::int64_t kTileCols = 2 * Vector<T>::width;  // of the innermost tile of c

// Block sizes: a tile's columns of b (K x two vectors) lie in L1, a's block in L2, b's in L3.
constexpr std::int64_t kBlockK = 256, kBlockM = 12 * 12, kBlockN = 1024;
// Rows are short and a page apart: the processor does not see by itself which comes next.
constexpr std::int64_t kRowsAhead = 8;
constexpr std::int64_t kPackSurplus = cpu::kLanes;
constexpr std::int64_t kParallelWork = 1 << 18;  // multiplications that pay for waking the threads

/// One product of the batch, or a rectangle of it: its first element of c is c[index], in column
/// `column`.
template <class T>
struct Product {
  const T *a, *b;
  T* c;
  std::int64_t index, column;
  std::int64_t m, n, k;
  std::int64_t a_row, a_col, b_row, b_col, c_row;
  Epilogue<T> epilogue;
};

template <class T>
void update(T& c, T sum, T alpha, T beta) {
  c = beta == 0 ? alpha * sum : alpha * sum + beta * c;
}

/// A panel of Width rows that lie along the depth, by transposes in registers: square after square,
/// each vector written over the surplus of the one before. Writes up to kLanes beyond the panel.
template <std::int64_t Width>
void pack_rows(const float* x, std::int64_t depth, std::int64_t row_stride, float* panel) {
  using cpu::kLanes;
  constexpr int kRows = Width < kLanes ? Width : kLanes;
  for (std::int64_t first = 0; first < Width; first += kLanes) {
    for (std::int64_t d = 0; d < depth; d += kLanes) {
      const std::int64_t at = std::min<std::int64_t>(d, depth - kLanes);  // the last one overlaps
      cpu::Vector square[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        square[i] = i < kRows ? cpu::load(x + (first + i) * row_stride + at) : cpu::Vector{};
      }
      cpu::transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) cpu::store(panel + (at + i) * Width + first, square[i]);
    }
  }
}

/// Copies x, seen as [outer, depth], into panels of Width outer indices: panel[depth][Width].
/// The last panel is filled up with zeros. As far as kPackSurplus behind them may be written.
template <std::int64_t Width, class T>
void pack(const T* x, std::int64_t outer, std::int64_t depth, std::int64_t outer_stride,
          std::int64_t depth_stride, T* to) {
  const std::int64_t whole = outer / Width;
  if (outer_stride == 1) {  // row after row, as x lies
    for (std::int64_t d = 0; d < depth; ++d) {
      for (std::int64_t i = 0; i < outer; i += 64 / static_cast<std::int64_t>(sizeof(T))) {
        __builtin_prefetch(x + (d + kRowsAhead) * depth_stride + i);
      }
      for (std::int64_t panel = 0; panel < whole; ++panel) {
        std::memcpy(to + (panel * depth + d) * Width, x + d * depth_stride + panel * Width,
                    Width * sizeof(T));
      }
    }
  } else {
    for (std::int64_t panel = 0; panel < whole; ++panel) {
      const T* from = x + panel * Width * outer_stride;
      T* own = to + panel * depth * Width;
      if constexpr (std::is_same_v<T, float> && (Width < cpu::kLanes || Width % cpu::kLanes == 0)) {
        if (depth_stride == 1 && depth >= cpu::kLanes) {
          pack_rows<Width>(from, depth, outer_stride, own);
          continue;
        }
      }
      for (std::int64_t d = 0; d < depth; ++d) {
        for (std::int64_t i = 0; i < Width; ++i) {
          own[d * Width + i] = from[i * outer_stride + d * depth_stride];
        }
      }
    }
  }
  x += whole * Width * outer_stride;
  to += whole * Width * depth;
  outer -= whole * Width;
  if (outer == 0) return;
  for (std::int64_t d = 0; d < depth; ++d, to += Width) {
    for (std::int64_t i = 0; i < Width; ++i) {
      to[i] = i < outer ? x[i * outer_stride + d * depth_stride] : T{0};
    }
  }
}

/// A tile of c, Rows x two vectors, held in registers over the whole depth. `cols` of the columns
/// are inside c.
template <class T, int Rows>
void tile(const T* a, const T* b, std::int64_t depth, T* c, std::int64_t c_row, std::int64_t cols,
          T alpha, T beta) {
  using V = typename Vector<T>::type;
  constexpr std::int64_t w = Vector<T>::width;
  V sum[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    sum[r][0] = sum[r][1] = V{};
    __builtin_prefetch(c + r * c_row, 1);  // there when the sums are
  }
#pragma GCC unroll 4
  for (std::int64_t d = 0; d < depth; ++d, a += kTileRows, b += 2 * w) {
    const V b0 = *reinterpret_cast<const V*>(b), b1 = *reinterpret_cast<const V*>(b + w);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      sum[r][0] += a[r] * b0;
      sum[r][1] += a[r] * b1;
    }
  }
  if (cols == 2 * w) {
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r, c += c_row) {
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        V* out = reinterpret_cast<V*>(c + half * w);
        *out = beta == 0 ? alpha * sum[r][half] : alpha * sum[r][half] + beta * *out;
      }
    }
    return;
  }
  T edge[Rows][2 * w];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    *reinterpret_cast<V*>(edge[r]) = sum[r][0];
    *reinterpret_cast<V*>(edge[r] + w) = sum[r][1];
  }
  for (int r = 0; r < Rows; ++r, c += c_row) {
    for (std::int64_t j = 0; j < cols; ++j) update(c[j], edge[r][j], alpha, beta);
  }
}

/// tile<T, rows>, chosen at run time: the last rows of c do no needless work.
template <class T>
auto tile_of_rows(std::int64_t rows) {
  return [&]<int... R>(std::integer_sequence<int, R...>) {
    static constexpr decltype(&tile<T, 1>) table[] = {tile<T, R + 1>...};
    return table[rows - 1];
  }
  (std::make_integer_sequence<int, kTileRows>());
}

/// The product, on the calling thread.
template <class T>
void multiply(const Product<T>& p) {
  static thread_local Scratch a_space, b_space;
  T* a_block =
      a_space.at_least<T>(round_up(std::min(p.m, kBlockM), kTileRows) * kBlockK + kPackSurplus);
  T* b_block =
      b_space.at_least<T>(round_up(std::min(p.n, kBlockN), kTileCols<T>) * kBlockK + kPackSurplus);
  for (std::int64_t n = 0; n < p.n; n += kBlockN) {
    const std::int64_t cols = std::min(kBlockN, p.n - n);
    std::int64_t k = 0;
    do {  // once for an empty depth too: c becomes beta * c
      const std::int64_t depth = std::min(kBlockK, p.k - k);
      const T beta = k == 0 ? p.epilogue.beta : T{1};
      const bool last = k + kBlockK >= p.k;
      pack<kTileCols<T>>(p.b + k * p.b_row + n * p.b_col, cols, depth, p.b_col, p.b_row, b_block);
      for (std::int64_t m = 0; m < p.m; m += kBlockM) {
        const std::int64_t rows = std::min(kBlockM, p.m - m);
        pack<kTileRows>(p.a + m * p.a_row + k * p.a_col, rows, depth, p.a_row, p.a_col, a_block);
        for (std::int64_t j = 0; j < cols; j += kTileCols<T>) {
          for (std::int64_t i = 0; i < rows; i += kTileRows) {
            const Block at{.index = p.index + (m + i) * p.c_row + n + j,
                           .column = p.column + n + j,
                           .rows = std::min(kTileRows, rows - i),
                           .cols = std::min(kTileCols<T>, cols - j),
                           .c_row = p.c_row};
            tile_of_rows<T>(at.rows)(a_block + i * depth, b_block + j * depth, depth,
                                     p.c + at.index, p.c_row, at.cols, p.epilogue.alpha, beta);
            if (last) finish_block(p.epilogue, p.c + at.index, p.c_row, at);
          }
        }
      }
      k += kBlockK;
    } while (k < p.k);
  }
}

/// sum_i x[i] * y[i], in an order that depends on k alone.
template <class T>
T dot(const T* x, const T* y, std::int64_t k) {
  using V = typename Vector<T>::type;
  constexpr std::int64_t w = Vector<T>::width;
  V sum[4] = {};
  std::int64_t d = 0;
  for (; d + 4 * w <= k; d += 4 * w) {
    for (int i = 0; i < 4; ++i) {
      sum[i] +=
          *reinterpret_cast<const V*>(x + d + i * w) * *reinterpret_cast<const V*>(y + d + i * w);
    }
  }
  sum[0] += sum[1] + (sum[2] + sum[3]);
  T total = 0;
  for (; d < k; ++d) total += x[d] * y[d];
  for (std::int64_t i = 0; i < w; ++i) total += sum[0][i];
  return total;
}

/// y = alpha * w * x + beta * y. w: [n, k] with strides (row, 1) or (1, col), x: [k], y: [n].
/// Packing would read and write w once more, and the product needs each of its elements only once.
template <class T>
void multiply_vector(const T* w, std::int64_t row, std::int64_t col, const T* x, T* y,
                     std::int64_t n, std::int64_t k, T alpha, T beta) {
  if (col == 1) {
    for (std::int64_t i = 0; i < n; ++i) update(y[i], dot(w + i * row, x, k), alpha, beta);
    return;
  }
  constexpr std::int64_t kChunk = 512;  // of y: stays in L1 while w streams by
  T sum[kChunk];
  for (std::int64_t begin = 0; begin < n; begin += kChunk, w += kChunk, y += kChunk) {
    const std::int64_t count = std::min(kChunk, n - begin);
    std::fill_n(sum, count, T{0});
    std::int64_t d = 0;
    for (; d + 4 <= k; d += 4) {  // four columns at once: a quarter of the traffic to sum
      const T *w0 = w + d * col, *w1 = w0 + col, *w2 = w1 + col, *w3 = w2 + col;
      for (std::int64_t i = 0; i < count; ++i) {
        sum[i] += x[d] * w0[i] + x[d + 1] * w1[i] + (x[d + 2] * w2[i] + x[d + 3] * w3[i]);
      }
    }
    for (; d < k; ++d) {
      for (std::int64_t i = 0; i < count; ++i) sum[i] += x[d] * w[i + d * col];
    }
    for (std::int64_t i = 0; i < count; ++i) update(y[i], sum[i], alpha, beta);
  }
}

/// A product of which c has one row, or c has one column without gaps.
template <class T>
void multiply_vector(const Product<T>& p, bool one_row) {
  static thread_local Scratch space;
  T* x = space.at_least<T>(p.k);
  for (std::int64_t d = 0; d < p.k; ++d) x[d] = one_row ? p.a[d * p.a_col] : p.b[d * p.b_row];
  T* y = p.c + p.index;
  if (one_row) {
    multiply_vector(p.b, p.b_col, p.b_row, x, y, p.n, p.k, p.epilogue.alpha, p.epilogue.beta);
  } else {
    multiply_vector(p.a, p.a_row, p.a_col, x, y, p.m, p.k, p.epilogue.alpha, p.epilogue.beta);
  }
  finish_block(p.epilogue, y, p.c_row, {p.index, p.column, p.m, p.n, p.c_row});
}

/// Share `part` of `parts`: a stretch of the longer side of c, in whole tiles.
template <class T>
Product<T> rectangle(Product<T> p, std::int64_t part, std::int64_t parts) {
  const bool by_rows = p.m >= p.n;
  std::int64_t& extent = by_rows ? p.m : p.n;
  const std::int64_t step = by_rows ? kTileRows : kTileCols<T>;
  const std::int64_t share = round_up((extent + parts - 1) / parts, step);
  const std::int64_t begin = std::min(part * share, extent);
  extent = std::min(share, extent - begin);
  (by_rows ? p.a : p.b) += begin * (by_rows ? p.a_row : p.b_col);
  p.index += begin * (by_rows ? p.c_row : 1);
  p.column += by_rows ? 0 : begin;
  return p;
}

}  // namespace

int matmul_threads(const MatmulProblem& p) {
#ifdef _OPENMP
  if (p.batch * p.m * p.n * p.k >= kParallelWork && !omp_in_parallel())
    return omp_get_max_threads();
#endif
  static_cast<void>(p);
  return 1;
}

void cpu::matmul_plain(Stream&, const View& a, const View& b, const View& c,
                       const MatmulOptions& options) {
  if (c.dtype == DType::bf16) return matmul_widened(a, b, c, options, matmul_plain);
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  const int threads = matmul_threads(p);
  const std::int64_t parts = p.batch >= threads ? 1 : threads;
  dispatch<float, double>("matmul", c.dtype, [&]<class T>() {
    const T *a_data = a.as<T>(), *b_data = b.as<T>();
    T* c_data = c.as<T>();
    const auto multiply_task = [&](std::int64_t task) {
      const std::int64_t i = task / parts;
      const Product<T> whole{a_data + i * p.a.batch,
                             b_data + i * p.b.batch,
                             c_data,
                             i * p.m * p.n,
                             0,
                             p.m,
                             p.n,
                             p.k,
                             p.a.row,
                             p.a.col,
                             p.b.row,
                             p.b.col,
                             p.n,
                             Epilogue<T>(options)};
      const Product<T> share = rectangle(whole, task % parts, parts);
      if (share.m == 0 || share.n == 0) return;
      // By the shape of the whole: a share's way, and so its rounding, ignores the thread count.
      whole.m == 1 || whole.n == 1 ? multiply_vector(share, whole.m == 1) : multiply(share);
    };
    for_each_task(p.batch * parts, threads, multiply_task);
  });
}

}  // namespace etude
