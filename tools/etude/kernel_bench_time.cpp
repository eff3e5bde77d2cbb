#include "tools/etude/kernel_bench_time.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "kernels/copy/copy.h"
#include "kernels/random/random.h"

namespace etude {
namespace {

bool simulated(Device device) {
  return device == Device::gpu && std::string(gpu_backend()) == "simt";
}

/// Elements that a view of this shape and these strides reaches over.
std::int64_t extent_of(const BenchOperand& x) {
  if (x.strides.rank == 0 || numel(x.shape) == 0) return numel(x.shape);
  std::int64_t last = 0;
  for (int d = 0; d < x.shape.rank; ++d) last += (x.shape[d] - 1) * x.strides[d];
  return last + 1;
}

/// Made on the CPU, so that all devices and dtypes get the same values by the same two functions.
DeviceMemory filled(const BenchOperand& x, std::uint64_t stream_number, Stream& stream) {
  Stream& cpu = Stream::of(Device::cpu);
  const std::int64_t n = extent_of(x);
  DeviceMemory values(Device::cpu, sizeof(float) * n);
  const View floats(values.data(), DType::f32, {n});
  fill_uniform(cpu, {.seed = 1, .stream = stream_number}, floats, x.lo, x.hi);
  const bool narrow = x.dtype != DType::f32;
  DeviceMemory host(Device::cpu, narrow ? size_of(x.dtype) * n : 0);
  if (narrow) copy(cpu, floats, View(host.data(), x.dtype, {n}));
  DeviceMemory& made = narrow ? host : values;
  if (stream.device() == Device::cpu) return std::move(made);
  DeviceMemory memory(stream.device(), made.bytes());
  copy_bytes(stream, memory.data(), stream.device(), made.data(), Device::cpu, made.bytes());
  stream.synchronize();
  return memory;
}

/// How many timed runs follow a warm-up run of `ms` milliseconds, which took `all_ms` with what
/// goes before it.
int timed_runs(double ms, double all_ms) {
  if (ms > 200) return std::clamp(static_cast<int>(3000 / ms), 3, 30);
  return std::clamp(static_cast<int>(100 / std::max(all_ms, 1e-3)), 30, 200);
}

}  // namespace

BenchMemory::BenchMemory(const BenchCase& c, Stream& stream) {
  for (const BenchOperand& x : c.operands) {
    memory_.push_back(filled(x, memory_.size(), stream));
    const Dims strides = x.strides.rank ? x.strides : contiguous_strides(x.shape);
    views_.emplace_back(memory_.back().data(), x.dtype, x.shape, strides);
  }
}

std::vector<double> BenchMemory::values(std::size_t i, Stream& stream) const {
  const DType dtype = views_[i].dtype;
  const std::size_t n = std::min(memory_[i].bytes() / size_of(dtype), std::size_t{1} << 20);
  DeviceMemory host(Device::cpu, n * size_of(dtype));
  copy_bytes(stream, host.data(), Device::cpu, memory_[i].data(), memory_[i].device(),
             host.bytes());
  stream.synchronize();
  std::vector<double> values(n);
  const Dims shape{static_cast<std::int64_t>(n)};
  copy(Stream::of(Device::cpu), View(host.data(), dtype, shape),
       View(values.data(), DType::f64, shape));
  return values;
}

BenchClock::BenchClock(Device device, bool cold) : stream_(Stream::of(device)), timer_(stream_) {
  if (device == Device::cpu ? cold : !simulated(device)) {
    flush_.emplace(device, 2 * last_level_cache_bytes(device));
  }
}

double BenchClock::timed(const std::function<void()>& run) {
  if (flush_ && stream_.device() == Device::gpu) {
    fill_bytes(stream_, flush_->data(), Device::gpu, 0, flush_->bytes());
  } else if (flush_) {
    // Every thread, so that the caches of every core are written over.
#pragma omp parallel for schedule(static)
    for (std::size_t i = 0; i < flush_->bytes() / 4096; ++i) {
      std::memset(static_cast<char*>(flush_->data()) + 4096 * i, static_cast<int>(i), 4096);
    }
  }
  timer_.start();
  run();
  timer_.stop();
  return timer_.ms();
}

Timing BenchClock::time(const std::function<void()>& run) {
  const bool simt = simulated(stream_.device());
  double ms = 0, all_ms = 0, total = 0;
  for (int i = 0; i < (simt ? 1 : 20) && total < 50; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ms = timed(run);
    all_ms = 1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    total += all_ms;
  }
  if (ms > (simt ? 100 : 5000)) return {ms, ms, ms, 1};
  const int runs = simt ? 2 : timed_runs(ms, all_ms);
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(timed(run));
  std::sort(times.begin(), times.end());
  const auto quantile = [&](double q) {
    return times[static_cast<std::size_t>(std::lround(q * static_cast<double>(runs - 1)))];
  };
  return {quantile(0.5), quantile(0.25), quantile(0.75), runs};
}

}  // namespace etude
