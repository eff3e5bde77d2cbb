#pragma once
// The product by cuBLAS; exists only in CUDA builds that found the library.

#include "kernels/matmul/matmul.h"

namespace etude {

#ifdef ETUDE_HAVE_CUBLAS
constexpr bool kHaveCublas = true;
#else
constexpr bool kHaveCublas = false;
#endif

/// As gpu::matmul, f32, in full f32 (no TF32). A product that cuBLAS does not take (overlapping
/// rows, K = 0) goes to the register tile rung.
void matmul_cublas(Stream&, const View& a, const View& b, const View& c, const MatmulOptions&);

}  // namespace etude
