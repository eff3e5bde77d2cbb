#include "kernels/matmul/matmul.h"

#include "kernels/matmul/ladder/0_naive.cuh"
#include "kernels/matmul/ladder/1_shared_tile.cuh"
#include "kernels/matmul/ladder/2_register_tile.cuh"
#include "kernels/matmul/matmul_cublas.h"

namespace etude {

std::span<const MatmulRung> matmul_rungs() {
  static constexpr MatmulRung rungs[] = {
      {"naive", "one thread per element of c", matmul_ladder::run_naive<float>},
      {"shared_tile", "tiles of a and b in shared memory", matmul_ladder::run_shared_tile<float>},
      {"register_tile", "8 x 8 elements of c per thread", matmul_ladder::run_register_tile<float>},
#ifdef ETUDE_HAVE_CUBLAS
      {"cublas", "NVIDIA's library", matmul_cublas},
#endif
  };
  return rungs;
}

/// cuBLAS where there is one; else the highest rung whose tiles c fills at least half.
void gpu::matmul(Stream& s, const View& a, const View& b, const View& c,
                 const MatmulOptions& options) {
  require(c.dtype == DType::f32, "matmul: dtype ", name_of(c.dtype),
          " is not supported on the gpu");
  if constexpr (kHaveCublas) {
    matmul_cublas(s, a, b, c, options);
  } else {
    const MatmulProblem p = matmul_problem(a, b, c, options);
    const std::int64_t side = std::min(p.m, p.n);
    const auto rung =
        side >= matmul_ladder::kRegisterTile / 2 ? matmul_ladder::run_register_tile<float>
        : side >= matmul_ladder::kSharedTile / 2 ? matmul_ladder::run_shared_tile<float>
                                                 : matmul_ladder::run_naive<float>;
    rung(s, a, b, c, options);
  }
}

}  // namespace etude
