#pragma once
// Bottleneck before: every multiplication reads both of its factors from global memory.
// Idea: the tiled product of conv's ladder, with another look-up: a column is a position of the
// result, and the depth runs over the channels and taps that may reach it.
// Predicted: 10 to 20 times the gather rung. With stride 2 three of four looked-up elements are the
// zeros between the rows and columns of x: they are multiplied all the same.

#include "kernels/conv/ladder/2_implicit_gemm.cuh"

namespace etude::conv_ladder {

/// Images with stride - 1 zeros between their rows and columns, as a transposed window reads them.
template <class T>
struct SpreadPatches {
  const T* data;
  int P, Q, stride_h, stride_w;

  /// The element at a place whose offset is that of its plane alone; null in zeros and padding.
  __device__ const T* at(const Place& i) const {
    if (i.h < 0 || i.w < 0 || i.h % stride_h != 0 || i.w % stride_w != 0) return nullptr;
    const int p = i.h / stride_h, q = i.w / stride_w;
    return p < P && q < Q ? data + i.offset + p * Q + q : nullptr;
  }
};

/// dx: rows = C/groups, columns = (b,h,w), depth = (k,r,s). See Product.
template <class T>
struct InputGrad {
  using Element = T;
  static constexpr bool kColumnsFast = true;
  ConvShape n;
  SpreadPatches<T> b;
  Elements<T> a;
  T* result;
  int rows, columns, depth;
  Radix depth_radix, column_radix;
  ChannelEpilogue<T> epilogue = {};

  InputGrad(const ConvShape& shape, const T* dy, const T* w, T* dx)
      : n(shape),
        b{dy, n.P, n.Q, n.stride_h, n.stride_w},
        a{w},
        result(dx),
        rows(n.Cg),
        columns(n.B * n.H * n.W),
        depth(n.Kg * n.taps()),
        depth_radix{n.R, n.S},
        column_radix{n.H, n.W} {}

  HOST_DEVICE int phases() const { return 1; }
  __device__ const InputGrad& phase(int) const { return *this; }
  __device__ Place a_row(int group, int c) const {
    return a.place((group * n.Kg * n.Cg + c) * n.taps());
  }
  __device__ Place a_depth(const Digits& d) const {
    return a.place((d.outer * n.Cg * n.R + d.mid) * n.S + d.inner);
  }
  __device__ Place b_column(int group, int column) const {
    const Digits i = column_radix.digits(column);
    const int planes = i.outer * n.K + group * n.Kg;
    return {static_cast<std::uint32_t>(planes * n.positions()), i.mid + n.pad_h, i.inner + n.pad_w};
  }
  __device__ Place b_depth(const Digits& d) const {
    return {static_cast<std::uint32_t>(d.outer * n.positions()), -d.mid * n.dilation_h,
            -d.inner * n.dilation_w};
  }
  __device__ int result_row(int group, int c) const { return (group * rows + c) * n.H * n.W; }
  __device__ int result_column(int column) const {
    const Digits i = column_radix.digits(column);
    return (i.outer * n.C * n.H + i.mid) * n.W + i.inner;
  }
};

}  // namespace etude::conv_ladder
