#include "kernels/embedding/embedding.h"

#include "kernels/embedding/ladder/0_scan.cuh"
#include "kernels/embedding/ladder/1_sorted.cuh"
#include "kernels/embedding/ladder/2_counted.cuh"

namespace etude {
namespace {

using embedding_ladder::kThreads;

/// y[n,c] = w[ids[n],c]
/// shapes  ids: [N], w: [V, E], y: [N, E] contiguous      dtype   i32, T
/// launch  grid = (N, E / (128 Width) rounded up), block = 128, a thread per Width columns
/// edges   id outside [0, V) -> NaN
/// error   none
/// cost    2 N E sizeof(T) bytes; memory bound
template <int Width, class T>
__global__ void __launch_bounds__(kThreads)
    embedding_kernel(const std::int32_t* ids, const T* w, T* y, std::int64_t rows,
                     std::int64_t cols) {
  launch_bound(kThreads);
  const std::int64_t n = blockIdx.x, c = embedding_ladder::column<Width>();
  if (c >= cols) return;
  const std::int32_t id = ids[n];
  using Columns = gpu::Pack<T, Width>;
  Columns values;
  if (id >= 0 && id < rows) {
    values = *reinterpret_cast<const Columns*>(w + id * cols + c);
  } else {
    for (T& value : values.value) value = T{NAN};
  }
  *reinterpret_cast<Columns*>(y + n * cols + c) = values;
}

}  // namespace

std::span<const EmbeddingRung> embedding_rungs() {
  static constexpr EmbeddingRung rungs[] = {
      {"scan", "a block per row and columns looks at all ids", embedding_ladder::run_scan<float>},
      {"scan_bf16", "the same on bf16, summed in f32", embedding_ladder::run_scan<bf16>,
       DType::bf16},
      {"sorted", "lists by Thrust's sort, long ones cut", embedding_ladder::run_sorted<float>},
      {"sorted_bf16", "the same on bf16, summed in f32", embedding_ladder::run_sorted<bf16>,
       DType::bf16},
      {"counted", "lists by a counting sort", embedding_ladder::run_counted<float>},
      {"counted_bf16", "the same on bf16, summed in f32", embedding_ladder::run_counted<bf16>,
       DType::bf16},
  };
  return rungs;
}

void gpu::embedding(Stream& s, const View& ids, const View& w, const View& y) {
  dispatch<float, bf16>("embedding", w.dtype, [&]<class T>() {
    embedding_ladder::for_width<T>({w, y}, [&]<int Width>() {
      launch(s, embedding_ladder::block_per_row<Width>(ids.dim(0), w.dim(1)),
             embedding_kernel<Width, T>, ids.as<std::int32_t>(), w.as<T>(), y.as<T>(), w.dim(0),
             w.dim(1));
    });
  });
}

/// Which rung serves: the counted one, whatever the shape. Expected to be the fastest on all but
/// the smallest, where the scan has one launch instead of seven; and the only one of the two with
/// lists that a graph can capture.
void gpu::embedding_grad(Stream& s, const View& ids, const View& dy, const View& dw) {
  dispatch<float, bf16>("embedding_grad", dw.dtype,
                        [&]<class T>() { embedding_ladder::run_counted<T>(s, ids, dy, dw); });
}

}  // namespace etude
