#include "kernels/matmul/matmul_cublas.h"

#ifdef ETUDE_HAVE_CUBLAS

#include <cublas_v2.h>

#include "kernels/matmul/ladder/2_register_tile.cuh"

namespace etude {
namespace {

void check_cublas(cublasStatus_t status, const char* call) {
  require(status == CUBLAS_STATUS_SUCCESS, "matmul: ", call, ": ", cublasGetStatusString(status));
}

/// A handle serves one thread at a time and is dear to make: each thread keeps its own.
class CublasHandle {
 public:
  CublasHandle() { check_cublas(cublasCreate(&handle_), "cublasCreate"); }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  ~CublasHandle() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

 private:
  cublasHandle_t handle_ = nullptr;
};

}  // namespace

void matmul_cublas(Stream& s, const View& a, const View& b, const View& c,
                   const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  const BlasMatrix a_layout(p.a, p.m, p.k), b_layout(p.b, p.k, p.n);
  if (p.k == 0 || !a_layout.valid || !b_layout.valid) {
    return matmul_ladder::run_register_tile<float>(s, a, b, c, options);
  }
  static thread_local CublasHandle handle;
  check_cublas(cublasSetStream(handle, static_cast<cudaStream_t>(s.native())), "cublasSetStream");
  const auto alpha = static_cast<float>(options.alpha), beta = static_cast<float>(options.beta);
  const auto operation = [](const BlasMatrix& x) {
    return x.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  // cuBLAS counts down columns: what it sees of a row-major x is x's transpose, so it is asked for
  // c' = b' * a'. The default compute type keeps f32 products and sums: no TF32.
  check_cublas(cublasGemmStridedBatchedEx_64(
                   handle, operation(b_layout), operation(a_layout), p.n, p.m, p.k, &alpha,
                   b.as<float>(), CUDA_R_32F, b_layout.leading, p.b.batch, a.as<float>(),
                   CUDA_R_32F, a_layout.leading, p.a.batch, &beta, c.as<float>(), CUDA_R_32F, p.n,
                   p.m * p.n, p.batch, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx_64");
}

}  // namespace etude

#endif
