// The runtime with CUDA: Device::gpu is the current CUDA device.

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <utility>

#include "kernels/core/cuda.h"
#include "kernels/simt/simt.h"

namespace etude {

const char* gpu_backend() { return "cuda"; }

bool gpu_available() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) cudaGetLastError();  // no driver: clears the error
  return status == cudaSuccess && count > 0;
}

std::string gpu_description() {
  if (!gpu_available()) return "no CUDA device";
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  std::ostringstream text;
  text << properties.name << ", compute capability " << properties.major << '.' << properties.minor
       << ", " << (properties.totalGlobalMem >> 20) << " MiB";
  return text.str();
}

Stream& Stream::of(Device device) {
  static Stream cpu(Device::cpu, nullptr);
  if (device == Device::cpu) return cpu;
  // A stream of its own, because the legacy default stream cannot be captured into a graph. It
  // lives as long as the process.
  static Stream gpu(Device::gpu, [] {
    cudaStream_t stream = nullptr;
    check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
               "cudaStreamCreateWithFlags");
    return stream;
  }());
  return gpu;
}

void Stream::synchronize() {
  if (device_ == Device::gpu)
    check_cuda(cudaStreamSynchronize(static_cast<cudaStream_t>(native_)), "cudaStreamSynchronize");
}

void* Stream::scratch(std::size_t bytes) {
  require(device_ == Device::gpu, "Stream::scratch: the stream is not the gpu's");
  struct Memory {
    void* data = nullptr;
    std::size_t bytes = 0;
    ~Memory() {
      if (data) deallocate(Device::gpu, data);
    }
  };
  static thread_local Memory memory;
  if (bytes > memory.bytes) {
    synchronize();  // queued work may still use the old memory
    if (memory.data) deallocate(Device::gpu, std::exchange(memory.data, nullptr));
    memory.bytes = 0;
    memory.data = allocate(Device::gpu, bytes);
    memory.bytes = bytes;
  }
  return memory.data;
}

void* allocate(Device device, std::size_t bytes) {
  if (bytes == 0) bytes = 1;
  void* p = nullptr;
  if (device == Device::cpu) {
    if (posix_memalign(&p, 64, bytes) != 0) fail("no memory for ", bytes, " bytes on the cpu");
    return p;
  }
  const cudaError_t status = cudaMalloc(&p, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail("no memory for ", bytes, " bytes on the gpu");
  }
  check_cuda(status, "cudaMalloc");
  return p;
}

void deallocate(Device device, void* pointer) noexcept {
  if (device == Device::cpu) {
    std::free(pointer);
    return;
  }
  const cudaError_t status = cudaFree(pointer);
  if (status != cudaSuccess && status != cudaErrorCudartUnloading)
    std::cerr << "cudaFree: " << cudaGetErrorString(status) << '\n';
}

void copy_bytes(Stream& stream, void* to, Device to_device, const void* from, Device from_device,
                std::size_t bytes) {
  if (bytes == 0) return;
  if (stream.device() == Device::cpu) {
    require(to_device == Device::cpu && from_device == Device::cpu,
            "copy_bytes: a copy to or from the gpu needs a stream of the gpu");
    std::memcpy(to, from, bytes);
    return;
  }
  check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault,
                             static_cast<cudaStream_t>(stream.native())),
             "cudaMemcpyAsync");
}

void fill_bytes(Stream& stream, void* to, Device device, int byte, std::size_t bytes) {
  if (bytes == 0) return;
  require(stream.device() == device, "fill_bytes: memory of the ", name_of(device),
          " needs a stream of the same device");
  if (device == Device::cpu)
    std::memset(to, byte, bytes);
  else
    check_cuda(cudaMemsetAsync(to, byte, bytes, static_cast<cudaStream_t>(stream.native())),
               "cudaMemsetAsync");
}

// The host runtime's controls, which have nothing to control here.
namespace simt {

bool active() { return false; }
void set_schedule(Schedule) {}
void set_deferred(bool) {}
void set_record_barriers(bool) {}
std::vector<BarrierSite> barrier_sites() { return {}; }
void skip_barrier(const std::string&) {}

}  // namespace simt
}  // namespace etude
