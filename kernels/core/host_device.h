#pragma once
// HOST_DEVICE marks a function that both the host compiler and nvcc's device compiler build.

#include <type_traits>

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

namespace etude {

/// Pieces of `size` that cover n.
template <class N>
HOST_DEVICE constexpr N ceil_div(N n, std::type_identity_t<N> size) {
  return (n + size - 1) / size;
}

}  // namespace etude
