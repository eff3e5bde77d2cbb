#pragma once
// Bottleneck before: every multiplication reads both of its factors from global memory, although
// neighbouring positions read almost the same patch of x, and all positions the same weights.
// Idea: a block computes a tile of positions of one image for 8 filters. The patch of x that the
// tile needs, its halo included, and the taps of the filters lie in shared memory, some channels at
// a time. A thread has one position: each element of the patch that it reads serves 8 filters, and
// the taps it multiplies with are the same for the whole warp (a broadcast, two float4).
// Predicted: 4 to 6 times the direct rung on large images: 3 shared reads for 8 multiply-adds.

#include <algorithm>
#include <bit>

#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_ladder {

constexpr int kSharedTileThreads = 256;
constexpr int kFilters = 8;  // of a block

/// The extents of a block's work: positions, the patch that their windows cover, channels at a
/// time.
struct SharedTilePlan {
  int tile_p, tile_q, patch_h, patch_w, channels;

  HOST_DEVICE int patch() const { return patch_h * patch_w; }
  std::size_t bytes(const ConvShape& n) const {
    const auto size = [](int a, int b) { return static_cast<std::size_t>(a) * b; };
    return 4 * (size(kFilters, n.taps()) + size(patch_h, patch_w)) * channels;
  }
};

/// The tile follows the image: 8 x 32 positions, up to 1 x 256 of a row, less where there is less.
/// Channels as fit into 16 KiB (one at least), so that several blocks share a processor. Throws
/// Error where not even one channel fits into 96 KiB, which every card from sm_80 on has.
inline SharedTilePlan shared_tile_plan(const ConvShape& n) {
  const auto fit = [](int extent, int most) {
    const auto power = std::bit_ceil(static_cast<unsigned>(std::max(1, extent)));
    return static_cast<int>(std::min(power, static_cast<unsigned>(most)));
  };
  SharedTilePlan plan{.tile_p = fit(n.P, 8), .channels = 1};
  plan.tile_q = fit(n.Q, plan.tile_p == 8 ? 32 : kSharedTileThreads / plan.tile_p);
  const auto covered = [](std::int64_t tile, int stride, std::int64_t taps, int dilation) {
    const std::int64_t all = (tile - 1) * stride + (taps - 1) * dilation + 1;
    return static_cast<int>(std::min(all, std::int64_t{1} << 20));  // too large in any case
  };
  plan.patch_h = covered(plan.tile_p, n.stride_h, n.R, n.dilation_h);
  plan.patch_w = covered(plan.tile_q, n.stride_w, n.S, n.dilation_w);
  const std::size_t one = plan.bytes(n);
  require(one <= 96 * 1024, "conv shared_tile: the patch of ", plan.tile_p, " x ", plan.tile_q,
          " positions and a window of ", n.R, " x ", n.S, " take ", one,
          " bytes of shared memory per channel, at most 98304");
  plan.channels = std::clamp(static_cast<int>(16 * 1024 / one), 1, std::max(1, n.Cg));
  return plan;
}

/// y[b,k,p,q] = sum_{c,r,s} x[b, c, p stride - pad + r dilation, ...] * w[k,c,r,s]
/// shapes  x: [B, C, H, W], w: [K, C/groups, R, S], y: [B, K, P, Q] contiguous    dtype  f32
/// launch  grid = (tiles of positions * B, groups * ceil(K/groups / 8)), block = tile of positions,
///         shared = SharedTilePlan::bytes, 2 barriers per channels in shared memory
/// edges   padding and the tile's surplus are zeros in the patch; C = 0 gives 0
/// error   C/groups * R * S additions in one chain, as the direct rung
/// cost    2 * y * C/groups * R * S flops; x is read K/8 times (and halos twice): shared memory
///         bound, and a stride of 2 reads every second bank: two-way conflicts
/// source  Podlozhnyuk, "Image convolution with CUDA", NVIDIA 2007 (tiles with halo)
__global__ void __launch_bounds__(kSharedTileThreads)
    shared_tile_kernel(ConvShape n, SharedTilePlan plan, const float* x, const float* w, float* y) {
  launch_bound(kSharedTileThreads);
  const int threads = static_cast<int>(blockDim.x), thread = static_cast<int>(threadIdx.x);
  const int tiles_q = (n.Q + plan.tile_q - 1) / plan.tile_q;
  const int tiles_p = (n.P + plan.tile_p - 1) / plan.tile_p;
  const int tile = static_cast<int>(blockIdx.x) % (tiles_p * tiles_q);
  const int b = static_cast<int>(blockIdx.x) / (tiles_p * tiles_q);
  const int first_p = tile / tiles_q * plan.tile_p, first_q = tile % tiles_q * plan.tile_q;
  const int blocks_per_group = ceil_div(n.Kg, kFilters);
  const int group = static_cast<int>(blockIdx.y) / blocks_per_group;
  const int first_k = static_cast<int>(blockIdx.y) % blocks_per_group * kFilters;  // in the group
  const int own_p = thread / plan.tile_q, own_q = thread % plan.tile_q;
  const int first_h = first_p * n.stride_h - n.pad_h, first_w = first_q * n.stride_w - n.pad_w;
  const int window = n.taps();
  float* const taps = dynamic_shared<float>();  // [channel, tap][filter]
  float* const patch = taps + plan.channels * window * kFilters;
  float sum[kFilters] = {};
  for (int c0 = 0; c0 < n.Cg; c0 += plan.channels) {
    const int channels = min(plan.channels, n.Cg - c0);
    for (int i = thread; i < channels * plan.patch(); i += threads) {
      const int h = first_h + i / plan.patch_w % plan.patch_h, v = first_w + i % plan.patch_w;
      const int c = group * n.Cg + c0 + i / plan.patch();
      const bool inside = h >= 0 && h < n.H && v >= 0 && v < n.W;
      patch[i] = inside ? x[((b * n.C + c) * n.H + h) * n.W + v] : 0.0f;
    }
    for (int i = thread; i < channels * window * kFilters; i += threads) {
      const int k = first_k + i / (channels * window), tap = i % (channels * window);
      const int from = ((group * n.Kg + k) * n.Cg + c0) * window + tap;
      taps[tap * kFilters + i / (channels * window)] = k < n.Kg ? w[from] : 0.0f;
    }
    __syncthreads();
    for (int c = 0; c < channels; ++c) {
      for (int r = 0; r < n.R; ++r) {
        const int row = (c * plan.patch_h + own_p * n.stride_h + r * n.dilation_h) * plan.patch_w;
        for (int s = 0; s < n.S; ++s) {
          const float v = patch[row + own_q * n.stride_w + s * n.dilation_w];
          const auto* of =
              reinterpret_cast<const float4*>(taps + ((c * n.R + r) * n.S + s) * kFilters);
          const float4 low = of[0], high = of[1];
          const float filter[kFilters] = {low.x,  low.y,  low.z,  low.w,
                                          high.x, high.y, high.z, high.w};
#pragma unroll
          for (int k = 0; k < kFilters; ++k) sum[k] += v * filter[k];
        }
      }
    }
    __syncthreads();  // all have read: the next channels may come
  }
  const int p = first_p + own_p, q = first_q + own_q;
  if (p >= n.P || q >= n.Q) return;
#pragma unroll
  for (int k = 0; k < kFilters; ++k) {
    if (first_k + k >= n.Kg) break;
    y[((b * n.K + group * n.Kg + first_k + k) * n.P + p) * n.Q + q] = sum[k];
  }
}

inline void run_shared_patches(Stream& s, const ConvProblem& problem, const float* x,
                               const float* w, float* y) {
  const ConvShape n(problem);
  if (problem.B * problem.K * problem.P * problem.Q == 0) return;
  const SharedTilePlan plan = shared_tile_plan(n);
  const std::int64_t across = ceil_div(n.P, plan.tile_p) * ceil_div(n.Q, plan.tile_q) * n.B;
  const std::int64_t filters = ceil_div(n.Kg, kFilters) * n.groups;
  require(filters < 65536, "conv shared_tile: ", n.K, " output channels in ", n.groups,
          " groups take ", filters, " rows of blocks, a grid has at most 65535");
  const int threads = plan.tile_p * plan.tile_q;
  launch(s,
         {.grid = grid_of(across, filters),
          .block = dim3(static_cast<unsigned>(threads)),
          .shared_bytes = plan.bytes(n)},
         shared_tile_kernel, n, plan, x, w, y);
}

}  // namespace etude::conv_ladder
