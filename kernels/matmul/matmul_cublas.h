#pragma once
// The product by cuBLAS; exists only in CUDA builds that found the library.

#include "kernels/matmul/matmul.h"

namespace etude {

#ifdef ETUDE_HAVE_CUBLAS
constexpr bool kHaveCublas = true;
#else
constexpr bool kHaveCublas = false;
#endif

/// As gpu::matmul: f32 in full f32, or with options.tf32 on tensor cores; bf16 with f32 sums. What
/// cuBLAS does not take (overlapping rows, K = 0) goes to matmul_own.
void matmul_cublas(Stream&, const View& a, const View& b, const View& c, const MatmulOptions&);

/// The rung of the ladder that serves this dtype and shape best, without any library.
void matmul_own(Stream&, const View& a, const View& b, const View& c, const MatmulOptions&);

}  // namespace etude
