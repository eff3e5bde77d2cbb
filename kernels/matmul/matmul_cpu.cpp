#include "kernels/matmul/matmul_cpu.h"

#ifdef ETUDE_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

namespace etude {

#ifdef ETUDE_HAVE_ONEDNN
namespace {

/// Up to here oneDNN's fixed cost of a call is expected to outweigh its faster inner loop.
constexpr std::int64_t kTinyProduct = 16 * 16 * 16;
/// Of a band of c, in elements (1 MiB); but no less rows than pay for packing b again.
constexpr std::int64_t kBandSize = 1 << 18, kMinRows = 128;
/// From this depth on our own blocks were faster, most of all where an operand's rows run along it;
/// but not for a result narrower than this.
constexpr std::int64_t kDeep = 1024, kWide = 128;

bool suits_onednn(const MatmulProblem& p) {
  const bool deep = p.batch == 1 && p.k >= kDeep && std::min(p.m, p.n) >= kWide;
  return !p.empty() && p.m * p.n * p.k > kTinyProduct && !deep;
}

void multiply_onednn(const MatmulProblem& p, const BlasMatrix& a_layout, const BlasMatrix& b_layout,
                     const View& a, const View& b, const View& c, const MatmulOptions& options) {
  float* c_data = c.as<float>();
  const Epilogue<float> epilogue(options);
  // With an epilogue c is made in bands of rows, each finished while it is in the cache.
  const std::int64_t band = epilogue.only_scales() ? p.m : std::max(kMinRows, kBandSize / p.n);
  const int threads = matmul_threads(p);
  // Many products: one per thread. Few: oneDNN shares out each of them.
  const bool one_each = p.batch >= threads && threads > 1;
  const auto multiply = [&](std::int64_t i) {
    int status = dnnl_success;
    for (std::int64_t m = 0; m < p.m; m += band) {
      const Block at{(i * p.m + m) * p.n, 0, std::min(band, p.m - m), p.n, p.n};
      status = std::max<int>(
          status,
          dnnl_sgemm(a_layout.transposed ? 'T' : 'N', b_layout.transposed ? 'T' : 'N', at.rows, p.n,
                     p.k, epilogue.alpha, a.as<float>() + i * p.a.batch + m * p.a.row,
                     a_layout.leading, b.as<float>() + i * p.b.batch, b_layout.leading,
                     epilogue.beta, c_data + at.index, p.n));
      if (epilogue.only_scales()) continue;
#pragma omp parallel for schedule(static) num_threads(threads) if (!one_each && threads > 1)
      for (std::int64_t r = 0; r < at.rows; ++r) {
        const std::int64_t index = at.index + r * p.n;
        finish_block(epilogue, c_data + index, p.n, {index, 0, 1, p.n, p.n});
      }
    }
    return status;
  };
  int status = dnnl_success;
  if (one_each) {
#pragma omp parallel for schedule(static) num_threads(threads) reduction(max : status)
    for (std::int64_t i = 0; i < p.batch; ++i) status = std::max<int>(status, multiply(i));
  } else {
    for (std::int64_t i = 0; i < p.batch; ++i) status = std::max<int>(status, multiply(i));
  }
  require(status == dnnl_success, "matmul: dnnl_sgemm failed with status ", status, " on ", a.shape,
          " x ", b.shape);
}

}  // namespace
#endif

void cpu::matmul(Stream& s, const View& a, const View& b, const View& c,
                 const MatmulOptions& options) {
  if (c.dtype == DType::bf16) return matmul_widened(a, b, c, options, matmul);
#ifdef ETUDE_HAVE_ONEDNN
  const MatmulProblem p = matmul_problem(a, b, c, options);
  const BlasMatrix a_layout(p.a, p.m, p.k), b_layout(p.b, p.k, p.n);
  if (c.dtype == DType::f32 && suits_onednn(p) && a_layout.valid && b_layout.valid) {
    return multiply_onednn(p, a_layout, b_layout, a, b, c, options);
  }
#endif
  matmul_plain(s, a, b, c, options);
}

}  // namespace etude
