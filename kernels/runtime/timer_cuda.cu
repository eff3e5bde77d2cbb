// The timer with CUDA: events for the card's stream, the clock for the CPU's.

#include "kernels/core/cuda.h"
#include "kernels/runtime/cpu_cache.h"
#include "kernels/runtime/timer.h"

namespace etude {
namespace {

void* make_event() {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreate(&event), "cudaEventCreate");
  return event;
}

void record(void* event, Stream& stream) {
  check_cuda(
      cudaEventRecord(static_cast<cudaEvent_t>(event), static_cast<cudaStream_t>(stream.native())),
      "cudaEventRecord");
}

}  // namespace

Timer::Timer(Stream& stream) : stream_(stream) {
  if (stream.device() == Device::cpu) return;
  start_event_ = make_event();
  stop_event_ = make_event();
}

Timer::~Timer() {
  for (void* event : {start_event_, stop_event_}) {
    if (event) cudaEventDestroy(static_cast<cudaEvent_t>(event));
  }
}

void Timer::start() {
  if (start_event_)
    record(start_event_, stream_);
  else
    start_ = std::chrono::steady_clock::now();
}

void Timer::stop() {
  if (stop_event_)
    record(stop_event_, stream_);
  else
    stop_ = std::chrono::steady_clock::now();
}

double Timer::ms() {
  if (!start_event_) return std::chrono::duration<double, std::milli>(stop_ - start_).count();
  float ms = 0;
  check_cuda(cudaEventSynchronize(static_cast<cudaEvent_t>(stop_event_)), "cudaEventSynchronize");
  check_cuda(cudaEventElapsedTime(&ms, static_cast<cudaEvent_t>(start_event_),
                                  static_cast<cudaEvent_t>(stop_event_)),
             "cudaEventElapsedTime");
  return ms;
}

std::size_t last_level_cache_bytes(Device device) {
  if (device == Device::cpu) return cpu_cache_bytes();
  int current = 0, bytes = 0;
  check_cuda(cudaGetDevice(&current), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&bytes, cudaDevAttrL2CacheSize, current),
             "cudaDeviceGetAttribute");
  return static_cast<std::size_t>(bytes);
}

}  // namespace etude
