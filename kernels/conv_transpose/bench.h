#pragma once
#include "kernels/conv/bench.h"
#include "kernels/conv_transpose/cases.h"
#include "kernels/conv_transpose/conv_transpose.h"

namespace etude {

/// Forward (x, w, y), input gradient (dy, w, dx), weight gradient (x, dy, dw), and their sum.
inline std::vector<BenchCase> conv_transpose_benches() {
  std::vector<BenchCase> cases;
  for (const conv_transpose_cases::Case& x : conv_transpose_cases::benches()) {
    BenchCase layer{.shape = detail::bench_conv_shape(x.x(), x.w(), x.params),
                    .flops = x.flops(),
                    .numbers = detail::bench_conv_numbers(x.params)};
    layer.numbers.emplace_back("output_pad_h", x.params.output_pad_h);
    layer.numbers.emplace_back("output_pad_w", x.params.output_pad_w);
    layer.part_of = layer.shape;
    // The gradients' rungs are conv's, which call this dy an input and this x an output.
    using Bench = detail::ConvBench<ConvTransposeParams>;
    for (const Bench& op :
         {Bench{"conv_transpose", x.x(), x.w(), x.y(), conv_transpose, conv_transpose_rungs()},
          Bench{"conv_transpose_input_grad", x.y(), x.w(), x.x(), conv_transpose_input_grad,
                conv_rungs()},
          Bench{"conv_transpose_weight_grad", x.x(), x.y(), x.w(), conv_transpose_weight_grad,
                conv_weight_grad_rungs(), true}}) {
      detail::add_conv_benches(cases, layer, x.params, op);
    }
  }
  return cases;
}

}  // namespace etude
