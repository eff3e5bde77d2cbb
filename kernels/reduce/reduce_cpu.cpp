#include "kernels/core/parallel.h"
#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <vector>

#include "kernels/reduce/functors.h"
#include "kernels/reduce/plan.h"

namespace etude {
namespace {

// Work is cut by shape alone, never by the number of threads, so that results do not depend on it.
constexpr std::int64_t kLanes = 16;        // independent accumulators: hides the adder's latency
constexpr std::int64_t kColumns = 1024;    // accumulators of a column block: 8 KiB, fit in L1
constexpr std::int64_t kChunk = 16384;     // elements of a chunk where outputs alone are too few
constexpr std::int64_t kEnoughTasks = 16;  // tasks that keep the threads busy without chunks

/// lane[l] takes the terms x[l], x[l + kLanes], ...
template <class Op, class T>
void add_run(const T* x, std::int64_t n, std::int64_t stride, double* lane) {
  const auto add = [&](std::int64_t step) {
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) {
      for (std::int64_t l = 0; l < kLanes; ++l) {
        lane[l] = Op::merge(lane[l], Op::term(static_cast<double>(x[(i + l) * step])));
      }
    }
    for (std::int64_t l = 0; i < n; ++i, ++l) {
      lane[l] = Op::merge(lane[l], Op::term(static_cast<double>(x[i * step])));
    }
  };
  stride == 1 ? add(1) : add(stride);
}

/// Terms [begin, end) of the output at x. They lie in runs of the innermost loop.
template <class Op, class T>
double reduce_run(const T* x, const ReduceLoops& terms, std::int64_t begin, std::int64_t end) {
  double lane[kLanes];
  std::fill(lane, lane + kLanes, Op::kIdentity);
  const ReduceLoop inner = terms.count ? terms.loop[terms.count - 1] : ReduceLoop{};
  while (begin < end) {
    const std::int64_t n = std::min(end - begin, inner.extent - begin % inner.extent);
    add_run<Op>(x + terms.offset(begin).x, n, inner.x_stride, lane);
    begin += n;
  }
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) lane[l] = Op::merge(lane[l], lane[l + half]);
  }
  return lane[0];
}

/// Terms [begin, end) of `n` neighbouring outputs, the first at x, into sums.
template <class Op, class T>
void reduce_columns(const T* x, const ReduceLoops& terms, std::int64_t begin, std::int64_t end,
                    std::int64_t stride, std::int64_t n, double* sums) {
  std::fill(sums, sums + n, Op::kIdentity);
  for (; begin < end; ++begin) {
    const T* row = x + terms.offset(begin).x;
    const auto add = [&](std::int64_t step) {
      for (std::int64_t c = 0; c < n; ++c) {
        sums[c] = Op::merge(sums[c], Op::term(static_cast<double>(row[c * step])));
      }
    };
    stride == 1 ? add(1) : add(stride);
  }
}

/// The tasks of a reduction: `blocks` of at most `width` neighbouring outputs, times `chunks` of at
/// most `chunk` terms each.
struct Tasks {
  ReduceLoops groups;  // the loops over outputs outside the block loop
  ReduceLoop inner;    // the outputs that are neighbours; extent 1 where runs are summed
  std::int64_t width = 1, blocks = 1, chunk = 1, chunks = 1;

  explicit Tasks(const ReducePlan& plan) : groups(plan.outputs) {
    if (plan.columns) {
      inner = plan.outputs.loop[plan.outputs.count - 1];
      groups = {};
      for (int d = 0; d + 1 < plan.outputs.count; ++d) groups.push_back(plan.outputs.loop[d]);
      width = std::clamp<std::int64_t>(inner.extent, 1, kColumns);
      blocks = (inner.extent + width - 1) / width;
    }
    const std::int64_t terms = plan.terms.total;
    chunk = groups.total * blocks >= kEnoughTasks ? terms : kChunk / width;
    chunk = std::clamp<std::int64_t>(chunk, 1, std::max<std::int64_t>(terms, 1));
    chunks = std::max<std::int64_t>(1, (terms + chunk - 1) / chunk);
  }
};

template <class Op, class T>
void reduce_as(const View& x, const View& y, double scale) {
  const ReducePlan plan = plan_reduction(x, y);
  const Tasks tasks(plan);
  const T* from = x.as<T>();
  T* to = y.as<T>();
  std::vector<double> partial(tasks.chunks > 1 ? plan.outputs.total * tasks.chunks : 0);
  const std::int64_t count = tasks.groups.total * tasks.blocks * tasks.chunks;
  parallel_for(count, x.numel(), [&](std::int64_t task) {
    const std::int64_t chunk = task % tasks.chunks, block = task / tasks.chunks % tasks.blocks;
    const ReduceOffset group = tasks.groups.offset(task / (tasks.chunks * tasks.blocks));
    const std::int64_t begin = chunk * tasks.chunk, first = block * tasks.width;
    const std::int64_t end = std::min(begin + tasks.chunk, plan.terms.total);
    const std::int64_t n = std::min(tasks.width, tasks.inner.extent - first);
    const T* at = from + group.x + first * tasks.inner.x_stride;
    double sums[kColumns];
    if (plan.columns) {
      reduce_columns<Op>(at, plan.terms, begin, end, tasks.inner.x_stride, n, sums);
    } else {
      sums[0] = reduce_run<Op>(at, plan.terms, begin, end);
    }
    for (std::int64_t c = 0; c < n; ++c) {
      const std::int64_t output = group.y + (first + c) * tasks.inner.y_stride;
      if (tasks.chunks > 1) {
        partial[output * tasks.chunks + chunk] = sums[c];
      } else {
        to[output] = static_cast<T>(scale * sums[c]);
      }
    }
  });
  if (tasks.chunks == 1) return;
  for (std::int64_t output = 0; output < plan.outputs.total; ++output) {
    double sum = Op::kIdentity;
    for (std::int64_t chunk = 0; chunk < tasks.chunks; ++chunk) {
      sum = Op::merge(sum, partial[output * tasks.chunks + chunk]);
    }
    to[output] = static_cast<T>(scale * sum);
  }
}

}  // namespace

void cpu::reduce(Stream&, Reduction reduction, const View& x, const View& y, double scale) {
  dispatch<float, double>("reduce", x.dtype, [&]<class T>() {
    switch (reduction) {
      case Reduction::sum:
        return reduce_as<SumOf, T>(x, y, scale);
      case Reduction::max:
        return reduce_as<MaxOf, T>(x, y, scale);
      case Reduction::min:
        return reduce_as<MinOf, T>(x, y, scale);
      case Reduction::sum_squares:
        return reduce_as<SumOfSquares, T>(x, y, scale);
    }
  });
}

void cpu::argmax(Stream&, const View& x, const View& y) {
  dispatch<float, double>("argmax", x.dtype, [&]<class T>() {
    const std::int64_t rows = x.dim(0), cols = x.dim(1);
    const T* data = x.as<T>();
    std::int32_t* to = y.as<std::int32_t>();
    parallel_for(rows, rows * cols, [&](std::int64_t r) {
      Candidate<T> best;
      for (std::int64_t c = 0; c < cols; ++c) {
        best = best.merge({data[r * cols + c], static_cast<std::int32_t>(c)});
      }
      to[r] = best.index;
    });
  });
}

}  // namespace etude
