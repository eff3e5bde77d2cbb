#pragma once
// A reduction over any dimensions of any strided view, as two nests of as few loops as possible:
// one over the outputs, one over the terms of an output.

#include <algorithm>
#include <cstdint>

#include "kernels/core/view.h"

namespace etude {

struct ReduceLoop {
  std::int64_t extent = 1, x_stride = 0, y_stride = 0;  // strides in elements
};

struct ReduceOffset {
  std::int64_t x = 0, y = 0;
};

/// Loops nested from the outermost to the innermost, i.e. from large strides to small ones.
struct ReduceLoops {
  int count = 0;
  std::int64_t total = 1;  // iterations
  ReduceLoop loop[kMaxRank];

  void push_back(const ReduceLoop& inner) {
    total *= inner.extent;
    loop[count++] = inner;
  }
  /// Where iteration `index` stands.
  HOST_DEVICE ReduceOffset offset(std::int64_t index) const {
    ReduceOffset at;
    for (int d = count - 1; d > 0; --d) {
      const std::int64_t quotient = index / loop[d].extent;
      const std::int64_t i = index - quotient * loop[d].extent;
      at.x += i * loop[d].x_stride;
      at.y += i * loop[d].y_stride;
      index = quotient;
    }
    if (count > 0) {
      at.x += index * loop[0].x_stride;
      at.y += index * loop[0].y_stride;
    }
    return at;
  }
};

struct ReducePlan {
  ReduceLoops outputs, terms;
  bool columns = false;  // x's smallest stride runs over outputs, not over terms
};

/// y: x's rank, each extent x's or 1. Loops are sorted by x's strides, so memory is walked forward
/// whatever the order of the dimensions; neighbours that form one longer loop are merged.
inline ReducePlan plan_reduction(const View& x, const View& y) {
  struct Dimension : ReduceLoop {
    bool reduced = false;
  };
  std::array<Dimension, kMaxRank> dimensions;
  int count = 0;
  for (int d = 0; d < x.rank(); ++d) {
    if (x.dim(d) == 1) continue;
    const bool reduced = y.dim(d) != x.dim(d);
    dimensions[count++] = {{x.dim(d), x.strides[d], reduced ? 0 : y.strides[d]}, reduced};
  }
  std::stable_sort(dimensions.begin(), dimensions.begin() + count,
                   [](const Dimension& a, const Dimension& b) { return a.x_stride > b.x_stride; });
  int merged = 0;
  for (int d = 0; d < count; ++d) {
    const Dimension& inner = dimensions[d];
    if (merged > 0) {
      Dimension& outer = dimensions[merged - 1];
      if (outer.reduced == inner.reduced && outer.x_stride == inner.x_stride * inner.extent &&
          outer.y_stride == inner.y_stride * inner.extent) {
        outer = {{outer.extent * inner.extent, inner.x_stride, inner.y_stride}, inner.reduced};
        continue;
      }
    }
    dimensions[merged++] = inner;
  }
  ReducePlan plan;
  for (int d = 0; d < merged; ++d) {
    (dimensions[d].reduced ? plan.terms : plan.outputs).push_back(dimensions[d]);
  }
  plan.columns = merged > 0 && !dimensions[merged - 1].reduced;
  return plan;
}

}  // namespace etude
