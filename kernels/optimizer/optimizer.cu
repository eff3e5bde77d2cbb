#include "kernels/optimizer/optimizer.h"

#include "kernels/core/cuda.h"
#include "kernels/optimizer/update.h"
#include "kernels/reduce/reduce.h"

namespace etude {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxGrid = 4096;

/// w, m, v = one Adam step of w with gradient dw
/// shapes  w, dw, m, v: [n] contiguous                   dtype   f32
/// launch  grid = n / 256 rounded up, at most kMaxGrid; block = 256
/// edges   n need not divide 256
/// error   a few roundings of m, v and the step; constants are rounded from double
/// cost    4 reads, 3 writes per parameter; memory bound
/// source  Kingma & Ba 2015, Alg. 1; Loshchilov & Hutter 2019, Alg. 2
__global__ void __launch_bounds__(kThreads)
    adam_kernel(float* w, const float* dw, float* m, float* v, AdamStep<float> adam,
                std::int64_t n) {
  launch_bound(kThreads);
  for (std::int64_t i = blockIdx.x * std::int64_t{kThreads} + threadIdx.x; i < n;
       i += std::int64_t{kThreads} * gridDim.x) {
    adam.update(w[i], dw[i], m[i], v[i]);
  }
}

/// x = sqrt(x), one value: the last step of the gradient's norm
/// launch  grid = 1, block = 1
__global__ void __launch_bounds__(1) square_root_kernel(float* x) {
  launch_bound(1);
  *x = sqrtf(*x);
}

/// dw *= min(1, max_norm / (norm + 1e-6)); returns early, unread, where the factor is 1
/// shapes  dw: [n] contiguous, norm: [1]                 dtype   f32
/// launch  grid = n / 256 rounded up, at most kMaxGrid; block = 256
/// cost    1 read, 1 write where it clips, else none; memory bound
/// source  Pascanu, Mikolov & Bengio 2013, Alg. 1
__global__ void __launch_bounds__(kThreads)
    clip_gradient_kernel(float* dw, const float* norm, float max_norm, std::int64_t n) {
  launch_bound(kThreads);
  const float factor = clip_factor(*norm, max_norm);
  if (factor == 1.0f) return;
  for (std::int64_t i = blockIdx.x * std::int64_t{kThreads} + threadIdx.x; i < n;
       i += std::int64_t{kThreads} * gridDim.x) {
    dw[i] *= factor;
  }
}

LaunchConfig grid_over(std::int64_t n) {
  const std::int64_t blocks = ceil_div(n, kThreads);
  return {.grid = grid_of(blocks < kMaxGrid ? blocks : kMaxGrid), .block = dim3(kThreads)};
}

}  // namespace

void gpu::adam(Stream& s, const View& w, const View& dw, const View& m, const View& v,
               const AdamParams& params, std::int64_t step) {
  launch(s, grid_over(w.numel()), adam_kernel, w.as<float>(), dw.as<float>(), m.as<float>(),
         v.as<float>(), AdamStep<float>(params, step), w.numel());
}

void gpu::gradient_norm(Stream& s, const View& dw, const View& norm) {
  gpu::reduce(s, Reduction::sum_squares, dw, View(norm.data, norm.dtype, {1}), 1.0);
  launch(s, {.grid = dim3(1), .block = dim3(1)}, square_root_kernel, norm.as<float>());
}

void gpu::clip_gradient(Stream& s, const View& dw, const View& norm, double max_norm) {
  launch(s, grid_over(dw.numel()), clip_gradient_kernel, dw.as<float>(), norm.as<float>(),
         static_cast<float>(max_norm), dw.numel());
}

}  // namespace etude
