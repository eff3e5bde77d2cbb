#pragma once
// The CUDA that kernels are written in: the toolkit's under nvcc, the host SIMT runtime's under the
// host compiler (`g++ -x c++`). Kernel sources include this and never a CUDA header. Here too: the
// one way to launch a kernel, shared memory, and the grid-wide barrier.

#include <cstddef>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>

#include "kernels/core/error.h"
#include "kernels/core/host_device.h"
#include "kernels/runtime/runtime.h"

#ifdef __CUDACC__
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#else
#include "kernels/simt/device.h"
#include "kernels/simt/launch.h"
#endif

namespace etude {

struct LaunchConfig {
  dim3 grid;                     // blocks; a zero in it launches nothing
  dim3 block;                    // threads of a block, at most 1024
  std::size_t shared_bytes = 0;  // dynamic shared memory
  bool cooperative = false;      // all blocks are resident: grid_sync() may be used
  std::source_location where = std::source_location::current();  // for error messages
};

/// Error where a launch does not take so many blocks along an axis.
inline dim3 grid_of(std::int64_t x, std::int64_t y = 1, std::int64_t z = 1) {
  require(x <= 0x7fffffff && y <= 0xffff && z <= 0xffff, "a grid of ", x, " x ", y, " x ", z,
          " blocks: at most 2^31 - 1, 65535 and 65535 can be launched");
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}

constexpr unsigned kWarpSize = 32;
constexpr unsigned kFullMask = 0xffffffffu;

#ifdef __CUDACC__

/// The host runtime's call sites; nothing on the card.
struct Site {
  HOST_DEVICE static constexpr Site current() { return {}; }
};

/// Throws Error with the call and the place unless `status` is cudaSuccess.
inline void check_cuda(cudaError_t status, const char* call,
                       std::source_location where = std::source_location::current()) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // clears it
  fail(call, " at ", where.file_name(), ":", where.line(), ": ", cudaGetErrorName(status), ", ",
       cudaGetErrorString(status));
}

/// Lets blocks of the kernel have `bytes` of dynamic shared memory: beyond 48 KiB, of which the
/// static part is taken first, it has to be asked for. What is asked for is all the device can
/// give, so that threads with different needs of one kernel do not undo each other's request.
inline void allow_shared(const void* function, std::size_t bytes, std::source_location where) {
  if (bytes == 0) return;
  cudaFuncAttributes known{};
  check_cuda(cudaFuncGetAttributes(&known, function), "cudaFuncGetAttributes", where);
  if (bytes <= static_cast<std::size_t>(known.maxDynamicSharedSizeBytes)) return;
  int device = 0, most = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice", where);
  check_cuda(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
             "cudaDeviceGetAttribute", where);
  check_cuda(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  most - static_cast<int>(known.sharedSizeBytes)),
             "cudaFuncSetAttribute", where);
}

template <class... P, std::size_t... I>
void launch_with(Stream& stream, const LaunchConfig& config, void (*kernel)(P...),
                 std::tuple<P...>& params, std::index_sequence<I...>) {
  const void* function = reinterpret_cast<const void*>(kernel);
  allow_shared(function, config.shared_bytes, config.where);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t launch{};
  launch.gridDim = config.grid;
  launch.blockDim = config.block;
  launch.dynamicSmemBytes = config.shared_bytes;
  launch.stream = static_cast<cudaStream_t>(stream.native());
  launch.attrs = &attribute;
  launch.numAttrs = config.cooperative ? 1 : 0;
  void* pointers[sizeof...(P) + 1] = {&std::get<I>(params)..., nullptr};
  check_cuda(cudaLaunchKernelExC(&launch, function, pointers), "cudaLaunchKernelExC", config.where);
}

#endif

/// Queues kernel(args...) on a GPU stream. The arguments are converted to the kernel's parameter
/// types here and kept by value. Throws Error that names the call and the place when the
/// configuration is refused; on the SIMT runtime also what the kernel's run raises.
///     launch(stream, {.grid = rows, .block = 256}, row_sum<float>, x, y, cols);
template <class... P, class... A>
void launch(Stream& stream, const LaunchConfig& config, void (*kernel)(P...), const A&... args) {
  static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
  require(stream.device() == Device::gpu, "launch: a kernel needs a stream of the gpu");
  if (config.grid.x == 0 || config.grid.y == 0 || config.grid.z == 0) return;
  std::tuple<P...> params(static_cast<P>(args)...);
#ifdef __CUDACC__
  launch_with(stream, config, kernel, params, std::index_sequence_for<P...>{});
#else
  simt::submit({config.grid, config.block, config.shared_bytes, config.cooperative, config.where},
               [kernel, params] { std::apply(kernel, params); });
#endif
}

/// How many blocks of this shape fit on the device at once: the largest grid of a cooperative
/// launch. The SIMT runtime, where any number fits, says 8.
template <class... P>
int resident_blocks(void (*kernel)(P...), int threads, std::size_t shared_bytes = 0) {
#ifdef __CUDACC__
  const void* function = reinterpret_cast<const void*>(kernel);
  allow_shared(function, shared_bytes, std::source_location::current());
  int device = 0, processors = 0, blocks = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  check_cuda(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
             "cudaDeviceGetAttribute");
  check_cuda(
      cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, threads, shared_bytes),
      "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  return processors * blocks;
#else
  static_cast<void>(kernel), static_cast<void>(threads), static_cast<void>(shared_bytes);
  return 8;
#endif
}

/// The block's static shared memory of type T, a struct local to the kernel: one instance per type
/// and block, uninitialised (0xFF bytes, so NaN, on the host runtime), at least 16-byte aligned.
template <class T>
__device__ __forceinline__ T& shared() {
  static_assert(sizeof(T) <= 48 * 1024, "static shared memory ends at 48 KiB: use dynamic_shared");
  static_assert(std::is_trivially_destructible_v<T>);
#ifdef __CUDACC__
  __shared__ __align__(alignof(T) > 16 ? alignof(T) : 16) unsigned char storage[sizeof(T)];
  return reinterpret_cast<T&>(storage);
#else
  static const char tag = 0;
  return *static_cast<T*>(simt::shared_memory(&tag, sizeof(T)));
#endif
}

/// The LaunchConfig::shared_bytes bytes of dynamic shared memory, 128-byte aligned.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(128) unsigned char dynamic_storage[];
  return reinterpret_cast<T*>(dynamic_storage);
#else
  return static_cast<T*>(simt::dynamic_shared_memory());
#endif
}

/// First statement of a kernel with __launch_bounds__(max_threads): the host runtime raises Error
/// for a larger block, as the card refuses the launch.
__device__ __forceinline__ void launch_bound(unsigned max_threads, Site site = Site::current()) {
#ifndef __CUDACC__
  simt::check_launch_bound(max_threads, site);
#else
  static_cast<void>(max_threads), static_cast<void>(site);
#endif
}

/// A barrier of all threads of all blocks; the launch must be cooperative.
__device__ __forceinline__ void grid_sync(Site site = Site::current()) {
#ifdef __CUDACC__
  static_cast<void>(site);
  cooperative_groups::this_grid().sync();
#else
  simt::sync_grid(site);
#endif
}

}  // namespace etude
