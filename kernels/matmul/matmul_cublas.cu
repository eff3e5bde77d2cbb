#include "kernels/matmul/matmul_cublas.h"

#ifdef ETUDE_HAVE_CUBLAS

#include <cublas_v2.h>

#include "kernels/core/cuda.h"
#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/problem.h"

namespace etude {
namespace {

void check_cublas(cublasStatus_t status, const char* call) {
  require(status == CUBLAS_STATUS_SUCCESS, "matmul: ", call, ": ", cublasGetStatusString(status));
}

/// A handle serves one thread at a time and is dear to make: each thread keeps its own.
class CublasHandle {
 public:
  /// cuBLAS may otherwise add parts of a bf16 product in bf16.
  CublasHandle() : CublasHandle(created()) {
    constexpr int kMode = CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    check_cublas(cublasSetMathMode(handle_, static_cast<cublasMath_t>(kMode)), "cublasSetMathMode");
  }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  ~CublasHandle() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

 private:
  explicit CublasHandle(cublasHandle_t handle) : handle_(handle) {}
  static cublasHandle_t created() {
    cublasHandle_t handle = nullptr;
    check_cublas(cublasCreate(&handle), "cublasCreate");
    return handle;
  }

  cublasHandle_t handle_;
};

constexpr int kFinishThreads = 256;

}  // namespace

/// c[i] = residual[i] + activation(c[i] + bias[i % N]): what cuBLAS leaves to do
/// shapes  c: [batch, M, N] contiguous                      dtype   T storage, compute_t<T>
/// launch  grid-stride, block = 256
/// edges   any extent
/// error   that of the activation; bf16 is rounded a second time
/// cost    2 * size * sizeof(T) bytes, and as much again for a residual; memory bound
template <class T>
__global__ void __launch_bounds__(kFinishThreads)
    matmul_finish(T* c, std::int64_t size, std::int64_t columns, Epilogue<T> epilogue) {
  launch_bound(kFinishThreads);
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kFinishThreads;
  for (std::int64_t i = blockIdx.x * std::int64_t{kFinishThreads} + threadIdx.x; i < size;
       i += stride) {
    c[i] = static_cast<T>(epilogue.finish(static_cast<compute_t<T>>(c[i]), i, i % columns));
  }
}

void matmul_cublas(Stream& s, const View& a, const View& b, const View& c,
                   const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  const BlasMatrix a_layout(p.a, p.m, p.k), b_layout(p.b, p.k, p.n);
  if (p.k == 0 || !a_layout.valid || !b_layout.valid) return matmul_own(s, a, b, c, options);
  static thread_local CublasHandle handle;
  check_cublas(cublasSetStream(handle, static_cast<cudaStream_t>(s.native())), "cublasSetStream");
  const auto operation = [](const BlasMatrix& x) {
    return x.transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  const auto alpha = static_cast<float>(options.alpha), beta = static_cast<float>(options.beta);
  const cudaDataType_t type = c.dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
  // cuBLAS counts down columns: what it sees of a row-major x is x's transpose, so it is asked for
  // c' = b' * a'.
  check_cublas(
      cublasGemmStridedBatchedEx_64(
          handle, operation(b_layout), operation(a_layout), p.n, p.m, p.k, &alpha, b.data, type,
          b_layout.leading, p.b.batch, a.data, type, a_layout.leading, p.a.batch, &beta, c.data,
          type, p.n, p.m * p.n, p.batch,
          options.tf32 && c.dtype == DType::f32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
          CUBLAS_GEMM_DEFAULT),
      "cublasGemmStridedBatchedEx_64");
  dispatch<float, bf16>("matmul", c.dtype, [&]<class T>() {
    const Epilogue<T> epilogue(options);
    if (epilogue.only_scales()) return;
    const std::int64_t size = p.batch * p.m * p.n;
    const auto blocks = std::min<std::int64_t>(ceil_div(size, kFinishThreads), 1 << 14);
    launch(s, {.grid = grid_of(blocks), .block = dim3(kFinishThreads)}, matmul_finish<T>, c.as<T>(),
           size, p.n, epilogue);
  });
}

}  // namespace etude

#endif
