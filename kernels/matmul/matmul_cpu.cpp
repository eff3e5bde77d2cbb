#include "kernels/matmul/problem.h"

#ifdef ETUDE_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

namespace etude {

#ifdef ETUDE_HAVE_ONEDNN
namespace {

/// Up to here oneDNN's fixed cost of about 0.3 us a call outweighs its faster inner loop.
constexpr std::int64_t kTinyProduct = 16 * 16 * 16;

void multiply_onednn(const MatmulProblem& p, const BlasMatrix& a_layout, const BlasMatrix& b_layout,
                     const View& a, const View& b, const View& c, const MatmulOptions& options) {
  const float *a_data = a.as<float>(), *b_data = b.as<float>();
  float* c_data = c.as<float>();
  const auto multiply = [&](std::int64_t i) {
    return dnnl_sgemm(a_layout.transposed ? 'T' : 'N', b_layout.transposed ? 'T' : 'N', p.m, p.n,
                      p.k, static_cast<float>(options.alpha), a_data + i * p.a.batch,
                      a_layout.leading, b_data + i * p.b.batch, b_layout.leading,
                      static_cast<float>(options.beta), c_data + i * p.m * p.n, p.n);
  };
  // Many products: one per thread. Few: oneDNN shares out each of them.
  const int threads = p.batch >= matmul_threads(p) ? matmul_threads(p) : 1;
  int status = dnnl_success;
  if (threads == 1) {
    for (std::int64_t i = 0; i < p.batch; ++i) status = std::max<int>(status, multiply(i));
  } else {
#pragma omp parallel for schedule(static) num_threads(threads) reduction(max : status)
    for (std::int64_t i = 0; i < p.batch; ++i) status = std::max<int>(status, multiply(i));
  }
  require(status == dnnl_success, "matmul: dnnl_sgemm failed with status ", status, " on ", a.shape,
          " x ", b.shape);
}

}  // namespace
#endif

void cpu::matmul(Stream& s, const View& a, const View& b, const View& c,
                 const MatmulOptions& options) {
#ifdef ETUDE_HAVE_ONEDNN
  const MatmulProblem p = matmul_problem(a, b, c, options);
  const BlasMatrix a_layout(p.a, p.m, p.k), b_layout(p.b, p.k, p.n);
  if (c.dtype == DType::f32 && !p.empty() && p.m * p.n * p.k > kTinyProduct && a_layout.valid &&
      b_layout.valid) {
    return multiply_onednn(p, a_layout, b_layout, a, b, c, options);
  }
#endif
  matmul_plain(s, a, b, c, options);
}

}  // namespace etude
