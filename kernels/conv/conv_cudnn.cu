#include "kernels/conv/conv_cudnn.h"

#ifdef ETUDE_HAVE_CUDNN

#include <cudnn.h>

#include <array>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "kernels/conv/problem.h"
#include "kernels/conv_transpose/conv_transpose.h"
#include "kernels/core/cuda.h"

namespace etude {
namespace {

/// What cuDNN refuses can be told by "not supported by cuDNN" from what went wrong.
void check_cudnn(cudnnStatus_t status, const char* call) {
  const char* name = cudnnGetErrorString(status);
  const bool refused = std::strstr(name, "NOT_SUPPORTED") != nullptr;
  require(status == CUDNN_STATUS_SUCCESS, "conv: ", refused ? "not supported by cuDNN: " : "", call,
          ": ", name);
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

/// The convolution that an operation is or is a gradient of, in cuDNN's terms, and the algorithms
/// that may compute it.
struct Described {
  struct Choice {
    int algorithm;
    std::size_t bytes;  // of workspace
    cudnnMathType_t math;
  };
  Tensor x, y;
  Filter w;
  Convolution convolution;
  bool tensor_cores;
  std::vector<Choice> choices;  // best first
  std::size_t chosen = 0;
  bool searched = false;

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

/// Of a thread, by operation, dtype, tf32, shapes and parameters: describing and searching takes
/// the host longer than a small layer takes the card, and is done once.
Described& described(int operation, const View& x, const View& w, const View& y,
                     const ConvParams& p, bool tf32) {
  using Key = std::array<std::int64_t, 22>;
  static thread_local std::map<Key, Described> all;
  Key key = {operation,    static_cast<std::int64_t>(x.dtype),
             tf32,         p.stride_h,
             p.stride_w,   p.pad_h,
             p.pad_w,      p.dilation_h,
             p.dilation_w, p.groups};
  std::size_t at = 10;
  for (const View* v : {&x, &w, &y}) {
    for (int d = 0; d < 4; ++d) key[at++] = v->dim(d);
  }
  return all.try_emplace(key, x, w, y, p, tf32).first->second;
}

constexpr std::size_t kMostWorkspace = std::size_t{256} << 20;

/// FFT and Winograd algorithms: their sums and differences of factors (which bf16 would round once
/// more) lose more than the bound of the ladders, so they would be no oracle.
bool transforms(cudnnConvolutionFwdAlgo_t a) {
  return a == CUDNN_CONVOLUTION_FWD_ALGO_FFT || a == CUDNN_CONVOLUTION_FWD_ALGO_FFT_TILING ||
         a == CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD ||
         a == CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD_NONFUSED;
}
bool transforms(cudnnConvolutionBwdFilterAlgo_t a) {
  return a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT ||
         a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_FFT_TILING ||
         a == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_WINOGRAD_NONFUSED;
}
bool transforms(cudnnConvolutionBwdDataAlgo_t a) {
  return a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT ||
         a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_FFT_TILING ||
         a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD ||
         a == CUDNN_CONVOLUTION_BWD_DATA_ALGO_WINOGRAD_NONFUSED;
}

/// find(handle, room, found, results) names algorithms, best first: those that give the same bits
/// every time, round as the bound says and take no more than kMostWorkspace become d.choices.
template <class Result, class Find>
void search(cudnnHandle_t handle, Described& d, Find find) {
  constexpr int kRoom = 16;
  Result results[kRoom];
  int found = 0;
  check_cudnn(find(handle, kRoom, &found, results), "finding an algorithm");
  for (int i = 0; i < found; ++i) {
    const Result& r = results[i];
    if (r.status == CUDNN_STATUS_SUCCESS && r.determinism == CUDNN_DETERMINISTIC &&
        r.memory <= kMostWorkspace && !transforms(r.algo)) {
      d.choices.push_back({static_cast<int>(r.algo), r.memory, r.mathType});
    }
  }
  d.searched = true;
}

/// Null where there is no memory; for the last choice the Error that says so.
void* workspace_of(Stream& s, std::size_t bytes, bool last) {
  try {
    return s.scratch(bytes);
  } catch (const Error& error) {
    if (last || !std::strstr(error.what(), "no memory")) throw;
    return nullptr;
  }
}

/// run(handle, algorithm, workspace, bytes, one, zero) runs one: the first of d.choices that has
/// its workspace and does run. A fault of CUDA ends the search.
template <class Result, class Find, class Run>
void run_deterministic(Stream& s, Described& d, Find find, Run run) {
  const cudnnHandle_t handle = handle_on(s);
  if (!d.searched) search<Result>(handle, d, find);
  const float one = 1, zero = 0;
  cudnnStatus_t status = CUDNN_STATUS_NOT_SUPPORTED;
  for (std::size_t i = d.chosen; i < d.choices.size(); ++i) {
    const Described::Choice& choice = d.choices[i];
    void* workspace = nullptr;
    if (choice.bytes > 0) {
      workspace = workspace_of(s, choice.bytes, i + 1 == d.choices.size());
      if (!workspace) continue;
    }
    if (d.tensor_cores) d.set_math(choice.math);
    status = run(handle, static_cast<decltype(Result::algo)>(choice.algorithm), workspace,
                 choice.bytes, &one, &zero);
    if (status == CUDNN_STATUS_SUCCESS) {
      d.chosen = i;
      return;
    }
    cudaGetLastError();  // of a refused launch: cleared
    s.synchronize();     // throws what lasts
  }
  check_cudnn(status, "no deterministic algorithm without transforms for these shapes and dtype");
}

bool empty(const View& a, const View& b, const View& c) {
  return a.numel() == 0 || b.numel() == 0 || c.numel() == 0;
}

void forward(Stream& s, const View& x, const View& w, const View& y, const ConvParams& p,
             bool tf32) {
  if (empty(x, w, y)) return gpu::conv(s, x, w, y, p);
  Described& d = described(0, x, w, y, p, tf32);
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
  Described& d = described(1, x, dw, dy, p, tf32);
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
  Described& d = described(2, y, w, x, p, tf32);
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
