#include "kernels/embedding/embedding.h"

#include <algorithm>
#include <limits>

#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/embedding/lists.h"

namespace etude {
namespace {

using id_lists::kPart;
using id_lists::Lists;
using id_lists::Range;

/// A counting sort: the lists of all ids in [0, rows).
Lists make_lists(const std::int32_t* ids, std::int64_t n, std::int64_t rows) {
  static thread_local Scratch memory;
  auto* start = memory.at_least<std::int32_t>(rows + 2 + n);
  std::int32_t* order = start + rows + 2;
  const auto inside = [&](std::int64_t i) { return ids[i] >= 0 && ids[i] < rows; };
  // Counted one place further on: start[v + 1] is where list v begins, until its positions are in.
  std::fill(start, start + rows + 2, 0);
  for (std::int64_t i = 0; i < n; ++i) {
    if (inside(i)) ++start[ids[i] + 2];
  }
  for (std::int64_t v = 1; v < rows + 2; ++v) start[v] += start[v - 1];
  for (std::int64_t i = 0; i < n; ++i) {
    if (inside(i)) order[start[ids[i] + 1]++] = static_cast<std::int32_t>(i);
  }
  return {ids, order, start, rows};
}

/// sum = dy[order[begin]] + dy[order[begin + 1]] + .., in this order; four rows are read side by
/// side, so that `sum` is read and written once for all of them.
template <class T, class Sum>
void sum_part(const T* dy, const std::int32_t* order, Range part, std::int64_t cols, Sum* sum) {
  std::fill(sum, sum + cols, Sum{0});
  std::int32_t i = part.begin;
  for (; i + 4 <= part.end; i += 4) {
    const T* row[4];
    for (int k = 0; k < 4; ++k) row[k] = dy + order[i + k] * cols;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) {
      sum[c] = (((sum[c] + Sum{row[0][c]}) + Sum{row[1][c]}) + Sum{row[2][c]}) + Sum{row[3][c]};
    }
  }
  for (; i < part.end; ++i) {
    const T* row = dy + order[i] * cols;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) sum[c] += Sum{row[c]};
  }
}

/// dw[v] from the first part of list v and the later ones' sums.
template <class T>
void sum_row(const Lists& lists, const T* dy, const compute_t<T>* parts, T* dw, std::int64_t v,
             std::int64_t cols) {
  using Sum = compute_t<T>;
  T* y = dw + v * cols;
  Sum* sum = nullptr;
  if constexpr (std::same_as<T, Sum>) {
    sum = y;
  } else {
    static thread_local Scratch memory;
    sum = memory.at_least<Sum>(cols);
  }
  const Range first = lists.first_part(v);
  sum_part(dy, lists.order, first, cols, sum);
  for (std::int32_t at = first.begin + kPart; at < lists.start[v + 1]; at += kPart) {
    const Sum* part = parts + Lists::window_of(at) * cols;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) sum[c] += part[c];
  }
  if constexpr (!std::same_as<T, Sum>) {
    std::transform(sum, sum + cols, y, [](Sum x) { return static_cast<T>(x); });
  }
}

/// Later parts first, each by itself, so that one long list is shared among the threads too; then
/// the rows.
template <class T>
void sum_lists(const Lists& lists, const T* dy, T* dw, std::int64_t n, std::int64_t cols) {
  using Sum = compute_t<T>;
  static thread_local Scratch memory;
  const std::int64_t windows = id_lists::num_windows(n);
  Sum* parts = memory.at_least<Sum>(windows * cols);
  parallel_for(windows, n * cols, [&](std::int64_t j) {
    const Range part = lists.later_part(static_cast<std::int32_t>(j));
    if (part.begin < part.end) sum_part(dy, lists.order, part, cols, parts + j * cols);
  });
  // Frequent ids often stand side by side: every share has rows from all over the table, by eight,
  // which the memory likes better than single ones.
  constexpr std::int64_t kShares = 128, kTogether = 8;
  parallel_for(kShares, (n + lists.rows) * cols, [&](std::int64_t share) {
    for (std::int64_t begin = share * kTogether; begin < lists.rows; begin += kShares * kTogether) {
      const std::int64_t end = std::min(begin + kTogether, lists.rows);
      for (std::int64_t v = begin; v < end; ++v) sum_row(lists, dy, parts, dw, v, cols);
    }
  });
}

}  // namespace

void cpu::embedding(Stream&, const View& ids, const View& w, const View& y) {
  dispatch<float, double, bf16>("embedding", w.dtype, [&]<class T>() {
    const std::int32_t* id = ids.as<std::int32_t>();
    const T* from = w.as<T>();
    T* to = y.as<T>();
    const std::int64_t rows = w.dim(0), cols = w.dim(1);
    parallel_for(ids.dim(0), y.numel(), [=](std::int64_t n) {
      if (id[n] >= 0 && id[n] < rows) {
        std::copy_n(from + id[n] * cols, cols, to + n * cols);
      } else {
        std::fill_n(to + n * cols, cols, T{std::numeric_limits<compute_t<T>>::quiet_NaN()});
      }
    });
  });
}

void cpu::embedding_grad(Stream&, const View& ids, const View& dy, const View& dw) {
  const Lists lists = make_lists(ids.as<std::int32_t>(), ids.dim(0), dw.dim(0));
  dispatch<float, double, bf16>("embedding_grad", dw.dtype, [&]<class T>() {
    sum_lists(lists, dy.as<T>(), dw.as<T>(), ids.dim(0), dw.dim(1));
  });
}

}  // namespace etude
