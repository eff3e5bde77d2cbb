#pragma once
#include "kernels/conv/cases.h"
#include "kernels/conv/conv.h"
#include "kernels/core/bench.h"

namespace etude {
namespace detail {

/// "64x1x28x28 w 64x1x4x4 stride 2 pad 1": what is not as usual after the shapes.
inline std::string bench_conv_shape(const Dims& x, const Dims& w, const ConvParams& p) {
  std::string text = bench_shape(x) + " w " + bench_shape(w);
  const auto add = [&](const char* name, std::int64_t h, std::int64_t w, std::int64_t usual) {
    if (h == usual && w == usual) return;
    text += std::string(" ") + name + " " + (h == w ? std::to_string(h) : bench_shape({h, w}));
  };
  add("stride", p.stride_h, p.stride_w, 1);
  add("pad", p.pad_h, p.pad_w, 0);
  add("dilation", p.dilation_h, p.dilation_w, 1);
  add("groups", p.groups, p.groups, 1);
  return text;
}

inline std::vector<std::pair<std::string, double>> bench_conv_numbers(const ConvParams& p) {
  const auto number = [](std::int64_t n) { return static_cast<double>(n); };
  return {{"stride_h", number(p.stride_h)},     {"stride_w", number(p.stride_w)},
          {"pad_h", number(p.pad_h)},           {"pad_w", number(p.pad_w)},
          {"dilation_h", number(p.dilation_h)}, {"dilation_w", number(p.dilation_w)},
          {"groups", number(p.groups)}};
}

/// One of the three operations of a layer, a(b, c): its operands have these shapes, and a ladder.
/// Params: ConvParams, or what is derived from it.
template <class Params>
struct ConvBench {
  const char* operation;
  Dims a, b, c;
  void (*front)(Stream&, const View&, const View&, const View&, const Params&);
  std::span<const ConvRung> rungs;
  bool swapped = false;  // the rungs take b, a, c
};

/// `layer` has shape, flops, numbers and part_of.
template <class Params>
void add_conv_benches(std::vector<BenchCase>& cases, const BenchCase& layer, const Params& params,
                      const ConvBench<Params>& op) {
  add_ladder_benches(
      cases, op.rungs,
      [&](DType dtype) {
        BenchCase c = layer;
        c.operation = op.operation;
        c.operands = {{.shape = op.a, .dtype = dtype},
                      {.shape = op.b, .dtype = dtype},
                      {.role = BenchOperand::Role::out, .shape = op.c, .dtype = dtype}};
        c.bytes = least_bytes(c.operands);
        return c;
      },
      [front = op.front, params](Stream& s, std::span<const View> v) {
        front(s, v[0], v[1], v[2], params);
      },
      [&](const ConvRung& rung, bool) {
        return [run = rung.run, params, swapped = op.swapped](Stream& s, std::span<const View> v) {
          run(s, v[swapped ? 1 : 0], v[swapped ? 0 : 1], v[2], params);
        };
      });
}

}  // namespace detail

/// Forward (x, w, y), input gradient (dy, w, dx), weight gradient (x, dy, dw), and their sum.
inline std::vector<BenchCase> conv_benches() {
  std::vector<BenchCase> cases;
  for (const conv_cases::Case& x : conv_cases::benches()) {
    BenchCase layer{.shape = detail::bench_conv_shape(x.x(), x.w(), x.params),
                    .flops = x.flops(),
                    .numbers = detail::bench_conv_numbers(x.params)};
    layer.part_of = layer.shape;
    using Bench = detail::ConvBench<ConvParams>;
    for (const Bench& op :
         {Bench{"conv", x.x(), x.w(), x.y(), conv, conv_rungs()},
          Bench{"conv_input_grad", x.y(), x.w(), x.x(), conv_input_grad, conv_input_grad_rungs()},
          Bench{"conv_weight_grad", x.x(), x.y(), x.w(), conv_weight_grad,
                conv_weight_grad_rungs()}}) {
      detail::add_conv_benches(cases, layer, x.params, op);
    }
  }
  return cases;
}

}  // namespace etude
