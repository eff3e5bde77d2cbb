#include "kernels/conv_transpose/conv_transpose.h"

#include "kernels/conv_transpose/ladder/0_gather.cuh"
#include "kernels/conv_transpose/ladder/1_implicit_gemm.cuh"

namespace etude {
namespace {

// The convolution whose input gradient this is has y for its input and x for its output.

void gather(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  constexpr int threads = conv_transpose_gather::kThreads;
  launch(s,
         {.grid = dim3(static_cast<unsigned>((y.numel() + threads - 1) / threads)),
          .block = dim3(threads)},
         conv_transpose_gather::gather_kernel, ConvProblem(y, w, x, p), x.as<float>(),
         w.as<float>(), y.as<float>());
}

void implicit_gemm(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  conv_gemm::run(
      s, conv_gemm::InputGrad(ConvProblem(y, w, x, p), x.as<float>(), w.as<float>(), y.as<float>()),
      p.groups);
}

constexpr ConvRung kRungs[] = {
    {"gather", "one thread per element of y", gather},
    {"implicit_gemm", "register tiles over the unstored matrix of columns", implicit_gemm}};

}  // namespace

std::span<const ConvRung> conv_transpose_rungs() { return kRungs; }

// As in conv: fewer than 8 output channels in a group leave most of a tile empty.
void gpu::conv_transpose(Stream& s, const View& x, const View& w, const View& y,
                         const ConvTransposeParams& p) {
  (y.dim(1) < 8 * p.groups ? gather : implicit_gemm)(s, x, w, y, p);
}

void gpu::conv_transpose_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                                    const ConvTransposeParams& p) {
  gpu::conv(s, dy, w, dx, p);
}

void gpu::conv_transpose_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                                     const ConvTransposeParams& p) {
  gpu::conv_weight_grad(s, dy, x, dw, p);
}

}  // namespace etude
