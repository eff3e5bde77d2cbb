#include "kernels/matmul/matmul_hopper.h"

#include "kernels/matmul/matmul_cublas.h"

#ifdef __CUDACC__

#include "kernels/matmul/ladder/5_hopper.cuh"

namespace etude {
namespace {

CUtensorMap map_of(const View& x, const HopperOperand& o, std::int64_t batch) {
  return panel_map(x.as<bf16>(), o.along, o.across, o.shared ? 1 : batch, o.line_bytes,
                   o.batch_bytes);
}

}  // namespace

bool hopper_available() {
  int device = 0, major = 0, minor = 0;
  cudaFuncAttributes loaded{};
  const bool known =
      cudaGetDevice(&device) == cudaSuccess &&
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess &&
      major == 9 && minor == 0 &&
      cudaFuncGetAttributes(&loaded, matmul_ladder::matmul_hopper_tiles<Major::k, Major::k>) ==
          cudaSuccess;
  cudaGetLastError();  // no card, no code for it: an answer, not an error
  // Code for other architectures has an empty body, which takes a handful of registers.
  return known && loaded.numRegs > 64;
}

void matmul_hopper(Stream& s, const View& a, const View& b, const View& c,
                   const MatmulOptions& options) {
  using namespace matmul_ladder;
  if (!matmul_hopper_suits(a, b, c, options) || !hopper_available()) {
    return matmul_own(s, a, b, c, options);
  }
  const MatmulProblem p = matmul_problem(a, b, c, options);
  const HopperOperand x(a, p.a, p.batch, p.m, p.k, true), y(b, p.b, p.batch, p.k, p.n, false);
  const HopperProblem problem{.tiles = HopperTiles(p),
                              .m = static_cast<int>(p.m),
                              .n = static_cast<int>(p.n),
                              .k = static_cast<int>(p.k),
                              .shared_a = x.shared,
                              .shared_b = y.shared};
  const auto run = [&]<Major A, Major B>() {
    const auto kernel = matmul_hopper_tiles<A, B>;
    const std::int64_t resident = resident_blocks(kernel, kHopperThreads, kHopperSmemBytes);
    require(resident > 0, "matmul: the card has no room for a block of ", kHopperThreads,
            " threads and ", kHopperSmemBytes, " bytes of shared memory");
    launch(s,
           {.grid = grid_of(std::min(problem.tiles.count(), resident)),
            .block = dim3(kHopperThreads),
            .shared_bytes = kHopperSmemBytes},
           kernel, map_of(a, x, p.batch), map_of(b, y, p.batch), problem, c.as<bf16>(),
           Epilogue<bf16>(options));
  };
  using enum Major;
  if (x.major == k)
    y.major == k ? run.operator()<k, k>() : run.operator()<k, mn>();
  else
    y.major == k ? run.operator()<mn, k>() : run.operator()<mn, mn>();
}

}  // namespace etude

#else  // wgmma and TMA have no host twins

namespace etude {

bool hopper_available() { return false; }
void matmul_hopper(Stream& s, const View& a, const View& b, const View& c,
                   const MatmulOptions& options) {
  matmul_own(s, a, b, c, options);
}

}  // namespace etude

#endif
