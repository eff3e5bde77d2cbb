#include "kernels/norm/norm.h"

#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/norm/channel.h"

namespace etude {
namespace {

constexpr int kThreads = 256;

struct Shape {
  std::int64_t B, C, L;
};

/// The block's share of x. Width = 1: a block owns one channel and its threads walk along the
/// channel's runs of L elements. Width = 32, for L = 1, where a channel's elements are C apart: the
/// block owns 32 neighbouring channels, a warp reads one element of each, and a thread stays with
/// its channel.
template <int Width>
struct Share {
  static constexpr int kRows = kThreads / Width;  // threads per channel
  Shape shape;
  std::int64_t channel;
  bool inside;  // false for threads beyond the last channel; they still meet the barriers

  __device__ explicit Share(const Shape& s)
      : shape(s), channel(blockIdx.x * Width + threadIdx.x % Width), inside(channel < s.C) {}
  __device__ bool leads() const { return inside && threadIdx.x < Width; }

  /// Calls body(i) for each of the thread's elements, by counting instead of dividing.
  template <class Body>
  __device__ void for_elements(Body body) const {
    if (!inside || shape.L == 0) return;
    const std::int64_t row = threadIdx.x / Width, L = shape.L;
    const std::int64_t step_b = kRows / L, step_l = kRows % L;
    std::int64_t b = row / L, l = row % L;
    while (b < shape.B) {
      body((b * shape.C + channel) * L + l);
      b += step_b;
      l += step_l;
      if (l >= L) l -= L, ++b;
    }
  }

  /// Sum over the threads of a channel, in each of them; a fixed order.
  __device__ float sum(float v) const {
    if constexpr (Width == 1) {
      return block_sum<kThreads>(v);
    } else {
      struct Smem {
        float partial[kThreads];
      };
      auto& s = shared<Smem>();
      s.partial[threadIdx.x] = v;
      __syncthreads();
      float total = 0;
#pragma unroll
      for (int row = 0; row < kRows; ++row) total += s.partial[row * Width + threadIdx.x % Width];
      __syncthreads();  // all have read: the next sum may write
      return total;
    }
  }
};

struct TrainArgs {
  const float *x, *gamma, *beta;
  float *mean, *rstd, *running_mean, *running_var, *y;
  float eps, momentum, slope;
};

/// y = leaky((x - mean_c) rstd_c gamma_c + beta_c), mean_c, rstd_c over b and l; running statistics
/// shapes  x, y: [B, C, L] contiguous; per channel: [C]   dtype   f32
/// launch  grid = C / Width rounded up, block = 256, shared = 1 KiB at most, 2 sums
/// edges   B * L >= 2; B * L need not divide 256, C need not divide Width
/// error   variance from differences to the mean: no cancellation of E[x^2] - E[x]^2
/// cost    3 reads, 1 write; memory bound; reads 2 and 3 come from L2 while the channels of the
///         resident blocks fit
/// source  Ioffe & Szegedy 2015, Alg. 1; Chan, Golub & LeVeque 1983 (two-pass variance)
template <int Width>
__global__ void __launch_bounds__(kThreads) batch_norm_train_kernel(TrainArgs a, Shape shape) {
  launch_bound(kThreads);
  const Share<Width> share(shape);
  const float n = static_cast<float>(shape.B * shape.L);
  float sum = 0;
  share.for_elements([&](std::int64_t i) { sum += a.x[i]; });
  const float mean = share.sum(sum) / n;
  float squares = 0, rest = 0;
  share.for_elements([&](std::int64_t i) {
    const float difference = a.x[i] - mean;
    rest += difference;
    squares += difference * difference;
  });
  // What rounding left of the sum of differences corrects the sum of squares to second order.
  rest = share.sum(rest);
  squares = fmaxf(share.sum(squares) - rest * rest / n, 0.0f);
  if (!share.inside) return;
  const std::int64_t c = share.channel;
  const float rstd = 1.0f / sqrtf(squares / n + a.eps);
  const float scale = a.gamma[c] * rstd, beta = a.beta[c];
  share.for_elements([&](std::int64_t i) {
    const float z = normalised(a.x[i], mean, scale, beta);
    a.y[i] = leaky(z, z, a.slope);
  });
  if (!share.leads()) return;
  a.mean[c] = mean;
  a.rstd[c] = rstd;
  a.running_mean[c] = running_average(a.running_mean[c], mean, a.momentum);
  a.running_var[c] = running_average(a.running_var[c], squares / (n - 1.0f), a.momentum);
}

struct InferArgs {
  const float *x, *gamma, *beta, *running_mean, *running_var;
  float* y;
  float eps, slope;
};

/// y = leaky((x - running_mean_c) / sqrt(running_var_c + eps) * gamma_c + beta_c)
/// shapes  as above                                      dtype   f32
/// launch  grid = enough for one element per thread, at most kMaxGrid; block = 256
/// cost    1 read, 1 write; memory bound
__global__ void __launch_bounds__(kThreads) batch_norm_infer_kernel(InferArgs a, Shape shape) {
  launch_bound(kThreads);
  const std::int64_t n = shape.B * shape.C * shape.L;
  for (std::int64_t i = blockIdx.x * std::int64_t{kThreads} + threadIdx.x; i < n;
       i += std::int64_t{kThreads} * gridDim.x) {
    const std::int64_t c = i / shape.L % shape.C;
    const float scale = a.gamma[c] / sqrtf(a.running_var[c] + a.eps);
    const float z = normalised(a.x[i], a.running_mean[c], scale, a.beta[c]);
    a.y[i] = leaky(z, z, a.slope);
  }
}

struct GradArgs {
  const float *dy, *x, *gamma, *beta, *mean, *rstd;
  float *dx, *dgamma, *dbeta;
  float slope;
};

/// dz = dy leaky'(z)      dbeta_c = sum dz      dgamma_c = sum dz xhat      xhat = (x - mean) rstd
/// dx = gamma rstd (dz - dbeta / n - xhat dgamma / n)                      n = B L
/// shapes  dy, x, dx: [B, C, L] contiguous; per channel: [C]   dtype   f32
/// launch  grid = C / Width rounded up, block = 256, shared = 1 KiB at most, 2 sums
/// edges   as batch_norm_train; B * L = 0 gives dgamma = dbeta = 0
/// cost    4 reads, 1 write; memory bound; the second reads come from L2 as above
/// source  Ioffe & Szegedy 2015, section 3
template <int Width>
__global__ void __launch_bounds__(kThreads) batch_norm_grad_kernel(GradArgs a, Shape shape) {
  launch_bound(kThreads);
  const Share<Width> share(shape);
  const float n = static_cast<float>(shape.B * shape.L);
  const std::int64_t c = share.inside ? share.channel : 0;
  const float mean = a.mean[c], rstd = a.rstd[c], beta = a.beta[c];
  const float scale = a.gamma[c] * rstd;
  const auto dz_at = [&](std::int64_t i) {
    return leaky(normalised(a.x[i], mean, scale, beta), a.dy[i], a.slope);
  };
  float sum = 0, product = 0;
  share.for_elements([&](std::int64_t i) {
    const float dz = dz_at(i);
    sum += dz;
    product += dz * ((a.x[i] - mean) * rstd);
  });
  const float dbeta = share.sum(sum), dgamma = share.sum(product);
  const float shift = dbeta / n, tilt = dgamma / n;
  share.for_elements([&](std::int64_t i) {
    a.dx[i] = scale * (dz_at(i) - shift - (a.x[i] - mean) * rstd * tilt);
  });
  if (!share.leads()) return;
  a.dgamma[c] = dgamma;
  a.dbeta[c] = dbeta;
}

/// Launches the kernel that suits L, one block for as many channels as it owns.
template <class Args>
void launch_per_channel(Stream& s, const View& x, const Args& args,
                        void (*one_channel)(Args, Shape), void (*many_channels)(Args, Shape)) {
  const Shape shape{x.dim(0), x.dim(1), x.dim(2)};
  const bool many = shape.L == 1;
  const auto blocks = static_cast<unsigned>(many ? (shape.C + 31) / 32 : shape.C);
  launch(s, {.grid = dim3(blocks), .block = dim3(kThreads)}, many ? many_channels : one_channel,
         args, shape);
}

}  // namespace

void gpu::batch_norm_train(Stream& s, const View& x, const View& gamma, const View& beta,
                           const View& mean, const View& rstd, const View& running_mean,
                           const View& running_var, const View& y, const BatchNormParams& params) {
  const TrainArgs args{x.as<float>(),
                       gamma.as<float>(),
                       beta.as<float>(),
                       mean.as<float>(),
                       rstd.as<float>(),
                       running_mean.as<float>(),
                       running_var.as<float>(),
                       y.as<float>(),
                       static_cast<float>(params.eps),
                       static_cast<float>(params.momentum),
                       static_cast<float>(params.slope)};
  launch_per_channel(s, x, args, batch_norm_train_kernel<1>, batch_norm_train_kernel<32>);
}

void gpu::batch_norm_infer(Stream& s, const View& x, const View& gamma, const View& beta,
                           const View& running_mean, const View& running_var, const View& y,
                           const BatchNormParams& params) {
  constexpr std::int64_t kMaxGrid = 4096;
  const Shape shape{x.dim(0), x.dim(1), x.dim(2)};
  const std::int64_t blocks = std::min(kMaxGrid, ceil_div(x.numel(), kThreads));
  const InferArgs args{x.as<float>(),
                       gamma.as<float>(),
                       beta.as<float>(),
                       running_mean.as<float>(),
                       running_var.as<float>(),
                       y.as<float>(),
                       static_cast<float>(params.eps),
                       static_cast<float>(params.slope)};
  launch(s, {.grid = grid_of(blocks), .block = dim3(kThreads)}, batch_norm_infer_kernel, args,
         shape);
}

void gpu::batch_norm_grad(Stream& s, const View& dy, const View& x, const View& gamma,
                          const View& beta, const View& mean, const View& rstd, const View& dx,
                          const View& dgamma, const View& dbeta, const BatchNormParams& params) {
  const GradArgs args{dy.as<float>(),    x.as<float>(),
                      gamma.as<float>(), beta.as<float>(),
                      mean.as<float>(),  rstd.as<float>(),
                      dx.as<float>(),    dgamma.as<float>(),
                      dbeta.as<float>(), static_cast<float>(params.slope)};
  launch_per_channel(s, x, args, batch_norm_grad_kernel<1>, batch_norm_grad_kernel<32>);
}

}  // namespace etude
