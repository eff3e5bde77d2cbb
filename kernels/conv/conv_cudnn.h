#pragma once
// The three operations by cuDNN; exists only in CUDA builds that found the library.

#include "kernels/conv/conv.h"

namespace etude {

/// As the rungs of conv, conv_weight_grad and conv_transpose: f32 in full f32 | bf16, f32 sums. The
/// first algorithm of cuDNN's heuristics that is deterministic, takes at most 256 MiB (of
/// Stream::scratch), uses no FFT or Winograd transform (less exact than the ladders' bound), and
/// runs; found once per thread, shape and parameters. Throws Error, "... not supported by cuDNN
/// ...", where there is none (of bf16, perhaps). What cuDNN does not take (empty operands; output
/// padding over the stride) goes to what production takes.
void cudnn_conv(Stream&, const View& x, const View& w, const View& y, const ConvParams&);
void cudnn_conv_weight_grad(Stream&, const View& x, const View& dy, const View& dw,
                            const ConvParams&);
void cudnn_conv_transpose(Stream&, const View& x, const View& w, const View& y, const ConvParams&);
/// The same, f32 with the factors rounded to tf32.
void cudnn_conv_tf32(Stream&, const View& x, const View& w, const View& y, const ConvParams&);
void cudnn_conv_weight_grad_tf32(Stream&, const View& x, const View& dy, const View& dw,
                                 const ConvParams&);
void cudnn_conv_transpose_tf32(Stream&, const View& x, const View& w, const View& y,
                               const ConvParams&);

}  // namespace etude
