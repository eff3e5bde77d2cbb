// The timer without CUDA: the clock alone.

#include "kernels/runtime/cpu_cache.h"
#include "kernels/runtime/timer.h"

namespace etude {

Timer::Timer(Stream& stream) : stream_(stream) {}
Timer::~Timer() = default;

void Timer::start() {
  stream_.synchronize();
  start_ = std::chrono::steady_clock::now();
}

void Timer::stop() {
  stream_.synchronize();
  stop_ = std::chrono::steady_clock::now();
}

double Timer::ms() { return std::chrono::duration<double, std::milli>(stop_ - start_).count(); }

std::size_t last_level_cache_bytes(Device) { return cpu_cache_bytes(); }

}  // namespace etude
