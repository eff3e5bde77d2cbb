#pragma once
// Bottleneck before: every multiplication reads both of its factors from global memory.
// Idea: a convolution is the product of the weights with the matrix of columns (im2col). Compute it
// as one: a tile of the result per block, 4 x 4 sums per thread, the operands' tiles in shared
// memory. The matrix of columns is never stored: its elements are looked up in x while a tile
// loads. Predicted: each loaded element serves 64 multiplications instead of 1, each element read
// from shared memory 4: 10 to 20 times the direct rung, until shared memory is the limit.

#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_gemm {

constexpr int kThreads = 256;
constexpr int kTile = 64;   // rows and columns of the result per block
constexpr int kDepth = 16;  // of both operands per step
constexpr int kOwn = 4;     // rows and columns per thread

/// A product over each group, whose operands are looked up instead of read from matrices. Rows are
/// channels; kColumnsFast: neighbouring columns (else neighbouring depths) of b are neighbours in
/// memory.
template <class P>
concept Product = requires(const P p, int i, float v) {
  p.rows, p.columns, p.depth, P::kColumnsFast;
  { p.a(i, i, i) } -> std::same_as<float>;  // group, row, depth
  { p.b(i, i, i) } -> std::same_as<float>;  // group, depth, column
  p.store(i, i, i, v);                      // group, row, column
};

/// ConvProblem with the index type of the fast kernels: no tensor has 2^31 elements.
struct Shape {
  int B, C, H, W, K, R, S, P, Q, Cg, Kg;
  int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;

  explicit Shape(const ConvProblem& p)
      : B(narrow(p.B)),
        C(narrow(p.C)),
        H(narrow(p.H)),
        W(narrow(p.W)),
        K(narrow(p.K)),
        R(narrow(p.R)),
        S(narrow(p.S)),
        P(narrow(p.P)),
        Q(narrow(p.Q)),
        Cg(narrow(p.Cg())),
        Kg(narrow(p.Kg())),
        stride_h(narrow(p.stride_h)),
        stride_w(narrow(p.stride_w)),
        pad_h(narrow(p.pad_h)),
        pad_w(narrow(p.pad_w)),
        dilation_h(narrow(p.dilation_h)),
        dilation_w(narrow(p.dilation_w)) {
    narrow(p.B * p.C * p.H * p.W), narrow(p.B * p.K * p.P * p.Q), narrow(p.K * p.Cg() * p.taps());
  }

 private:
  static int narrow(std::int64_t n) {
    require(n < (std::int64_t{1} << 31), "conv: on the gpu a tensor has less than 2^31 elements");
    return static_cast<int>(n);
  }
};

/// x at tap `tap` (of all R*S) of output position `position` (of all P*Q), or 0 in the padding.
__device__ __forceinline__ float read_input(const Shape& n, const float* x, int b, int c, int tap,
                                            int position) {
  const int h = read_position(position / n.Q, tap / n.S, n.stride_h, n.pad_h, n.dilation_h);
  const int w = read_position(position % n.Q, tap % n.S, n.stride_w, n.pad_w, n.dilation_w);
  return h >= 0 && h < n.H && w >= 0 && w < n.W ? x[((b * n.C + c) * n.H + h) * n.W + w] : 0.0f;
}

/// y: rows = K/groups, columns = (b,p,q), depth = (c,r,s).
struct Forward {
  static constexpr bool kColumnsFast = true;
  Shape n;
  const float *x, *w;
  float* y;
  int rows, columns, depth;

  Forward(const ConvProblem& p, const float* x_, const float* w_, float* y_)
      : n(p), x(x_), w(w_), y(y_), rows(n.Kg), columns(n.B * n.P * n.Q), depth(n.Cg * n.R * n.S) {}

  __device__ float a(int group, int k, int d) const { return w[(group * n.Kg + k) * depth + d]; }
  __device__ float b(int group, int d, int column) const {
    const int taps = n.R * n.S, size = n.P * n.Q;
    return read_input(n, x, column / size, group * n.Cg + d / taps, d % taps, column % size);
  }
  __device__ void store(int group, int k, int column, float v) const {
    const int size = n.P * n.Q;
    y[(column / size * n.K + group * n.Kg + k) * size + column % size] = v;
  }
};

/// dw: rows = K/groups, columns = (c,r,s), depth = (b,p,q).
struct WeightGrad {
  static constexpr bool kColumnsFast = false;
  Shape n;
  const float *x, *dy;
  float* dw;
  int rows, columns, depth;

  WeightGrad(const ConvProblem& p, const float* x_, const float* dy_, float* dw_)
      : n(p),
        x(x_),
        dy(dy_),
        dw(dw_),
        rows(n.Kg),
        columns(n.Cg * n.R * n.S),
        depth(n.B * n.P * n.Q) {}

  __device__ float a(int group, int k, int d) const {
    const int size = n.P * n.Q;
    return dy[(d / size * n.K + group * n.Kg + k) * size + d % size];
  }
  __device__ float b(int group, int d, int column) const {
    const int taps = n.R * n.S, size = n.P * n.Q;
    return read_input(n, x, d / size, group * n.Cg + column / taps, column % taps, d % size);
  }
  __device__ void store(int group, int k, int column, float v) const {
    dw[(group * n.Kg + k) * columns + column] = v;
  }
};

/// result[row, column] = sum_d a[row, d] * b[d, column], per group
/// shapes  of the product's operands; any rows, columns, depth       dtype   f32
/// launch  grid = (ceil(columns / 64), ceil(rows / 64), groups), block = 256,
///         shared = 8.5 KiB, 2 barriers per 16 of the depth
/// edges   a tile beyond the result loads zeros and is not stored; depth 0 gives 0
/// error   `depth` additions in one chain, as the direct rung
/// cost    2 * groups * rows * columns * depth flops, (rows + columns) * depth * tiles loads;
///         compute bound from about 64 rows and columns on
/// source  Chetlur et al., "cuDNN: Efficient Primitives for Deep Learning", 2014, section 3
template <Product Problem>
__global__ void __launch_bounds__(kThreads) product_kernel(Problem problem) {
  launch_bound(kThreads);
  struct Smem {
    // One float4 of padding: stores of neighbouring depths fall into different banks.
    alignas(16) float a[kDepth][kTile + 4], b[kDepth][kTile + 4];
  };
  auto& smem = shared<Smem>();
  const int thread = static_cast<int>(threadIdx.x), group = static_cast<int>(blockIdx.z);
  const int first_row = static_cast<int>(blockIdx.y) * kTile;
  const int first_column = static_cast<int>(blockIdx.x) * kTile;
  const int own_row = thread / (kTile / kOwn) * kOwn, own_column = thread % (kTile / kOwn) * kOwn;
  float sum[kOwn][kOwn] = {};
  for (int begin = 0; begin < problem.depth; begin += kDepth) {
#pragma unroll
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int d = i % kDepth, row = i / kDepth;
      const bool inside = first_row + row < problem.rows && begin + d < problem.depth;
      smem.a[d][row] = inside ? problem.a(group, first_row + row, begin + d) : 0.0f;
    }
#pragma unroll
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int d = Problem::kColumnsFast ? i / kTile : i % kDepth;
      const int column = Problem::kColumnsFast ? i % kTile : i / kDepth;
      const bool inside = first_column + column < problem.columns && begin + d < problem.depth;
      smem.b[d][column] = inside ? problem.b(group, begin + d, first_column + column) : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int d = 0; d < kDepth; ++d) {
      const float4 a4 = *reinterpret_cast<const float4*>(&smem.a[d][own_row]);
      const float4 b4 = *reinterpret_cast<const float4*>(&smem.b[d][own_column]);
      const float a[kOwn] = {a4.x, a4.y, a4.z, a4.w}, b[kOwn] = {b4.x, b4.y, b4.z, b4.w};
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
#pragma unroll
        for (int j = 0; j < kOwn; ++j) sum[i][j] += a[i] * b[j];
      }
    }
    __syncthreads();  // all have read: the next step may write
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
#pragma unroll
    for (int j = 0; j < kOwn; ++j) {
      const int row = first_row + own_row + i, column = first_column + own_column + j;
      if (row < problem.rows && column < problem.columns) {
        problem.store(group, row, column, sum[i][j]);
      }
    }
  }
}

template <Product Problem>
void run(Stream& s, const Problem& problem, std::int64_t groups) {
  const auto tiles = [](int n) { return static_cast<unsigned>((n + kTile - 1) / kTile); };
  launch(s,
         {.grid = dim3(tiles(problem.columns), tiles(problem.rows), static_cast<unsigned>(groups)),
          .block = dim3(kThreads)},
         product_kernel<Problem>, problem);
}

}  // namespace etude::conv_gemm
