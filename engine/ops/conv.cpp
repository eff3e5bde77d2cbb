#include "engine/ops/conv.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

// conv is linear in x and in w, so with its two gradient maps it is closed under differentiation:
// each of the three is the gradient of the others, at any order.
Tensor conv_input_grad(const Tensor& dy, const Tensor& w, const Dims& x_shape, const ConvParams& p);

Tensor conv_weight_grad(const Tensor& x0, const Tensor& dy0, const Dims& w_shape,
                        const ConvParams& p) {
  const Tensor x = contiguous(x0), dy = contiguous(dy0);
  const Tensor dw = Tensor::empty(w_shape, x.dtype(), x.device());
  conv_weight_grad(x.stream(), x.view(), dy.view(), dw.view(), p);
  return record("conv_weight_grad", dw, {x, dy},
                [x = saved(x), dy = saved(dy), p](const Tensor& ddw, Needs needs) {
                  return Grads{needs[0] ? conv_input_grad(dy, ddw, x.get().shape(), p) : Tensor(),
                               needs[1] ? conv(x, ddw, p) : Tensor()};
                });
}

Tensor conv_input_grad(const Tensor& dy0, const Tensor& w0, const Dims& x_shape,
                       const ConvParams& p) {
  const Tensor dy = contiguous(dy0), w = contiguous(w0);
  const Tensor dx = Tensor::empty(x_shape, dy.dtype(), dy.device());
  conv_input_grad(dy.stream(), dy.view(), w.view(), dx.view(), p);
  return record("conv_input_grad", dx, {dy, w},
                [dy = saved(dy), w = saved(w), p](const Tensor& ddx, Needs needs) {
                  return Grads{needs[0] ? conv(ddx, w, p) : Tensor(),
                               needs[1] ? conv_weight_grad(ddx, dy, w.get().shape(), p) : Tensor()};
                });
}

/// The fusion's operands, checked; and what turns dy into the gradient before the fusion.
struct Fusion {
  Tensor bias;
  double slope;

  Fusion(const char* op, const Tensor& x, const ConvFusion& f, std::int64_t channels)
      : slope(f.slope) {
    require(slope >= 0, op, ": slope ", slope, " must not be negative");
    if (!f.bias.defined()) return;
    require_together(op, x, f.bias);
    require(f.bias.shape() == Dims{channels}, op, ": bias must be [", channels, "], not ",
            f.bias.shape());
    bias = contiguous(f.bias);
  }
  ConvEpilogue epilogue() const {
    return {.bias = bias.defined() ? bias.view() : View(), .slope = slope};
  }
  /// z and y = leaky_relu(z) have the same sign when slope > 0, so y tells which side an element
  /// was on; for slope 0 both 0 and a negative give 0, which is right too.
  Tensor before(const Tensor& dy, const Tensor& y) const {
    return slope == 1 ? dy : leaky_relu_grad(dy, y, slope);
  }
};

}  // namespace

Tensor conv(const Tensor& x0, const Tensor& w0, const ConvParams& p, const ConvFusion& f) {
  require_together("conv", x0, w0);
  const Tensor x = contiguous(x0), w = contiguous(w0);
  const Tensor y = Tensor::empty(conv_output_shape(x.shape(), w.shape(), p), x.dtype(), x.device());
  const Fusion fusion("conv", x, f, y.dim(1));
  conv_fused(x.stream(), x.view(), w.view(), y.view(), p, fusion.epilogue());
  return record("conv", y, {x, w, fusion.bias},
                [y = fusion.slope == 1 ? Tensor() : y.detach(), x = saved(x), w = saved(w), p,
                 fusion](const Tensor& dy, Needs needs) {
                  const Tensor dz = fusion.before(dy, y);
                  return Grads{needs[0] ? conv_input_grad(dz, w, x.get().shape(), p) : Tensor(),
                               needs[1] ? conv_weight_grad(x, dz, w.get().shape(), p) : Tensor(),
                               needs[2] ? sum(dz, {0, 2, 3}) : Tensor()};
                });
}

Tensor conv_transpose(const Tensor& x0, const Tensor& w0, const ConvTransposeParams& p,
                      const ConvFusion& f) {
  require_together("conv_transpose", x0, w0);
  // Otherwise the convolution that is its gradient has more rows than x.
  require(p.output_pad_h < p.stride_h && p.output_pad_w < p.stride_w,
          "conv_transpose: output padding ", p.output_pad_h, ", ", p.output_pad_w,
          " must be less than the stride ", p.stride_h, ", ", p.stride_w);
  const Tensor x = contiguous(x0), w = contiguous(w0);
  const Tensor y =
      Tensor::empty(conv_transpose_output_shape(x.shape(), w.shape(), p), x.dtype(), x.device());
  const Fusion fusion("conv_transpose", x, f, y.dim(1));
  conv_transpose_fused(x.stream(), x.view(), w.view(), y.view(), p, fusion.epilogue());
  return record("conv_transpose", y, {x, w, fusion.bias},
                [y = fusion.slope == 1 ? Tensor() : y.detach(), x = saved(x), w = saved(w), p,
                 fusion](const Tensor& dy, Needs needs) {
                  const Tensor dz = fusion.before(dy, y);
                  return Grads{needs[0] ? conv(dz, w, p) : Tensor(),
                               needs[1] ? conv_weight_grad(dz, x, w.get().shape(), p) : Tensor(),
                               needs[2] ? sum(dz, {0, 2, 3}) : Tensor()};
                });
}

}  // namespace etude
