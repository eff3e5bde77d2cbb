#pragma once
// Devices, memory and streams. One header, two implementations: runtime_cuda.cu in builds with the
// CUDA toolkit, runtime_simt.cpp elsewhere, where `Device::gpu` is the host SIMT runtime and its
// memory is host memory.

#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/core/error.h"

namespace etude {

enum class Device : std::uint8_t { cpu, gpu };

inline const char* name_of(Device device) { return device == Device::cpu ? "cpu" : "gpu"; }

/// "cuda" or "simt": what runs Device::gpu in this build.
const char* gpu_backend();
/// Whether Device::gpu can be used: always on the SIMT runtime; with CUDA, if the driver finds a
/// card.
bool gpu_available();
/// One line about the card (name, compute capability, memory), or about the SIMT runtime.
std::string gpu_description();

/// An ordered queue of kernels and copies. The CPU's runs each at once, in the caller. The SIMT
/// runtime's does so too, or, in deferred mode, not before synchronize(), so that a missing
/// synchronize() shows.
class Stream {
 public:
  /// The device's default stream.
  static Stream& of(Device device);

  Device device() const { return device_; }
  /// Returns when all work queued so far has run; throws what that work raised.
  void synchronize();
  /// Memory for the intermediate results of one operation on a GPU stream: at least `bytes` bytes,
  /// aligned as by allocate(), of unknown contents, good until this thread's next call. It is kept
  /// and only grows, so a repeated operation allocates nothing. Growing waits for the stream, which
  /// a stream under capture does not allow: run the operation once before it is captured.
  void* scratch(std::size_t bytes);
  /// cudaStream_t in CUDA builds, else null.
  void* native() const { return native_; }

 private:
  Stream(Device device, void* native) : device_(device), native_(native) {}
  Device device_;
  void* native_;
};

/// Uncached memory of at least `bytes` bytes, 64-byte aligned (256 on a card). Throws Error that
/// names the device and the size when there is none.
void* allocate(Device device, std::size_t bytes);
void deallocate(Device device, void* pointer) noexcept;

/// Queues a copy of `bytes` bytes between any two devices on `stream`. A copy to or from the CPU
/// side of a GPU stream is complete only after stream.synchronize().
void copy_bytes(Stream& stream, void* to, Device to_device, const void* from, Device from_device,
                std::size_t bytes);
/// Queues filling with a byte value.
void fill_bytes(Stream& stream, void* to, Device device, int byte, std::size_t bytes);

}  // namespace etude
