// Three ways on the CPU. With enough channels for vectors and enough images for register tiles: the
// blocked convolution, by Winograd's products where these save enough. Else columns and matrix
// products. (A convolution with one channel has few columns and would leave the blocked vectors
// almost empty.) bf16 operands are widened, and the result rounded, around the f32 way.

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/columns_cpu.h"
#include "kernels/conv/epilogue_cpu.h"
#include "kernels/conv/winograd_cpu.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

void cpu::conv(Stream& s, const View& x, const View& w, const View& y, const ConvParams& params) {
  if (y.numel() == 0) return;
  if (y.dtype == DType::bf16) return in_f32(s, x, w, y, params, cpu::conv);
  const ConvProblem p(x, w, y, params);
  if (winograd::suits(p, x.dtype)) {
    winograd::forward(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else if (blocked::suits(p, x.dtype)) {
    blocked::forward(p, x.as<float>(), w.as<float>(), y.as<float>());
  } else {
    columns::forward(p, x, w, y);
  }
}

void cpu::conv_fused(Stream& s, const View& x, const View& w, const View& y,
                     const ConvParams& params, const ConvEpilogue& epilogue) {
  if (y.numel() == 0) return;
  const auto run = [&](Stream& stream, const View& a, const View& b, const View& z,
                       const ConvParams& p) {
    cpu::conv(stream, a, b, z, p);
    apply_epilogue(z, epilogue);
  };
  if (y.dtype == DType::bf16) return in_f32(s, x, w, y, params, run);
  run(s, x, w, y, params);
}

void cpu::conv_input_grad(Stream& s, const View& dy, const View& w, const View& dx,
                          const ConvParams& params) {
  cpu::conv_transpose(s, dy, w, dx, {params});
}

void cpu::conv_weight_grad(Stream& s, const View& x, const View& dy, const View& dw,
                           const ConvParams& params) {
  if (dw.numel() == 0) return;
  if (dw.dtype == DType::bf16) return in_f32(s, x, dy, dw, params, cpu::conv_weight_grad);
  const ConvProblem p(x, dw, dy, params);
  if (winograd::suits(p, x.dtype)) {
    winograd::weight_grad(p, x.as<float>(), dy.as<float>(), dw.as<float>());
  } else if (blocked::suits(p, x.dtype)) {
    blocked::weight_grad(p, x.as<float>(), dy.as<float>(), dw.as<float>());
  } else {
    columns::weight_grad(p, x, dy, dw);
  }
}

}  // namespace etude
