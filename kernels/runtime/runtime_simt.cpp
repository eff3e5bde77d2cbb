// The runtime without CUDA: Device::gpu is the host SIMT runtime, its memory is host memory.

#include <cstdlib>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "kernels/runtime/runtime.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/simt.h"

namespace etude {
namespace {

/// One OS thread's stream of the GPU: what is queued in deferred mode.
struct Queue {
  bool deferred = false;
  std::vector<std::function<void()>> work;

  void run() {
    const auto queued = std::exchange(work, {});
    for (const auto& item : queued) item();  // what comes after a failure is dropped with it
  }
  void submit(std::function<void()> item) {
    if (deferred)
      work.push_back(std::move(item));
    else
      item();
  }
};

Queue& queue() {
  thread_local Queue instance;
  return instance;
}

}  // namespace

const char* gpu_backend() { return "simt"; }

bool gpu_available() { return true; }

std::string gpu_description() {
  return "host SIMT runtime: runs every CUDA thread as a fiber on the CPU, slowly, for tests";
}

Stream& Stream::of(Device device) {
  static Stream cpu(Device::cpu, nullptr);
  static Stream gpu(Device::gpu, nullptr);
  return device == Device::cpu ? cpu : gpu;
}

void Stream::synchronize() {
  if (device_ == Device::gpu) queue().run();
}

void* Stream::scratch(std::size_t bytes) {
  require(device_ == Device::gpu, "Stream::scratch: the stream is not the gpu's");
  struct Memory {
    void* data = nullptr;
    ~Memory() { deallocate(Device::gpu, data); }
  };
  queue();  // made before `memory`, so that it is there when that ends
  static thread_local Memory memory;
  // Afresh and to the byte each time: a stale or a far read shows.
  deallocate(Device::gpu, memory.data);
  return memory.data = allocate(Device::gpu, bytes);
}

void* allocate(Device device, std::size_t bytes) {
  void* p = nullptr;
  if (posix_memalign(&p, 64, bytes > 0 ? bytes : 1) != 0)
    fail("no memory for ", bytes, " bytes on the ", name_of(device));
  if (device == Device::gpu) std::memset(p, 0xff, bytes);  // NaN: shows a read before a write
  return p;
}

void deallocate(Device device, void* pointer) noexcept {
  Queue& q = queue();
  if (device == Device::gpu && !q.work.empty())  // queued work may still use it
    q.work.emplace_back([pointer] { std::free(pointer); });
  else
    std::free(pointer);
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
  if (queue().deferred && to_device == Device::cpu) std::memset(to, 0xff, bytes);
  queue().submit([=] { std::memcpy(to, from, bytes); });
}

void fill_bytes(Stream& stream, void* to, Device device, int byte, std::size_t bytes) {
  if (bytes == 0) return;
  require(stream.device() == device, "fill_bytes: memory of the ", name_of(device),
          " needs a stream of the same device");
  if (device == Device::cpu)
    std::memset(to, byte, bytes);
  else
    queue().submit([=] { std::memset(to, byte, bytes); });
}

namespace simt {

void set_deferred(bool deferred) {
  queue().run();
  queue().deferred = deferred;
}

void submit(const Launch& launch, std::function<void()> thread) {
  const std::size_t threads = std::size_t{launch.block.x} * launch.block.y * launch.block.z;
  const auto check = [&launch](bool holds, const auto&... parts) {
    require(holds, "launch at ", launch.where.file_name(), ":", launch.where.line(), ": ",
            parts...);
  };
  check(threads >= 1 && threads <= 1024, "a block has 1 to 1024 threads, not ", threads);
  check(launch.block.z <= 64, "a block has at most 64 threads in z, not ", launch.block.z);
  check(launch.grid.y <= 65535 && launch.grid.z <= 65535,
        "a grid has at most 65535 blocks in y and z");
  check(launch.shared_bytes <= 227 * 1024, "a block has at most 227 KiB of shared memory, not ",
        launch.shared_bytes, " bytes");
  queue().submit([launch, thread = std::move(thread)] { run(launch, thread); });
}

}  // namespace simt
}  // namespace etude
