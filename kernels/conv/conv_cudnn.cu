#include "kernels/conv/conv_cudnn.h"

#ifdef ETUDE_HAVE_CUDNN

#include <cudnn.h>

#include "kernels/conv/problem.h"
#include "kernels/conv_transpose/conv_transpose.h"
#include "kernels/core/cuda.h"

namespace etude {
namespace {

void check_cudnn(cudnnStatus_t status, const char* call) {
  require(status == CUDNN_STATUS_SUCCESS, "conv: ", call, ": ", cudnnGetErrorString(status));
}

/// A handle or a descriptor.
template <class T, cudnnStatus_t (*Create)(T*), cudnnStatus_t (*Destroy)(T)>
class Cudnn {
 public:
  Cudnn() { check_cudnn(Create(&object_), "create"); }
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn() { Destroy(object_); }
  operator T() const { return object_; }

 private:
  T object_ = nullptr;
};
using Handle = Cudnn<cudnnHandle_t, cudnnCreate, cudnnDestroy>;
using Tensor =
    Cudnn<cudnnTensorDescriptor_t, cudnnCreateTensorDescriptor, cudnnDestroyTensorDescriptor>;
using Filter =
    Cudnn<cudnnFilterDescriptor_t, cudnnCreateFilterDescriptor, cudnnDestroyFilterDescriptor>;
using Convolution = Cudnn<cudnnConvolutionDescriptor_t, cudnnCreateConvolutionDescriptor,
                          cudnnDestroyConvolutionDescriptor>;

/// The convolution that an operation is or is a gradient of, in cuDNN's terms.
struct Described {
  Tensor x, y;
  Filter w;
  Convolution convolution;
  bool tensor_cores;

  Described(const View& x_view, const View& w_view, const View& y_view, const ConvParams& p,
            bool tf32)
      : tensor_cores(tf32 || x_view.dtype == DType::bf16) {
    const cudnnDataType_t type =
        x_view.dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const auto extent = [](const View& v, int i) { return static_cast<int>(v.dim(i)); };
    const auto number = [](std::int64_t n) { return static_cast<int>(n); };
    for (const auto& [tensor, view] : {std::pair(&x, &x_view), std::pair(&y, &y_view)}) {
      check_cudnn(cudnnSetTensor4dDescriptor(*tensor, CUDNN_TENSOR_NCHW, type, extent(*view, 0),
                                             extent(*view, 1), extent(*view, 2), extent(*view, 3)),
                  "cudnnSetTensor4dDescriptor");
    }
    check_cudnn(cudnnSetFilter4dDescriptor(w, type, CUDNN_TENSOR_NCHW, extent(w_view, 0),
                                           extent(w_view, 1), extent(w_view, 2), extent(w_view, 3)),
                "cudnnSetFilter4dDescriptor");
    check_cudnn(cudnnSetConvolution2dDescriptor(convolution, number(p.pad_h), number(p.pad_w),
                                                number(p.stride_h), number(p.stride_w),
                                                number(p.dilation_h), number(p.dilation_w),
                                                CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
                "cudnnSetConvolution2dDescriptor");
    check_cudnn(cudnnSetConvolutionGroupCount(convolution, number(p.groups)),
                "cudnnSetConvolutionGroupCount");
    set_math(tensor_cores ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH);
  }
  void set_math(cudnnMathType_t math) const {
    check_cudnn(cudnnSetConvolutionMathType(convolution, math), "cudnnSetConvolutionMathType");
  }
};

/// A handle serves one thread at a time and is dear to make: each thread keeps its own.
cudnnHandle_t handle_on(Stream& s) {
  static thread_local Handle handle;
  check_cudnn(cudnnSetStream(handle, static_cast<cudaStream_t>(s.native())), "cudnnSetStream");
  return handle;
}

/// find(handle, room, found, results) names algorithms, best first; run(handle, algorithm,
/// workspace, bytes, one, zero) runs one: the first that gives the same bits every time.
template <class Result, class Find, class Run>
void run_deterministic(Stream& s, const Described& d, Find find, Run run) {
  constexpr int kRoom = 16;
  const cudnnHandle_t handle = handle_on(s);
  Result results[kRoom];
  int found = 0;
  check_cudnn(find(handle, kRoom, &found, results), "finding an algorithm");
  const float one = 1, zero = 0;
  for (const Result& result : std::span(results, static_cast<std::size_t>(found))) {
    if (result.status != CUDNN_STATUS_SUCCESS || result.determinism != CUDNN_DETERMINISTIC)
      continue;
    if (d.tensor_cores) d.set_math(result.mathType);
    void* workspace = result.memory > 0 ? s.scratch(result.memory) : nullptr;
    check_cudnn(run(handle, result.algo, workspace, result.memory, &one, &zero), "a convolution");
    return;
  }
  fail("conv: cuDNN has no deterministic algorithm for these shapes and this dtype");
}

bool empty(const View& a, const View& b, const View& c) {
  return a.numel() == 0 || b.numel() == 0 || c.numel() == 0;
}

void forward(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
             bool tf32) {
  if (empty(x, w, y)) return gpu::conv(s, x, w, y, p);
  const Described d(x, w, y, p, tf32);
  run_deterministic<cudnnConvolutionFwdAlgoPerf_t>(
      s, d,
      [&](cudnnHandle_t handle, auto... out) {
        return cudnnGetConvolutionForwardAlgorithm_v7(handle, d.x, d.w, d.convolution, d.y, out...);
      },
      [&](cudnnHandle_t handle, auto algorithm, void* workspace, std::size_t bytes,
          const float* one, const float* zero) {
        return cudnnConvolutionForward(handle, one, d.x, x.data, d.w, w.data, d.convolution,
                                       algorithm, workspace, bytes, zero, d.y, y.data);
      });
}

void weight_grad(Stream& s, const View& x, const View& dy, const View& dw, const ConvParams& p,
                 bool tf32) {
  if (empty(x, dy, dw)) return gpu::conv_weight_grad(s, x, dy, dw, p);
  const Described d(x, dw, dy, p, tf32);
  run_deterministic<cudnnConvolutionBwdFilterAlgoPerf_t>(
      s, d,
      [&](cudnnHandle_t handle, auto... out) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, d.x, d.y, d.convolution, d.w,
                                                             out...);
      },
      [&](cudnnHandle_t handle, auto algorithm, void* workspace, std::size_t bytes,
          const float* one, const float* zero) {
        return cudnnConvolutionBackwardFilter(handle, one, d.x, x.data, d.y, dy.data, d.convolution,
                                              algorithm, workspace, bytes, zero, d.w, dw.data);
      });
}

/// The convolution has y for its input and x for its output.
void transpose(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
               bool tf32) {
  const auto windows = [](std::int64_t extent, std::int64_t taps, std::int64_t stride,
                          std::int64_t pad, std::int64_t dilation) {
    return (extent + 2 * pad - dilation * (taps - 1) - 1) / stride + 1;
  };
  const bool over_stride =
      windows(y.dim(2), w.dim(2), p.stride_h, p.pad_h, p.dilation_h) != x.dim(2) ||
      windows(y.dim(3), w.dim(3), p.stride_w, p.pad_w, p.dilation_w) != x.dim(3);
  if (empty(x, w, y) || over_stride) return gpu::conv_transpose(s, x, w, y, {p});
  const Described d(y, w, x, p, tf32);
  run_deterministic<cudnnConvolutionBwdDataAlgoPerf_t>(
      s, d,
      [&](cudnnHandle_t handle, auto... out) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, d.w, d.y, d.convolution, d.x,
                                                           out...);
      },
      [&](cudnnHandle_t handle, auto algorithm, void* workspace, std::size_t bytes,
          const float* one, const float* zero) {
        return cudnnConvolutionBackwardData(handle, one, d.w, w.data, d.y, x.data, d.convolution,
                                            algorithm, workspace, bytes, zero, d.x, y.data);
      });
}

}  // namespace

void cudnn_conv(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  forward(s, x, w, y, p, false);
}
void cudnn_conv_tf32(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p) {
  forward(s, x, w, y, p, true);
}
void cudnn_conv_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                            const ConvParams& p) {
  weight_grad(s, x, dy, dw, p, false);
}
void cudnn_conv_weight_grad_tf32(Stream& s, const View& x, const View& dy, const View& dw,
                                 const ConvParams& p) {
  weight_grad(s, x, dy, dw, p, true);
}
void cudnn_conv_transpose(Stream& s, const View& x, const View& w, const View& y,
                          const ConvParams& p) {
  transpose(s, x, w, y, p, false);
}
void cudnn_conv_transpose_tf32(Stream& s, const View& x, const View& w, const View& y,
                               const ConvParams& p) {
  transpose(s, x, w, y, p, true);
}

}  // namespace etude

#endif
