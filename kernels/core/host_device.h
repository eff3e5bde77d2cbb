#pragma once
// HOST_DEVICE marks a function that both the host compiler and nvcc's device compiler build.

#ifdef __CUDACC__
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif
