#include "kernels/core/sort_keys.h"

#include "kernels/core/cuda.h"

#ifdef __CUDACC__
#include <thrust/execution_policy.h>
#include <thrust/sort.h>
#include <thrust/system/cuda/execution_policy.h>
#else
#include <algorithm>
#endif

namespace etude {
namespace {

#ifdef __CUDACC__

/// Thrust's temporary memory.
struct TemporaryMemory {
  using value_type = char;
  char* allocate(std::ptrdiff_t bytes) {
    return static_cast<char*>(etude::allocate(Device::gpu, static_cast<std::size_t>(bytes)));
  }
  void deallocate(char* memory, std::size_t) { etude::deallocate(Device::gpu, memory); }
};

#else

/// keys in ascending order. Thrust's place on the host runtime, as a kernel so that it runs when
/// its turn in the stream comes.
/// shapes  keys: [n]                                     dtype   u64
/// launch  one thread
__global__ void __launch_bounds__(1) sort_kernel(std::uint64_t* keys, std::int64_t n) {
  launch_bound(1);
  std::sort(keys, keys + n);
}

#endif

}  // namespace

void sort_keys(Stream& s, std::uint64_t* keys, std::int64_t n) {
#ifdef __CUDACC__
  TemporaryMemory memory;
  const auto stream = static_cast<cudaStream_t>(s.native());
  thrust::sort(thrust::cuda::par_nosync(memory).on(stream), keys, keys + n);
#else
  launch(s, {.grid = dim3(1), .block = dim3(1)}, sort_kernel, keys, n);
#endif
}

}  // namespace etude
