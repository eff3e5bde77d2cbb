#pragma once
// What the rungs with lists share: their memory, and the sums of rows of dy once the lists are made
// (kernels/embedding/lists.h).

#include "kernels/core/cuda.h"
#include "kernels/embedding/embedding.h"
#include "kernels/embedding/ladder/columns.cuh"
#include "kernels/embedding/lists.h"

namespace etude::embedding_ladder {

using id_lists::Lists;
using id_lists::Range;

/// Blocks to an SM. The compiler would otherwise keep to the 32 registers that let 16 blocks in,
/// with two loads under way; but there are few blocks, and each has up to 64 rows in a row.
constexpr int kResident = 8;

/// sum over places i of [begin, end) of dy[order[i]] in the thread's columns, in this order. Eight
/// rows are under way at once, as no load waits for an addition.
template <int Width, class T>
__device__ __forceinline__ gpu::Pack<float, Width> sum_range(const T* dy, const std::int32_t* order,
                                                             Range range, std::int64_t cols) {
  constexpr int kAtOnce = 8;
  using Columns = gpu::Pack<T, Width>;
  const auto load = [&](std::int32_t i) {
    return *reinterpret_cast<const Columns*>(dy + order[i] * cols);
  };
  gpu::Pack<float, Width> sum{};
  const auto add = [&](const Columns& row) {
#pragma unroll
    for (int e = 0; e < Width; ++e) sum.value[e] += static_cast<float>(row.value[e]);
  };
  std::int32_t i = range.begin;
  for (; i + kAtOnce <= range.end; i += kAtOnce) {
    Columns row[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) row[k] = load(i + k);
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) add(row[k]);
  }
  for (; i < range.end; ++i) add(load(i));
  return sum;
}

/// parts[j] = the sum of the later part in window j, if it has one
/// shapes  dy: [N, E], parts: [N / 64 rounded up, E] contiguous     dtype   T, f32
/// launch  grid = (windows, E / (128 Width) rounded up), block = 128, a thread per Width columns
/// edges   window without a part -> not written
/// error   64 roundings
/// cost    at most N E sizeof(T) bytes read, N E / 64 floats written; memory bound
template <int Width, class T>
__global__ void __launch_bounds__(kThreads, kResident)
    parts_kernel(Lists lists, const T* dy, float* parts, std::int64_t cols) {
  launch_bound(kThreads);
  const std::int64_t j = blockIdx.x, c = column<Width>();
  const Range part = lists.later_part(static_cast<std::int32_t>(j));
  if (c >= cols || part.begin == part.end) return;
  *reinterpret_cast<gpu::Pack<float, Width>*>(parts + j * cols + c) =
      sum_range<Width>(dy + c, lists.order, part, cols);
}

/// dw[v,c] = sum of list v's first part, plus its later parts' sums, in this order
/// shapes  dy: [N, E], parts: [N / 64 rounded up, E], dw: [V, E] contiguous    dtype   T, f32
/// launch  grid = (V, E / (128 Width) rounded up), block = 128, a thread per Width columns
/// edges   row without id -> 0
/// error   64 + L / 64 roundings for L occurrences of an id, and the result's
/// cost    at most (N + V) E sizeof(T) bytes; memory bound. A list of L: 64 + L / 64 rows in a row
template <int Width, class T>
__global__ void __launch_bounds__(kThreads, kResident)
    rows_kernel(Lists lists, const T* dy, const float* parts, T* dw, std::int64_t cols) {
  launch_bound(kThreads);
  const std::int64_t v = blockIdx.x, c = column<Width>();
  if (c >= cols) return;
  const Range first = lists.first_part(v);
  gpu::Pack<float, Width> sum = sum_range<Width>(dy + c, lists.order, first, cols);
#pragma unroll 4
  for (std::int32_t at = first.begin + id_lists::kPart; at < lists.start[v + 1];
       at += id_lists::kPart) {
    const auto part =
        *reinterpret_cast<const gpu::Pack<float, Width>*>(parts + Lists::window_of(at) * cols + c);
#pragma unroll
    for (int e = 0; e < Width; ++e) sum.value[e] += part.value[e];
  }
  gpu::Pack<T, Width> y;
#pragma unroll
  for (int e = 0; e < Width; ++e) y.value[e] = static_cast<T>(sum.value[e]);
  *reinterpret_cast<gpu::Pack<T, Width>*>(dw + v * cols + c) = y;
}

/// The stream's scratch memory: what a rung needs to make the lists, the lists, the parts' sums.
struct Memory {
  void* own;
  float* parts;
  std::int32_t *start, *order;

  Memory(Stream& s, std::int64_t n, std::int64_t rows, std::int64_t cols, std::int64_t own_bytes) {
    own_bytes = (own_bytes + 15) / 16 * 16;  // the parts are moved four floats at a time
    const std::int64_t sums = id_lists::num_windows(n) * cols;
    own = s.scratch(static_cast<std::size_t>(own_bytes + 4 * (sums + rows + 1 + n)));
    parts = reinterpret_cast<float*>(static_cast<std::byte*>(own) + own_bytes);
    start = reinterpret_cast<std::int32_t*>(parts + sums);
    order = start + rows + 1;
  }
};

/// dw from the lists in `memory`.
template <class T>
void sum_lists(Stream& s, const Memory& memory, const View& ids, const View& dy, const View& dw) {
  const Lists lists{ids.as<std::int32_t>(), memory.order, memory.start, dw.dim(0)};
  const std::int64_t cols = dw.dim(1);
  for_width<T>({dy, dw}, [&]<int Width>() {
    launch(s, block_per_row<Width>(id_lists::num_windows(ids.dim(0)), cols), parts_kernel<Width, T>,
           lists, dy.as<T>(), memory.parts, cols);
    launch(s, block_per_row<Width>(dw.dim(0), cols), rows_kernel<Width, T>, lists, dy.as<T>(),
           memory.parts, dw.as<T>(), cols);
  });
}

}  // namespace etude::embedding_ladder
