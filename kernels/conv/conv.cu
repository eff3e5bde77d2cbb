#include "kernels/conv/conv.h"

#include "kernels/conv/ladder/0_direct.cuh"
#include "kernels/conv/ladder/1_implicit_gemm.cuh"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {
namespace {

LaunchConfig thread_per_element(const View& result) {
  constexpr int threads = conv_direct::kThreads;
  return {.grid = dim3(static_cast<unsigned>((result.numel() + threads - 1) / threads)),
          .block = dim3(threads)};
}

void forward_direct(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  launch(s, thread_per_element(y), conv_direct::forward_kernel, ConvProblem(x, w, y, p),
         x.as<float>(), w.as<float>(), y.as<float>());
}

void forward_gemm(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  conv_gemm::run(
      s, conv_gemm::Forward(ConvProblem(x, w, y, p), x.as<float>(), w.as<float>(), y.as<float>()),
      p.groups);
}

void weight_grad_direct(Stream& s, const View& x, const View& dy, const View& dw,
                        const ConvParams& p) {
  launch(s, thread_per_element(dw), conv_direct::weight_grad_kernel, ConvProblem(x, dw, dy, p),
         x.as<float>(), dy.as<float>(), dw.as<float>());
}

void weight_grad_gemm(Stream& s, const View& x, const View& dy, const View& dw,
                      const ConvParams& p) {
  conv_gemm::run(s,
                 conv_gemm::WeightGrad(ConvProblem(x, dw, dy, p), x.as<float>(), dy.as<float>(),
                                       dw.as<float>()),
                 p.groups);
}

constexpr ConvRung kForward[] = {
    {"direct", "one thread per element of y", forward_direct},
    {"implicit_gemm", "register tiles over the unstored matrix of columns", forward_gemm}};
constexpr ConvRung kWeightGrad[] = {
    {"direct", "one thread per element of dw", weight_grad_direct},
    {"implicit_gemm", "register tiles over the unstored matrix of columns", weight_grad_gemm}};

}  // namespace

std::span<const ConvRung> conv_rungs() { return kForward; }
std::span<const ConvRung> conv_input_grad_rungs() { return conv_transpose_rungs(); }
std::span<const ConvRung> conv_weight_grad_rungs() { return kWeightGrad; }

// A tile has 64 rows, the output channels of one group: with fewer than 8 (depthwise, say) most of
// it would be empty, and one thread per element does less work.
void gpu::conv(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  (y.dim(1) < 8 * p.groups ? forward_direct : forward_gemm)(s, x, w, y, p);
}

void gpu::conv_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                          const ConvParams& p) {
  gpu::conv_transpose(s, dy, w, dx, {p});
}

void gpu::conv_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                           const ConvParams& p) {
  (dy.dim(1) < 8 * p.groups ? weight_grad_direct : weight_grad_gemm)(s, x, dy, dw, p);
}

}  // namespace etude
