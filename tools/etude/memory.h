#pragma once
#include <cstddef>
#include <utility>

#include "kernels/runtime/runtime.h"

namespace etude {

/// Uncached memory of a device that frees itself.
class DeviceMemory {
 public:
  DeviceMemory(Device device, std::size_t bytes)
      : data_(allocate(device, bytes)), bytes_(bytes), device_(device) {}
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_), device_(other.device_) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() {
    if (data_) deallocate(device_, data_);
  }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }

 private:
  void* data_;
  std::size_t bytes_;
  Device device_;
};

}  // namespace etude
