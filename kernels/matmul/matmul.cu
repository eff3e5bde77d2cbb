#include "kernels/matmul/matmul.h"

#include <vector>

#include "kernels/matmul/ladder/0_naive.cuh"
#include "kernels/matmul/ladder/1_shared_tile.cuh"
#include "kernels/matmul/ladder/2_register_tile.cuh"
#include "kernels/matmul/ladder/3_vectorised.cuh"
#include "kernels/matmul/ladder/4_mma.cuh"
#include "kernels/matmul/matmul_cublas.h"
#include "kernels/matmul/matmul_hopper.h"

namespace etude {

std::span<const MatmulRung> matmul_rungs() {
  using namespace matmul_ladder;
  static const std::vector<MatmulRung> rungs = [] {
    std::vector<MatmulRung> all{
        {"naive", "one thread per element of c", run_naive<float>},
        {"shared_tile", "tiles of a and b in shared memory", run_shared_tile<float>},
        {"register_tile", "8 x 8 elements of c per thread", run_register_tile<float>},
        {"vectorised", "16-byte loads, the next tiles on their way", run_vectorised<float>},
        {"mma_tf32", "tensor cores, four stages", run_mma<float>, DType::f32, 0x1p-11},
        {"mma_bf16", "tensor cores, four stages", run_mma<bf16>, DType::bf16}};
    if (hopper_available()) {
      all.push_back({"hopper_wgmma", "wgmma fed by TMA", matmul_hopper, DType::bf16});
    }
#ifdef ETUDE_HAVE_CUBLAS
    all.push_back({"cublas", "NVIDIA's library", matmul_cublas});
    const auto tf32 = [](Stream& s, const View& a, const View& b, const View& c,
                         const MatmulOptions& options) {
      MatmulOptions rounded = options;
      rounded.tf32 = true;
      matmul_cublas(s, a, b, c, rounded);
    };
    const char* on_tensor_cores = "NVIDIA's library on tensor cores";
    all.push_back({"cublas_tf32", on_tensor_cores, tf32, DType::f32, 0x1p-11});
    all.push_back({"cublas_bf16", on_tensor_cores, matmul_cublas, DType::bf16});
#endif
    return all;
  }();
  return rungs;
}

/// By the shorter side of c, as all rungs compute whole tiles: a rung is taken where it is expected
/// to be the faster one even with the rest of its tiles wasted. Tensor cores outrun the other units
/// by so much that this is from an eighth of a tile on; a vectorised tile must be half full.
void matmul_own(Stream& s, const View& a, const View& b, const View& c,
                const MatmulOptions& options) {
  using namespace matmul_ladder;
  const MatmulProblem p = matmul_problem(a, b, c, options);
  const std::int64_t side = std::min(p.m, p.n);
  const auto small = [&]<class T>() {
    return side >= kSharedTile / 2 ? run_shared_tile<T> : run_naive<T>;
  };
  const auto rung = c.dtype == DType::bf16
                        ? side >= kMmaTile / 8 ? run_mma<bf16> : small.operator()<bf16>()
                    : options.tf32 && side >= kMmaTile / 8 ? run_mma<float>
                    : side >= kVectorTile / 2              ? run_vectorised<float>
                                                           : small.operator()<float>();
  rung(s, a, b, c, options);
}

void gpu::matmul(Stream& s, const View& a, const View& b, const View& c,
                 const MatmulOptions& options) {
  require(c.dtype == DType::f32 || c.dtype == DType::bf16, "matmul: dtype ", name_of(c.dtype),
          " is not supported on the gpu");
  if constexpr (kHaveCublas) {
    matmul_cublas(s, a, b, c, options);
  } else {
    matmul_own(s, a, b, c, options);
  }
}

}  // namespace etude
