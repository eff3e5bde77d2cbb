#pragma once
// Bottleneck before: with stride t, t^2 - 1 of t^2 multiplications are with the zeros between the
// rows and columns of x.
// Idea: along an axis, tap r of x's element p reaches position h = p stride - pad + r dilation. So
// only taps with r dilation = h + pad (mod stride) reach h: the same taps for all h of one phase
// f = (h + pad) mod stride. Each of the stride_h * stride_w phases of the result is a convolution
// with a part of the taps, stride 1 and no zeros; all of them are one launch of conv's product, a
// phase per z of its grid.
// Predicted: stride^2 times the implicit product, less what the surplus tiles of the smaller phases
// and depths below one step cost.

#include <numeric>

#include "kernels/conv/ladder/2_implicit_gemm.cuh"

namespace etude::conv_ladder {

/// What all phases of one axis share. With g = gcd(stride, dilation), every (stride / g)-th tap
/// belongs to the same phase, and from one to the next the tap moves dilation / g elements in x.
struct PhasedAxis {
  int extent, taps, stride, pad, dilation;
  int common;   // g
  int inverse;  // of dilation / g, modulo stride / g

  PhasedAxis() = default;
  PhasedAxis(int extent_, int taps_, int stride_, int pad_, int dilation_)
      : extent(extent_),
        taps(taps_),
        stride(stride_),
        pad(pad_),
        dilation(dilation_),
        common(std::gcd(stride_, dilation_)),
        inverse(0) {
    const int step = stride / common;
    while (step > 1 && static_cast<std::int64_t>(dilation / common) % step * inverse % step != 1) {
      ++inverse;
    }
  }
  HOST_DEVICE int tap_step() const { return stride / common; }
};

/// Phase f of an axis: positions first + i stride (i < count) sum over taps first_tap + j tap_step
/// (j < taps), whose element of x is i + shift - j dilation / g.
struct AxisPhase {
  int first, count, first_tap, taps, shift;

  HOST_DEVICE AxisPhase(const PhasedAxis& axis, int f) {
    const int step = axis.tap_step();
    first = (f + axis.stride - axis.pad % axis.stride) % axis.stride;
    count = first < axis.extent ? (axis.extent - first + axis.stride - 1) / axis.stride : 0;
    first_tap = static_cast<int>(static_cast<std::int64_t>(f / axis.common) * axis.inverse % step);
    const bool reached = f % axis.common == 0 && first_tap < axis.taps;
    taps = reached ? (axis.taps - first_tap + step - 1) / step : 0;
    shift = reached ? (first + axis.pad - first_tap * axis.dilation) / axis.stride : 0;
  }
};

/// One phase of dx: rows = C/groups, columns = (b,i,j), depth = (k, j_h, j_w). See Product.
template <class T>
struct Phase {
  using Element = T;
  static constexpr bool kColumnsFast = true;
  Patches<T> b;
  Elements<T> a;
  T* result;
  int rows, columns, depth, Kg, C, H, W, S, taps, first_tap, step_h, step_w, first, stride_h,
      stride_w;
  Radix depth_radix, column_radix;
  ChannelEpilogue<T> epilogue;

  __device__ Place a_row(int group, int c) const {
    return a.place((group * Kg * rows + c) * taps + first_tap);
  }
  __device__ Place a_depth(const Digits& d) const {
    return a.place(d.outer * rows * taps + d.mid * step_h * S + d.inner * step_w);
  }
  __device__ Place b_column(int group, int column) const {
    return b.position(column_radix.digits(column)) +
           Place{static_cast<std::uint32_t>(group * Kg * b.H * b.W), 0, 0};
  }
  __device__ Place b_depth(const Digits& d) const { return b.tap(d, 0); }
  __device__ int result_row(int group, int c) const { return (group * rows + c) * H * W; }
  __device__ int result_column(int column) const {
    const Digits i = column_radix.digits(column);
    return i.outer * C * H * W + i.mid * stride_h * W + i.inner * stride_w + first;
  }
};

/// dx of a convolution, all phases; rows, columns and depth are those of the largest.
template <class T>
struct Phases {
  using Element = T;
  static constexpr bool kColumnsFast = true;
  ConvShape n;
  PhasedAxis h, w;
  Elements<T> a;
  const T* dy;
  T* result;
  int rows, columns, depth;
  ChannelEpilogue<T> epilogue;

  Phases(const ConvShape& shape, const T* dy_, const T* w_, T* dx,
         const ChannelEpilogue<T>& epilogue_ = {})
      : n(shape),
        h(n.H, n.R, n.stride_h, n.pad_h, n.dilation_h),
        w(n.W, n.S, n.stride_w, n.pad_w, n.dilation_w),
        a{w_},
        dy(dy_),
        result(dx),
        rows(n.Cg),
        columns(n.B * ceil_div(n.H, n.stride_h) * ceil_div(n.W, n.stride_w)),
        depth(n.Kg * ceil_div(n.R, h.tap_step()) * ceil_div(n.S, w.tap_step())),
        epilogue(epilogue_) {
    const std::int64_t count = std::int64_t{n.stride_h} * n.stride_w;
    require(count < 65536, "conv_transpose: strides of ", n.stride_h, " x ", n.stride_w, " make ",
            count, " phases, a grid has at most 65535");
  }

  HOST_DEVICE int phases() const { return n.stride_h * n.stride_w; }
  __device__ Phase<T> phase(int f) const {
    const AxisPhase ph(h, f / n.stride_w), pw(w, f % n.stride_w);
    Phase<T> one;
    one.b.data = dy;
    one.b.C = n.K, one.b.H = n.P, one.b.W = n.Q;
    one.b.stride_h = one.b.stride_w = 1;
    one.b.pad_h = -ph.shift, one.b.pad_w = -pw.shift;
    one.b.dilation_h = -n.dilation_h / h.common, one.b.dilation_w = -n.dilation_w / w.common;
    one.a = a;
    one.result = result;
    one.rows = rows;
    one.columns = n.B * ph.count * pw.count;
    one.depth = n.Kg * ph.taps * pw.taps;
    one.Kg = n.Kg, one.C = n.C, one.H = n.H, one.W = n.W, one.S = n.S, one.taps = n.taps();
    one.first_tap = ph.first_tap * n.S + pw.first_tap;
    one.step_h = h.tap_step(), one.step_w = w.tap_step();
    one.first = ph.first * n.W + pw.first;
    one.stride_h = n.stride_h, one.stride_w = n.stride_w;
    one.depth_radix = {max(1, ph.taps), max(1, pw.taps)};
    one.column_radix = {max(1, ph.count), max(1, pw.count)};
    one.epilogue = epilogue;
    return one;
  }

 private:
  static int ceil_div(int a, int b) { return (a + b - 1) / b; }
};

}  // namespace etude::conv_ladder
