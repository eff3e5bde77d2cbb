#include <algorithm>
#include <cstdint>
#include <string>

#include "kernels/core/cuda.h"
#include "kernels/core/mma.h"
#include "kernels/runtime/timer.h"
#include "tools/etude/memory.h"
#include "tools/etude/peaks.h"

namespace etude {
namespace {

constexpr int kThreads = 256;
constexpr int kChains = 8;  // independent ones, so that no instruction waits for the one before

/// Multiply-adds on registers. The sums are stored, and differ, so that no compiler leaves any out.
/// sums: [gridDim.x * kThreads]
__global__ void __launch_bounds__(kThreads) fma_kernel(float* sums, int rounds) {
  launch_bound(kThreads);
  float chain[kChains];
  for (int j = 0; j < kChains; ++j) chain[j] = static_cast<float>(threadIdx.x + j);
#pragma unroll 16
  for (int i = 0; i < rounds; ++i) {
#pragma unroll
    for (int j = 0; j < kChains; ++j) chain[j] = fmaf(chain[j], 0.9999f, 1e-3f);
  }
  float sum = 0;
  for (int j = 0; j < kChains; ++j) sum += chain[j];
  sums[blockIdx.x * kThreads + threadIdx.x] = sum;
}

/// The same with products of tensor cores: c_j += a b. Shape: Bf16Mma or Tf32Mma.
template <class Shape>
__global__ void __launch_bounds__(kThreads) mma_kernel(float* sums, int rounds) {
  launch_bound(kThreads);
  // Any factors of [1, 2) with bits that differ, since zeros would draw less power than work does.
  std::uint32_t a[4], b[2];
  for (int i = 0; i < 4; ++i) a[i] = 0x3f803f80u | ((threadIdx.x * 5 + i) & 0x7fu) * 0x00010001u;
  for (int i = 0; i < 2; ++i) b[i] = 0x3f803f80u | ((threadIdx.x * 3 + i) & 0x7fu) * 0x00010001u;
  float chain[kChains][4];
  for (int j = 0; j < kChains; ++j)
    for (int i = 0; i < 4; ++i) chain[j][i] = static_cast<float>(threadIdx.x + 4 * j + i);
#pragma unroll 4
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int j = 0; j < kChains; ++j) {
      if constexpr (Shape::kDepth == 16)
        mma_bf16(chain[j], a, b);
      else
        mma_tf32(chain[j], a, b);
    }
  }
  float sum = 0;
  for (int j = 0; j < kChains; ++j)
    for (int i = 0; i < 4; ++i) sum += chain[j][i];
  sums[blockIdx.x * kThreads + threadIdx.x] = sum;
}

bool simulated() { return std::string(gpu_backend()) == "simt"; }

/// Best rate of several runs of `work` units each.
template <class Run>
double best_rate(Stream& stream, double work, Run run) {
  Timer timer(stream);
  double best = 0;
  for (int attempt = 0; attempt < (simulated() ? 1 : 10); ++attempt) {
    timer.start();
    run();
    timer.stop();
    best = std::max(best, work / (timer.ms() * 1e-3));
  }
  return best;
}

/// FLOP/s of a kernel of `flops` per thread and round.
double peak_of(Stream& stream, void (*kernel)(float*, int), double flops) {
  const int blocks = simulated() ? 1 : resident_blocks(kernel, kThreads);
  const int rounds = simulated() ? 1 : 16'384;
  const DeviceMemory sums(Device::gpu, sizeof(float) * blocks * kThreads);
  return best_rate(stream, flops * kThreads * blocks * static_cast<double>(rounds), [&] {
    launch(stream, {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kThreads)}, kernel,
           static_cast<float*>(sums.data()), rounds);
  });
}

/// Bytes read and written per second by the card's own copy.
double copy_bandwidth(Stream& stream) {
  const std::size_t bytes =
      simulated() ? 4096
                  : std::max(std::size_t{512} << 20, 4 * last_level_cache_bytes(Device::gpu));
  const DeviceMemory from(Device::gpu, bytes), to(Device::gpu, bytes);
  fill_bytes(stream, from.data(), Device::gpu, 1, bytes);
  return best_rate(stream, 2.0 * static_cast<double>(bytes), [&] {
    copy_bytes(stream, to.data(), Device::gpu, from.data(), Device::gpu, bytes);
  });
}

}  // namespace

Peaks gpu_peaks() {
  Stream& stream = Stream::of(Device::gpu);
  // A warp's product is 2 * 16 * 8 * depth operations, shared by its lanes.
  const auto mma_flops = [](int depth) { return 2.0 * 16 * 8 * depth * kChains / kWarpSize; };
  return {.bytes = copy_bandwidth(stream),
          .f32 = peak_of(stream, fma_kernel, 2.0 * kChains),
          .tf32 = peak_of(stream, mma_kernel<Tf32Mma>, mma_flops(Tf32Mma::kDepth)),
          .bf16 = peak_of(stream, mma_kernel<Bf16Mma>, mma_flops(Bf16Mma::kDepth))};
}

}  // namespace etude
