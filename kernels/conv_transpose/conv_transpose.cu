#include "kernels/conv_transpose/conv_transpose.h"

#include "kernels/conv/conv_cudnn.h"
#include "kernels/conv_transpose/ladder/0_gather.cuh"
#include "kernels/conv_transpose/ladder/1_implicit_gemm.cuh"
#include "kernels/conv_transpose/ladder/2_phases.cuh"
#include "kernels/conv_transpose/ladder/3_phases_mma.cuh"

namespace etude {
namespace {

using namespace conv_ladder;

// The convolution whose input gradient this is has y for its input and x for its output.

template <class T>
void gather(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
            const ConvEpilogue& e) {
  launch(s, {.grid = grid_of(ceil_div(y.numel(), kGatherThreads)), .block = dim3(kGatherThreads)},
         gather_kernel<T>, ConvProblem(y, w, x, p), x.as<T>(), w.as<T>(), y.as<T>(),
         epilogue_of<T>(e));
}

void implicit_gemm(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  const InputGrad<float> product(ConvShape(ConvProblem(y, w, x, p)), x.as<float>(), w.as<float>(),
                                 y.as<float>());
  run_register_product(s, product, static_cast<int>(p.groups));
}

template <class T>
Phases<T> phases_of(const View& x, const View& w, const View& y, const ConvParams& p,
                    const ConvEpilogue& e) {
  return {ConvShape(ConvProblem(y, w, x, p)), x.as<T>(), w.as<T>(), y.as<T>(), epilogue_of<T>(e)};
}

void phases(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
            const ConvEpilogue& e) {
  run_register_product(s, phases_of<float>(x, w, y, p, e), static_cast<int>(p.groups),
                       statistics_of(e));
}

template <class T>
void phases_mma(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                const ConvEpilogue& e) {
  run_mma_product(s, phases_of<T>(x, w, y, p, e), static_cast<int>(p.groups), statistics_of(e));
}

/// As a rung: without an epilogue.
template <auto Run>
void plain(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  Run(s, x, w, y, p, {});
}

constexpr const char* kMmaIdea = "the phases on tensor cores, loads under way meanwhile";

constexpr ConvRung kRungs[] = {
    {"gather", "one thread per element of y", plain<gather<float>>},
    {"implicit_gemm", "register tiles over the unstored matrix of columns", implicit_gemm},
    {"phases", "a product per output phase: no inserted zeros", plain<phases>},
    {"phases_mma_tf32", kMmaIdea, plain<phases_mma<float>>, DType::f32, 0x1p-11},
    {"gather_bf16", "one thread per element of y", plain<gather<bf16>>, DType::bf16},
    {"phases_mma_bf16", kMmaIdea, plain<phases_mma<bf16>>, DType::bf16},
#ifdef ETUDE_HAVE_CUDNN
    {"cudnn", "NVIDIA's library, in full f32", cudnn_conv_transpose},
    {"cudnn_tf32", "NVIDIA's library", cudnn_conv_transpose_tf32, DType::f32, 0x1p-11},
    {"cudnn_bf16", "NVIDIA's library", cudnn_conv_transpose, DType::bf16},
#endif
};

}  // namespace

std::span<const ConvRung> conv_transpose_rungs() { return kRungs; }

// As in conv: fewer than 8 output channels in a group leave most of a tile empty; statistics take
// the tiles all the same; tensor cores where the dtype allows them. With stride 1 there is one
// phase.
void gpu::conv_transpose_fused(Stream& s, const View& x, const View& w, const View& y,
                               const ConvTransposeParams& p, const ConvEpilogue& e) {
  detail::check_conv_gpu_dtype("conv_transpose_fused", y);
  const bool few = y.dim(1) < 8 * p.groups && !e.mean.data;
  if (y.dtype == DType::bf16)
    (few ? gather<bf16> : phases_mma<bf16>)(s, x, w, y, p, e);
  else if (few)
    gather<float>(s, x, w, y, p, e);
  else
    (p.tf32 ? phases_mma<float> : phases)(s, x, w, y, p, e);
}

void gpu::conv_transpose(Stream& s, const View& x, const View& w, const View& y,
                         const ConvTransposeParams& p) {
  detail::check_conv_gpu_dtype("conv_transpose", y);
  gpu::conv_transpose_fused(s, x, w, y, p, {});
}

void gpu::conv_transpose_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                                    const ConvTransposeParams& p) {
  detail::check_conv_gpu_dtype("conv_transpose_input_grad", dx);
  gpu::conv(s, dy, w, dx, p);
}

void gpu::conv_transpose_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                                     const ConvTransposeParams& p) {
  detail::check_conv_gpu_dtype("conv_transpose_weight_grad", dw);
  gpu::conv_weight_grad(s, dy, x, dw, p);
}

}  // namespace etude
