// Two ways on the CPU: with enough channels for vectors and enough images for register tiles the
// blocked convolution, else columns and matrix products. (A convolution with one channel has few
// columns and would leave the blocked vectors almost empty.)

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/columns_cpu.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

void cpu::conv(Stream&, const View& x, const View& w, const View& y, const ConvParams& params) {
  if (y.numel() == 0) return;
  const ConvProblem p(x, w, y, params);
  if (blocked::suits(p, x.dtype)) {
    blocked::forward(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else {
    columns::forward(p, x, w, y);
  }
}

void cpu::conv_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                          const ConvParams& params) {
  cpu::conv_transpose(s, dy, w, dx, {params});
}

void cpu::conv_weight_grad(Stream&, const View& x, const View& dy, const View& dw,
                           const ConvParams& params) {
  if (dw.numel() == 0) return;
  const ConvProblem p(x, dw, dy, params);
  if (blocked::suits(p, x.dtype)) {
    blocked::weight_grad(p, x.as<float>(), dy.as<float>(), dw.as<float>());
  } else {
    columns::weight_grad(p, x, dy, dw);
  }
}

}  // namespace etude
