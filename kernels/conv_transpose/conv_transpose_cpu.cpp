// The convolution whose input gradient this is has y for its input and x for its output.

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/columns_cpu.h"
#include "kernels/conv/epilogue_cpu.h"
#include "kernels/conv/winograd_cpu.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

void cpu::conv_transpose(Stream& s, const View& x, const View& w, const View& y,
                         const ConvTransposeParams& params) {
  if (y.numel() == 0) return;
  if (y.dtype == DType::bf16) return in_f32(s, x, w, y, params, cpu::conv_transpose);
  const ConvProblem p(y, w, x, params);
  if (winograd::suits(p, x.dtype)) {
    winograd::input_grad(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else if (blocked::suits(p, x.dtype)) {
    blocked::input_grad(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else {
    columns::input_grad(p, x, w, y);
  }
}

void cpu::conv_transpose_fused(Stream& s, const View& x, const View& w, const View& y,
                               const ConvTransposeParams& params, const ConvEpilogue& epilogue) {
  if (y.numel() == 0) return;
  const auto run = [&](Stream& stream, const View& a, const View& b, const View& z,
                       const ConvTransposeParams& p) {
    cpu::conv_transpose(stream, a, b, z, p);
    apply_epilogue(z, epilogue);
  };
  if (y.dtype == DType::bf16) return in_f32(s, x, w, y, params, run);
  run(s, x, w, y, params);
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
