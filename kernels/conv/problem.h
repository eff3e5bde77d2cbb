#pragma once
// The checked views of a convolution as plain numbers, in one form for every backend and for all
// three operations (and, with x and y exchanged, for the three of conv_transpose).

#include <concepts>

#include "kernels/conv/conv.h"
#include "kernels/core/host_device.h"

namespace etude {

/// x: [B, C, H, W], w: [K, C/groups, R, S], y: [B, K, P, Q]. P and Q are y's own extents: what a
/// transposed convolution pads to its output makes x larger than the windows of y reach.
struct ConvProblem : ConvParams {
  std::int64_t B, C, H, W, K, R, S, P, Q;

  ConvProblem(const View& x, const View& w, const View& y, const ConvParams& params)
      : ConvParams(params),
        B(x.dim(0)),
        C(x.dim(1)),
        H(x.dim(2)),
        W(x.dim(3)),
        K(y.dim(1)),
        R(w.dim(2)),
        S(w.dim(3)),
        P(y.dim(2)),
        Q(y.dim(3)) {}

  /// Channels of one group.
  HOST_DEVICE std::int64_t Cg() const { return C / groups; }
  HOST_DEVICE std::int64_t Kg() const { return K / groups; }
  HOST_DEVICE std::int64_t taps() const { return R * S; }
  double multiplications() const { return 1.0 * B * K * P * Q * Cg() * R * S; }
};

/// ConvProblem with the index type of the faster kernels: no tensor has more than 2^31 - 2^16
/// elements, because tiles and steps reach past the end of what they cover, by less than 2^16.
struct ConvShape {
  int B, C, H, W, K, R, S, P, Q, Cg, Kg;
  int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups;

  explicit ConvShape(const ConvProblem& p)
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
        dilation_w(narrow(p.dilation_w)),
        groups(narrow(p.groups)) {
    narrow(p.B * p.C * p.H * p.W), narrow(p.B * p.K * p.P * p.Q), narrow(p.K * p.Cg() * p.taps());
    narrow(p.W + 2 * p.pad_w);
    require(p.H + 2 * p.pad_h <= std::int64_t{1} << 30, "conv: on the gpu a padded image has at ",
            "most 2^30 rows, not ", p.H + 2 * p.pad_h);  // see outside()
  }
  HOST_DEVICE int taps() const { return R * S; }
  HOST_DEVICE int positions() const { return P * Q; }

 private:
  static int narrow(std::int64_t n) {
    require(n <= (std::int64_t{1} << 31) - (std::int64_t{1} << 16),
            "conv: on the gpu extents and tensors have at most 2^31 - 2^16 elements, not ", n);
    return static_cast<int>(n);
  }
};

/// Where along one axis tap r of the window at output position p reads the input; may be outside.
template <std::integral Int>
HOST_DEVICE Int read_position(Int p, Int r, Int stride, Int pad, Int dilation) {
  return p * stride - pad + r * dilation;
}

/// The output position whose tap r reads input position h, or -1 where there is none among
/// `positions`: the inverse of read_position.
template <std::integral Int>
HOST_DEVICE Int reading_position(Int h, Int r, Int stride, Int pad, Int dilation, Int positions) {
  const Int from_start = h + pad - r * dilation;
  if (from_start < 0 || from_start % stride != 0) return -1;
  const Int p = from_start / stride;
  return p < positions ? p : -1;
}

}  // namespace etude
