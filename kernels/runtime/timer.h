#pragma once
// The time that work on a stream takes. Implemented in timer_cuda.cu and timer_simt.cpp.

#include <chrono>
#include <cstddef>

#include "kernels/runtime/runtime.h"

namespace etude {

/// start(), queue the work, stop(), ms(); as often as wanted. On a card by events on the stream, so
/// that the time is the card's alone while its queue does not run dry; else by the clock, after
/// synchronize().
class Timer {
 public:
  explicit Timer(Stream& stream);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start();
  void stop();
  /// Milliseconds from start() to stop(); waits for the work, and throws what it raised.
  double ms();

 private:
  Stream& stream_;
  void *start_event_ = nullptr, *stop_event_ = nullptr;  // cudaEvent_t
  std::chrono::steady_clock::time_point start_, stop_;
};

/// Bytes of the device's last-level cache: what a bench writes over to begin with cold caches. 32
/// MiB where the system does not say.
std::size_t last_level_cache_bytes(Device device);

}  // namespace etude
