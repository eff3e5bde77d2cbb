#pragma once
// How a kernel is timed: memory, warm-up, cold or warm caches, repetitions, statistics.

#include <functional>
#include <optional>
#include <vector>

#include "kernels/core/bench.h"
#include "kernels/runtime/timer.h"
#include "tools/etude/memory.h"

namespace etude {

/// Milliseconds of one run: median and quartiles over `runs` runs.
struct Timing {
  double median = 0, q1 = 0, q3 = 0;
  int runs = 0;
};

/// A case's operands in memory of their own, filled as BenchOperand says.
class BenchMemory {
 public:
  BenchMemory(const BenchCase& c, Stream& stream);
  const std::vector<View>& views() const { return views_; }
  /// The first elements of operand i in memory, at most 2^20, as double. `stream` is the device's.
  std::vector<double> values(std::size_t i, Stream& stream) const;

 private:
  std::vector<DeviceMemory> memory_;
  std::vector<View> views_;
};

/// Times runs on one device. Before each run a card's L2 is written over; the CPU's caches are only
/// with `cold`, since in a training step an operand comes from the operation before.
class BenchClock {
 public:
  BenchClock(Device device, bool cold);

  Stream& stream() { return stream_; }
  /// Bytes written before each run; 0 is none.
  std::size_t flush_bytes() const { return flush_ ? flush_->bytes() : 0; }
  /// Runs until caches, clocks and libraries are warm, then 30 times or more. A run above 200 ms
  /// is repeated for 3 s, but 3 times, and one above 5 s not at all. (PyTorch's side,
  /// tools/bench/pytorch_kernels.py, has the same rules.) The SIMT runtime, where a time means
  /// nothing, runs at most 3 times.
  Timing time(const std::function<void()>& run);

 private:
  double timed(const std::function<void()>& run);

  Stream& stream_;
  Timer timer_;
  std::optional<DeviceMemory> flush_;
};

}  // namespace etude
