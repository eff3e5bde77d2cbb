#pragma once
// A convolution as a matrix product whose operands are looked up instead of stored: what the
// product kernels of rungs 2 and 3, and those of conv_transpose, know of a convolution.
//
// Per group: result[row, column] = sum_d a[row, d] * b[d, column]. The address of an element is a
// sum of what its row (or column) and what its depth contribute. So a thread that stays with its
// columns while it walks along the depth splits each of its indices into digits once; from then on
// a look-up is three additions and two comparisons.

#include <cstdint>

#include "kernels/conv/ladder/epilogue.cuh"
#include "kernels/conv/problem.h"
#include "kernels/core/cuda.h"

namespace etude::conv_ladder {

/// An index in mixed radix: channel, row and column of a tap; or image, row and column of a
/// position.
struct Digits {
  int outer, mid, inner;
};
struct Radix {
  int mid, inner;  // at least 1

  HOST_DEVICE Digits digits(int i) const { return {i / inner / mid, i / inner % mid, i % inner}; }
  /// a + b, like an odometer: no division.
  HOST_DEVICE Digits sum(Digits a, const Digits& b) const {
    a.inner += b.inner;
    const bool carry = a.inner >= inner;
    if (carry) a.inner -= inner;
    a.mid += b.mid + (carry ? 1 : 0);
    const bool carry_mid = a.mid >= mid;
    if (carry_mid) a.mid -= mid;
    a.outer += b.outer + (carry_mid ? 1 : 0);
    return a;
  }
};

/// What one index contributes to an element's address, and to its row and column in the image,
/// which tell whether it is there at all. (Unsigned: a place outside may wrap, it is not read.)
struct Place {
  std::uint32_t offset;
  int h, w;

  __device__ Place operator+(const Place& other) const {
    return {offset + other.offset, h + other.h, w + other.w};
  }
};
/// Stays outside whatever is added: of rows and columns beyond the result.
__device__ __forceinline__ Place outside() { return {0, -(1 << 30), 0}; }

/// Images [B, C, H, W] as windows read them: the element at tap r of output position p is in row
/// p stride - pad + r dilation.
template <class T>
struct Patches {
  const T* data;
  int C, H, W, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;

  Patches() = default;
  Patches(const T* data_, const ConvShape& n)
      : data(data_),
        C(n.C),
        H(n.H),
        W(n.W),
        stride_h(n.stride_h),
        stride_w(n.stride_w),
        pad_h(n.pad_h),
        pad_w(n.pad_w),
        dilation_h(n.dilation_h),
        dilation_w(n.dilation_w) {}
  /// digits: image, row and column of the output position.
  __device__ Place position(const Digits& i) const {
    return place(static_cast<std::uint32_t>(i.outer) * static_cast<std::uint32_t>(C),
                 i.mid * stride_h - pad_h, i.inner * stride_w - pad_w);
  }
  /// digits: channel (after `first_channel`), row and column of the tap.
  __device__ Place tap(const Digits& i, int first_channel) const {
    return place(static_cast<std::uint32_t>(first_channel + i.outer), i.mid * dilation_h,
                 i.inner * dilation_w);
  }
  /// The element at position + tap; null in the padding.
  __device__ const T* at(const Place& p) const {
    const bool inside = static_cast<unsigned>(p.h) < static_cast<unsigned>(H) &&
                        static_cast<unsigned>(p.w) < static_cast<unsigned>(W);
    return inside ? data + p.offset : nullptr;
  }

 private:
  __device__ Place place(std::uint32_t plane, int h, int w) const {
    const auto rows = plane * static_cast<std::uint32_t>(H) + static_cast<std::uint32_t>(h);
    return {rows * static_cast<std::uint32_t>(W) + static_cast<std::uint32_t>(w), h, w};
  }
};

/// A plain matrix: a place is an offset, and inside unless it is outside().
template <class T>
struct Elements {
  const T* data;

  __device__ static Place place(std::uint32_t offset) { return {offset, 0, 0}; }
  __device__ const T* at(const Place& p) const { return p.h >= 0 ? data + p.offset : nullptr; }
};

/// A product over each group; Product::Element is the storage of all three matrices. `depth_radix`
/// splits depths into their digits. kColumnsFast: neighbouring columns (else neighbouring depths)
/// of b are neighbours in memory; of a, neighbouring depths are. A product with a member `a_run`
/// promises that from any multiple of it on so many depths of a lie in a row.
template <class P>
concept Product = requires(const P p, int i, Digits d, Place place, float v) {
  typename P::Element;
  p.rows, p.columns, p.depth, p.depth_radix, P::kColumnsFast;
  { p.a_row(i, i) } -> std::same_as<Place>;     // group, row
  { p.a_depth(d) } -> std::same_as<Place>;      //
  { p.b_column(i, i) } -> std::same_as<Place>;  // group, column
  { p.b_depth(d) } -> std::same_as<Place>;      //
  { p.a.at(place) } -> std::same_as<const typename P::Element*>;
  { p.b.at(place) } -> std::same_as<const typename P::Element*>;
  { p.result_row(i, i) } -> std::same_as<int>;  // group, row: its part of the result's offset
  { p.result_column(i) } -> std::same_as<int>;
  p.result, p.epilogue;
};

/// y: rows = K/groups, columns = (b,p,q), depth = (c,r,s).
template <class T>
struct Forward {
  using Element = T;
  static constexpr bool kColumnsFast = true;
  Patches<T> b;
  Elements<T> a;
  T* result;
  int rows, columns, depth, a_run, Cg, K, size;
  Radix depth_radix, column_radix;
  ChannelEpilogue<T> epilogue;

  Forward(const ConvShape& n, const T* x, const T* w, T* y,
          const ChannelEpilogue<T>& epilogue_ = {})
      : b(x, n),
        a{w},
        result(y),
        rows(n.Kg),
        columns(n.B * n.positions()),
        depth(n.Cg * n.taps()),
        a_run(depth),
        Cg(n.Cg),
        K(n.K),
        size(n.positions()),
        depth_radix{n.R, n.S},
        column_radix{n.P, n.Q},
        epilogue(epilogue_) {}

  HOST_DEVICE int phases() const { return 1; }
  __device__ const Forward& phase(int) const { return *this; }
  __device__ Place a_row(int group, int k) const { return a.place((group * rows + k) * depth); }
  __device__ Place a_depth(const Digits& d) const {
    return a.place((d.outer * depth_radix.mid + d.mid) * depth_radix.inner + d.inner);
  }
  __device__ Place b_column(int group, int column) const {
    return b.position(column_radix.digits(column)) +
           Place{static_cast<std::uint32_t>(group * Cg * b.H * b.W), 0, 0};
  }
  __device__ Place b_depth(const Digits& d) const { return b.tap(d, 0); }
  __device__ int result_row(int group, int k) const { return (group * rows + k) * size; }
  __device__ int result_column(int column) const {
    return column / size * K * size + column % size;
  }
};

/// dw: rows = K/groups, columns = (c,r,s), depth = (b,p,q).
template <class T>
struct WeightGrad {
  using Element = T;
  static constexpr bool kColumnsFast = false;
  Patches<T> b;
  Elements<T> a;
  T* result;
  int rows, columns, depth, a_run, Cg, K;
  Radix depth_radix, column_radix;
  ChannelEpilogue<T> epilogue = {};

  WeightGrad(const ConvShape& n, const T* x, const T* dy, T* dw)
      : b(x, n),
        a{dy},
        result(dw),
        rows(n.Kg),
        columns(n.Cg * n.taps()),
        depth(n.B * n.positions()),
        a_run(n.positions()),
        Cg(n.Cg),
        K(n.K),
        depth_radix{n.P, n.Q},
        column_radix{n.R, n.S} {}

  HOST_DEVICE int phases() const { return 1; }
  __device__ const WeightGrad& phase(int) const { return *this; }
  __device__ Place a_row(int group, int k) const { return a.place((group * rows + k) * a_run); }
  __device__ Place a_depth(const Digits& d) const {
    // Unsigned, as Place: the last step's places beyond the end may pass 2^31.
    const auto plane = static_cast<std::uint32_t>(d.outer) * static_cast<std::uint32_t>(K);
    return a.place((plane * depth_radix.mid + d.mid) * depth_radix.inner + d.inner);
  }
  __device__ Place b_column(int group, int column) const {
    return b.tap(column_radix.digits(column), group * Cg);
  }
  __device__ Place b_depth(const Digits& d) const { return b.position(d); }
  __device__ int result_row(int group, int k) const { return (group * rows + k) * columns; }
  __device__ int result_column(int column) const { return column; }
};

}  // namespace etude::conv_ladder
