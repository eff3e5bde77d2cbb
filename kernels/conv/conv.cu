#include "kernels/conv/conv.h"

#include "kernels/conv/conv_cudnn.h"
#include "kernels/conv/ladder/0_direct.cuh"
#include "kernels/conv/ladder/1_shared_tile.cuh"
#include "kernels/conv/ladder/2_implicit_gemm.cuh"
#include "kernels/conv/ladder/3_mma.cuh"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {
namespace {

using namespace conv_ladder;

template <class T>
void forward_direct(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                    const ConvEpilogue& e) {
  launch(s, thread_per_element(y), direct_forward_kernel<T>, ConvProblem(x, w, y, p), x.as<T>(),
         w.as<T>(), y.as<T>(), epilogue_of<T>(e));
}

void forward_shared_tile(Stream& s, const View& x, const View& w, const View& y,
                         const ConvParams& p) {
  run_shared_patches(s, ConvProblem(x, w, y, p), x.as<float>(), w.as<float>(), y.as<float>());
}

template <class T>
Forward<T> forward_product(const View& x, const View& w, const View& y, const ConvParams& p,
                           const ConvEpilogue& e) {
  return {ConvShape(ConvProblem(x, w, y, p)), x.as<T>(), w.as<T>(), y.as<T>(), epilogue_of<T>(e)};
}

void forward_gemm(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                  const ConvEpilogue& e) {
  run_register_product(s, forward_product<float>(x, w, y, p, e), static_cast<int>(p.groups),
                       statistics_of(e));
}

template <class T>
void forward_mma(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                 const ConvEpilogue& e) {
  run_mma_product(s, forward_product<T>(x, w, y, p, e), static_cast<int>(p.groups),
                  statistics_of(e));
}

/// As a rung: without an epilogue.
template <auto Run>
void plain(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  Run(s, x, w, y, p, {});
}

template <class T>
void weight_grad_direct(Stream& s, const View& x, const View& dy, const View& dw,
                        const ConvParams& p) {
  launch(s, thread_per_element(dw), direct_weight_grad_kernel<T>, ConvProblem(x, dw, dy, p),
         x.as<T>(), dy.as<T>(), dw.as<T>());
}

template <class T>
WeightGrad<T> weight_grad_product(const View& x, const View& dy, const View& dw,
                                  const ConvParams& p) {
  return {ConvShape(ConvProblem(x, dw, dy, p)), x.as<T>(), dy.as<T>(), dw.as<T>()};
}

void weight_grad_gemm(Stream& s, const View& x, const View& dy, const View& dw,
                      const ConvParams& p) {
  run_register_product(s, weight_grad_product<float>(x, dy, dw, p), static_cast<int>(p.groups));
}

template <class T>
void weight_grad_mma(Stream& s, const View& x, const View& dy, const View& dw,
                     const ConvParams& p) {
  run_mma_product(s, weight_grad_product<T>(x, dy, dw, p), static_cast<int>(p.groups));
}

constexpr const char* kMmaIdea = "the implicit product on tensor cores, loads under way meanwhile";

constexpr ConvRung kForward[] = {
    {"direct", "one thread per element of y", plain<forward_direct<float>>},
    {"shared_tile", "patches and taps in shared memory", forward_shared_tile},
    {"implicit_gemm", "register tiles over the unstored matrix of columns", plain<forward_gemm>},
    {"mma_tf32", kMmaIdea, plain<forward_mma<float>>, DType::f32, 0x1p-11},
    {"direct_bf16", "one thread per element of y", plain<forward_direct<bf16>>, DType::bf16},
    {"mma_bf16", kMmaIdea, plain<forward_mma<bf16>>, DType::bf16},
#ifdef ETUDE_HAVE_CUDNN
    {"cudnn", "NVIDIA's library, in full f32", cudnn_conv},
    {"cudnn_tf32", "NVIDIA's library", cudnn_conv_tf32, DType::f32, 0x1p-11},
    {"cudnn_bf16", "NVIDIA's library", cudnn_conv, DType::bf16},
#endif
};
constexpr ConvRung kWeightGrad[] = {
    {"direct", "one thread per element of dw", weight_grad_direct<float>},
    {"implicit_gemm", "register tiles over the unstored matrix of columns, the depth split",
     weight_grad_gemm},
    {"mma_tf32", kMmaIdea, weight_grad_mma<float>, DType::f32, 0x1p-11},
    {"direct_bf16", "one thread per element of dw", weight_grad_direct<bf16>, DType::bf16},
    {"mma_bf16", kMmaIdea, weight_grad_mma<bf16>, DType::bf16},
#ifdef ETUDE_HAVE_CUDNN
    {"cudnn", "NVIDIA's library, in full f32", cudnn_conv_weight_grad},
    {"cudnn_tf32", "NVIDIA's library", cudnn_conv_weight_grad_tf32, DType::f32, 0x1p-11},
    {"cudnn_bf16", "NVIDIA's library", cudnn_conv_weight_grad, DType::bf16},
#endif
};

}  // namespace

std::span<const ConvRung> conv_rungs() { return kForward; }
std::span<const ConvRung> conv_input_grad_rungs() { return conv_transpose_rungs(); }
std::span<const ConvRung> conv_weight_grad_rungs() { return kWeightGrad; }

// A tile has 64 rows, the output channels of one group: with fewer than 8 (depthwise, say) most of
// it would be empty, and one thread per element does less work. Statistics come from tiles, so they
// take the tiles all the same. From there on, tensor cores where the dtype allows them.
void gpu::conv_fused(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
                     const ConvEpilogue& e) {
  detail::check_conv_gpu_dtype("conv_fused", y);
  const bool few = y.dim(1) < 8 * p.groups && !e.mean.data;
  if (y.dtype == DType::bf16)
    (few ? forward_direct<bf16> : forward_mma<bf16>)(s, x, w, y, p, e);
  else if (few)
    forward_direct<float>(s, x, w, y, p, e);
  else
    (p.tf32 ? forward_mma<float> : forward_gemm)(s, x, w, y, p, e);
}

void gpu::conv(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  detail::check_conv_gpu_dtype("conv", y);
  gpu::conv_fused(s, x, w, y, p, {});
}

void gpu::conv_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                          const ConvParams& p) {
  detail::check_conv_gpu_dtype("conv_input_grad", dx);
  gpu::conv_transpose(s, dy, w, dx, {p});
}

// Here too the rows of a tile are the output channels of one group. But a thread per element of dw
// walks over all images and positions alone, so where dw has fewer elements than each of them has
// terms, few threads have long chains: 3 filters of 64 x 3 x 3 on 32 images of 28 x 28 are 7
// blocks, 25 088 terms each. Tiles, mostly empty, but with their depth split over 256 blocks,
// should be quicker. (Depthwise, 256 channels of the same images: as many blocks, 16 terms a step.)
void gpu::conv_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                           const ConvParams& p) {
  detail::check_conv_gpu_dtype("conv_weight_grad", dw);
  const std::int64_t depth = dy.dim(0) * dy.dim(2) * dy.dim(3);
  const bool few = dy.dim(1) < 8 * p.groups && dw.numel() >= depth;
  if (dw.dtype == DType::bf16)
    (few ? weight_grad_direct<bf16> : weight_grad_mma<bf16>)(s, x, dy, dw, p);
  else if (few)
    weight_grad_direct<float>(s, x, dy, dw, p);
  else
    (p.tf32 ? weight_grad_mma<float> : weight_grad_gemm)(s, x, dy, dw, p);
}

}  // namespace etude
