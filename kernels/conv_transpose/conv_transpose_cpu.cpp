// The convolution whose input gradient this is has y for its input and x for its output.

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/columns_cpu.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

void cpu::conv_transpose(Stream&, const View& x, const View& w, const View& y,
                         const ConvTransposeParams& params) {
  if (y.numel() == 0) return;
  const ConvProblem p(y, w, x, params);
  if (blocked::suits(p, x.dtype)) {
    blocked::input_grad(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else {
    columns::input_grad(p, x, w, y);
  }
}

void cpu::conv_transpose_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                                    const ConvTransposeParams& params) {
  cpu::conv(s, dy, w, dx, params);
}

void cpu::conv_transpose_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                                     const ConvTransposeParams& params) {
  cpu::conv_weight_grad(s, dy, x, dw, params);
}

}  // namespace etude
