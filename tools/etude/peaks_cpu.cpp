#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "kernels/runtime/timer.h"
#include "tools/etude/peaks.h"

namespace etude {
namespace {

using Clock = std::chrono::steady_clock;

#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
// Independent chains hide the latency of a multiply-add, and with two constants fill the registers.
constexpr int kChains = 12;

float fma_loop(std::int64_t rounds) {
  float sums[kChains][kLanes] = {};
  for (std::int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (auto& sum : sums) {
#pragma GCC unroll 1
      for (float& lane : sum) lane = std::fma(lane, 0.9999f, 1e-6f);
    }
  }
  float total = 0;
  for (const auto& sum : sums) total += sum[0];
  return total;
}

/// Of both arrays together, several times what the last cache holds.
double copy_bandwidth() {
  const std::size_t bytes =
      std::max(2 * last_level_cache_bytes(Device::cpu), std::size_t{64} << 20);
  std::vector<char> from(bytes, 1), to(bytes, 2);
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const auto pieces = static_cast<std::int64_t>(bytes / kPiece);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto begin = Clock::now();
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < pieces; ++i) {
      std::memcpy(to.data() + i * kPiece, from.data() + i * kPiece, kPiece);
    }
    best = std::max(best, 2.0 * static_cast<double>(pieces * kPiece) / seconds_since(begin));
  }
  return best;
}

}  // namespace

double cpu_fma_peak() {
  constexpr std::int64_t kRounds = 4'000'000;
  double best = 0;
  volatile float sink = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto begin = Clock::now();
#pragma omp parallel
    {
      const float total = fma_loop(kRounds);
#pragma omp critical
      sink = sink + total;
    }
    best = std::max(best, 2.0 * kChains * kLanes * kRounds * num_threads() / seconds_since(begin));
  }
  return best;
}

Peaks cpu_peaks() {
  const double peak = cpu_fma_peak();
  return {.bytes = copy_bandwidth(), .f32 = peak, .tf32 = peak, .bf16 = peak};
}

}  // namespace etude
