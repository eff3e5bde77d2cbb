#include "kernels/reduce/reduce.h"

#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/reduce/functors.h"
#include "kernels/reduce/plan.h"

namespace etude {
namespace {

constexpr int kThreads = 256;
constexpr int kTileColumns = 32, kTileRows = kThreads / kTileColumns;
// A split fills the card with about kBlocks blocks, as long as each still has enough to do.
constexpr std::int64_t kBlocks = 1024;
constexpr std::int64_t kRunTerms = 4096, kColumnTerms = 128;  // least terms of a block

/// out[o, chunk] = scale * merge over the chunk's terms r of term(x[o, r])
/// shapes  x: any strides, as plan's two loop nests; out: plan's y offsets, or [outputs, chunks]
/// dtype   f32
/// launch  grid = (outputs, chunks), block = 256, shared = block_reduce's
/// edges   no terms -> identity; terms need not divide 256; no barrier is left out by a thread
/// error   one thread adds terms / 256 values in sequence, the block adds as a tree
/// cost    x read once; memory bound. Coalesced when the innermost term loop has stride 1
/// source  Harris, "Optimizing parallel reduction in CUDA", 2007
template <class Op>
__global__ void __launch_bounds__(kThreads)
    reduce_runs_kernel(const float* x, float* out, ReducePlan plan, std::int64_t chunk,
                       float scale) {
  launch_bound(kThreads);
  const ReduceOffset output = plan.outputs.offset(blockIdx.x);
  const std::int64_t begin = blockIdx.y * chunk, end = min(begin + chunk, plan.terms.total);
  float sum = static_cast<float>(Op::kIdentity);
  for (std::int64_t r = begin + threadIdx.x; r < end; r += kThreads) {
    sum = Op::merge(sum, Op::term(x[output.x + plan.terms.offset(r).x]));
  }
  sum = block_reduce<kThreads>(sum, [](float a, float b) { return Op::merge(a, b); });
  if (threadIdx.x == 0) out[output.y * gridDim.y + blockIdx.y] = scale * sum;
}

/// The same where neighbouring outputs are neighbours in x: a warp reads 32 of them at once.
/// shapes  as above; the innermost loop over outputs has x's smallest stride
/// dtype   f32
/// launch  grid = (outer outputs * tiles of 32 outputs, chunks), block = (32, 8),
///         shared = sizeof(Smem), 1 barrier
/// edges   no terms -> identity; the last tile may be ragged
/// error   one thread adds terms / 8 values in sequence
/// cost    x read once; memory bound
template <class Op>
__global__ void __launch_bounds__(kThreads)
    reduce_columns_kernel(const float* x, float* out, ReducePlan plan, std::int64_t chunk,
                          float scale) {
  launch_bound(kThreads);
  struct Smem {
    float sum[kTileRows][kTileColumns];
  };
  auto& s = shared<Smem>();
  const std::int64_t inner = plan.outputs.loop[plan.outputs.count - 1].extent;
  const std::int64_t tiles = ceil_div(inner, kTileColumns);
  const std::int64_t column = blockIdx.x % tiles * kTileColumns + threadIdx.x;
  const bool inside = column < inner;
  const ReduceOffset output =
      plan.outputs.offset(blockIdx.x / tiles * inner + (inside ? column : 0));
  const std::int64_t begin = blockIdx.y * chunk, end = min(begin + chunk, plan.terms.total);
  float sum = static_cast<float>(Op::kIdentity);
  for (std::int64_t r = begin + threadIdx.y; inside && r < end; r += kTileRows) {
    sum = Op::merge(sum, Op::term(x[output.x + plan.terms.offset(r).x]));
  }
  s.sum[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || !inside) return;
#pragma unroll
  for (int row = 1; row < kTileRows; ++row) sum = Op::merge(sum, s.sum[row][threadIdx.x]);
  out[output.y * gridDim.y + blockIdx.y] = scale * sum;
}

/// y[r] = the first c with the largest x[r,c]
/// shapes  x: [rows, cols], y: [rows]                    dtype   f32, i32
/// launch  grid = rows, block = 256, shared = block_reduce's
/// edges   the first NaN wins; cols need not divide 256
/// cost    rows * cols * 4 bytes; memory bound
__global__ void __launch_bounds__(kThreads)
    argmax_kernel(const float* x, std::int32_t* y, std::int64_t cols) {
  launch_bound(kThreads);
  x += blockIdx.x * cols;
  Candidate<float> best;
  for (std::int64_t c = threadIdx.x; c < cols; c += kThreads) {
    best = best.merge({x[c], static_cast<std::int32_t>(c)});
  }
  best = block_reduce<kThreads>(
      best, [](const Candidate<float>& a, const Candidate<float>& b) { return a.merge(b); });
  if (threadIdx.x == 0) y[blockIdx.x] = best.index;
}

/// Memory for the partial results of split reductions, kept for the next one: the launches of one
/// thread follow each other on the device's stream, so they can share it. The first split reduction
/// of a thread allocates, so it must not be the one that a graph captures.
class Partials {
 public:
  Partials() : data_(allocate(Device::gpu, kBlocks * kTileColumns * sizeof(float))) {}
  Partials(const Partials&) = delete;
  Partials& operator=(const Partials&) = delete;
  ~Partials() { deallocate(Device::gpu, data_); }
  float* data() const { return static_cast<float*>(data_); }

 private:
  void* data_;
};

template <class Op>
void reduce_on_gpu(Stream& s, const View& x, const View& y, double scale) {
  const ReducePlan plan = plan_reduction(x, y);
  std::int64_t tiles = plan.outputs.total;
  if (plan.columns && tiles > 0) {
    const std::int64_t inner = plan.outputs.loop[plan.outputs.count - 1].extent;
    tiles = tiles / inner * ceil_div(inner, kTileColumns);
  }
  if (tiles == 0) return;
  const std::int64_t terms = std::max<std::int64_t>(plan.terms.total, 1);
  const std::int64_t least = plan.columns ? kColumnTerms : kRunTerms;
  std::int64_t chunks = std::clamp<std::int64_t>(ceil_div(terms, least), 1,
                                                 std::max<std::int64_t>(kBlocks / tiles, 1));
  const std::int64_t chunk = ceil_div(terms, chunks);
  chunks = ceil_div(terms, chunk);

  const auto first_stage = [&](float* out, float factor) {
    const dim3 grid = grid_of(tiles, chunks);
    if (plan.columns) {
      launch(s, {.grid = grid, .block = dim3(kTileColumns, kTileRows)}, reduce_columns_kernel<Op>,
             x.as<float>(), out, plan, chunk, factor);
    } else {
      launch(s, {.grid = grid, .block = dim3(kThreads)}, reduce_runs_kernel<Op>, x.as<float>(), out,
             plan, chunk, factor);
    }
  };
  if (chunks == 1) return first_stage(y.as<float>(), static_cast<float>(scale));
  static thread_local Partials partials;
  first_stage(partials.data(), 1.0f);
  const std::int64_t outputs = plan.outputs.total;
  ReducePlan second;
  second.outputs.push_back({outputs, chunks, 1});
  second.terms.push_back({chunks, 1, 0});
  launch(s, {.grid = grid_of(outputs), .block = dim3(kThreads)},
         reduce_runs_kernel<typename Op::Merged>, partials.data(), y.as<float>(), second, chunks,
         scale);
}

}  // namespace

void gpu::reduce(Stream& s, Reduction reduction, const View& x, const View& y, double scale) {
  switch (reduction) {
    case Reduction::sum:
      return reduce_on_gpu<SumOf>(s, x, y, scale);
    case Reduction::max:
      return reduce_on_gpu<MaxOf>(s, x, y, scale);
    case Reduction::min:
      return reduce_on_gpu<MinOf>(s, x, y, scale);
    case Reduction::sum_squares:
      return reduce_on_gpu<SumOfSquares>(s, x, y, scale);
  }
}

void gpu::argmax(Stream& s, const View& x, const View& y) {
  launch(s, {.grid = grid_of(x.dim(0)), .block = dim3(kThreads)}, argmax_kernel, x.as<float>(),
         y.as<std::int32_t>(), x.dim(1));
}

}  // namespace etude
