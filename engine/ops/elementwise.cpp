#include "kernels/elementwise/elementwise.h"

#include <array>

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"

namespace etude {
namespace {

/// op over the broadcast inputs, into fresh memory; not recorded.
template <class Op, class... Tensors>
Tensor apply(const char* name, const Op& op, const Tensor& first, const Tensors&... rest) {
  Dims shape = first.shape();
  [[maybe_unused]] const auto join = [&](const Tensor& t) {
    require_together(name, first, t);
    shape = broadcast_shape(name, shape, t.shape());
  };
  (join(rest), ...);
  const std::array<View, 1 + sizeof...(rest)> inputs{broadcast_view(first, shape),
                                                     broadcast_view(rest, shape)...};
  Tensor y = Tensor::empty(shape, first.dtype(), first.device());
  elementwise(y.stream(), op, inputs, y.view());
  return y;
}

}  // namespace

Tensor leaky_relu_grad(const Tensor& dy, const Tensor& x, double slope) {
  const Tensor dx = apply("leaky_relu_grad", LeakyReluGrad{slope}, dy, x);
  return record("leaky_relu_grad", dx, {dy, x}, [x = saved(x), slope](const Tensor& ddx, Needs) {
    return Grads{leaky_relu_grad(ddx, x, slope), Tensor()};
  });
}

Tensor add(const Tensor& a, const Tensor& b) {
  return record(
      "add", apply("add", Add{}, a, b), {a, b},
      [sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) {
        return Grads{needs[0] ? sum_to(dy, sa) : Tensor(), needs[1] ? sum_to(dy, sb) : Tensor()};
      });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record("sub", apply("sub", Sub{}, a, b), {a, b},
                [sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) {
                  return Grads{needs[0] ? sum_to(dy, sa) : Tensor(),
                               needs[1] ? neg(sum_to(dy, sb)) : Tensor()};
                });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  return record("mul", apply("mul", Mul{}, a, b), {a, b},
                [a = saved(a), b = saved(b)](const Tensor& dy, Needs needs) {
                  return Grads{needs[0] ? sum_to(mul(dy, b), a.get().shape()) : Tensor(),
                               needs[1] ? sum_to(mul(dy, a), b.get().shape()) : Tensor()};
                });
}

Tensor div(const Tensor& a, const Tensor& b) {
  return record("div", apply("div", Div{}, a, b), {a, b},
                [a = saved(a), b = saved(b)](const Tensor& dy, Needs needs) {
                  const Tensor da = div(dy, b);
                  return Grads{
                      needs[0] ? sum_to(da, a.get().shape()) : Tensor(),
                      needs[1] ? neg(sum_to(mul(da, div(a, b)), b.get().shape())) : Tensor()};
                });
}

Tensor maximum(const Tensor& a, const Tensor& b) {
  const Tensor second = greater(b, a);
  return record("maximum", apply("maximum", Maximum{}, a, b), {a, b},
                [second, sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) {
                  return Grads{needs[0] ? sum_to(mul(dy, 1.0 - second), sa) : Tensor(),
                               needs[1] ? sum_to(mul(dy, second), sb) : Tensor()};
                });
}

Tensor minimum(const Tensor& a, const Tensor& b) { return neg(maximum(neg(a), neg(b))); }

Tensor neg(const Tensor& x) {
  return record("neg", apply("neg", Neg{}, x), {x},
                [](const Tensor& dy, Needs) { return Grads{neg(dy)}; });
}

// exp, sqrt, reciprocal, tanh and sigmoid are cheapest to differentiate from their own result. It
// is saved outside the graph (see Saved); a second derivative recomputes it inside.

Tensor exp(const Tensor& x) {
  const Tensor y = apply("exp", Exp{}, x);
  return record("exp", y, {x}, [x = saved(x), y = saved(y)](const Tensor& dy, Needs) {
    return Grads{mul(dy, grad_enabled() ? exp(x) : y.get())};
  });
}

Tensor log(const Tensor& x) {
  return record("log", apply("log", Log{}, x), {x},
                [x = saved(x)](const Tensor& dy, Needs) { return Grads{div(dy, x)}; });
}

Tensor sqrt(const Tensor& x) {
  const Tensor y = apply("sqrt", Sqrt{}, x);
  return record("sqrt", y, {x}, [x = saved(x), y = saved(y)](const Tensor& dy, Needs) {
    return Grads{div(affine(dy, 0.5, 0), grad_enabled() ? sqrt(x) : y.get())};
  });
}

Tensor abs(const Tensor& x) {
  const Tensor sign = apply("abs", Sign{}, x);
  return record("abs", apply("abs", Abs{}, x), {x},
                [sign](const Tensor& dy, Needs) { return Grads{mul(dy, sign)}; });
}

Tensor square(const Tensor& x) {
  return record("square", apply("square", Square{}, x), {x},
                [x = saved(x)](const Tensor& dy, Needs) { return Grads{mul(dy, x * 2.0)}; });
}

Tensor reciprocal(const Tensor& x) {
  const Tensor y = apply("reciprocal", Reciprocal{}, x);
  return record("reciprocal", y, {x}, [x = saved(x), y = saved(y)](const Tensor& dy, Needs) {
    return Grads{neg(mul(dy, square(grad_enabled() ? reciprocal(x) : y.get())))};
  });
}

Tensor pow(const Tensor& x, double exponent) {
  return record("pow", apply("pow", Power{exponent}, x), {x},
                [x = saved(x), exponent](const Tensor& dy, Needs) {
                  // 0 * x^-1 would be NaN at 0.
                  if (exponent == 0) return Grads{Tensor()};
                  return Grads{mul(dy, pow(x, exponent - 1) * exponent)};
                });
}

Tensor affine(const Tensor& x, double scale, double shift) {
  return record("affine", apply("affine", Affine{scale, shift}, x), {x},
                [scale](const Tensor& dy, Needs) { return Grads{affine(dy, scale, 0)}; });
}

Tensor clamp(const Tensor& x, double lo, double hi) {
  const Tensor y = apply("clamp", Clamp{lo, hi}, x);
  const Tensor inside = apply("clamp", Equal{}, x, y);
  return record("clamp", y, {x},
                [inside](const Tensor& dy, Needs) { return Grads{mul(dy, inside)}; });
}

Tensor tanh(const Tensor& x) {
  const Tensor y = apply("tanh", Tanh{}, x);
  return record("tanh", y, {x}, [x = saved(x), y = saved(y)](const Tensor& dy, Needs) {
    return Grads{grad_enabled() ? mul(dy, 1.0 - square(tanh(x)))
                                : apply("tanh_grad", TanhGrad{}, dy, y.get())};
  });
}

Tensor sigmoid(const Tensor& x) {
  const Tensor y = apply("sigmoid", Sigmoid{}, x);
  return record("sigmoid", y, {x}, [x = saved(x), y = saved(y)](const Tensor& dy, Needs) {
    if (!grad_enabled()) return Grads{apply("sigmoid_grad", SigmoidGrad{}, dy, y.get())};
    const Tensor s = sigmoid(x);
    return Grads{mul(dy, mul(s, 1.0 - s))};
  });
}

Tensor softplus(const Tensor& x) {
  return record("softplus", apply("softplus", Softplus{}, x), {x},
                [x = saved(x)](const Tensor& dy, Needs) { return Grads{mul(dy, sigmoid(x))}; });
}

Tensor leaky_relu(const Tensor& x, double slope) {
  return record("leaky_relu", apply("leaky_relu", LeakyRelu{slope}, x), {x},
                [x = saved(x), slope](const Tensor& dy, Needs) {
                  return Grads{leaky_relu_grad(dy, x, slope)};
                });
}

Tensor relu(const Tensor& x) { return leaky_relu(x, 0); }

Tensor gelu(const Tensor& x) {
  return record("gelu", apply("gelu", Gelu{}, x), {x}, [x = saved(x)](const Tensor& dy, Needs) {
    if (!grad_enabled()) return Grads{apply("gelu_grad", GeluGrad{}, dy, x)};
    // d/dx x Phi(x) = Phi(x) + x phi(x)
    const Tensor density = exp(square(x) * -0.5) * 0.3989422804014327;
    return Grads{mul(dy, add(normal_cdf(x), mul(x, density)))};
  });
}

Tensor gelu_tanh(const Tensor& x) {
  return record("gelu_tanh", apply("gelu_tanh", GeluTanh{}, x), {x},
                [x = saved(x)](const Tensor& dy, Needs) {
                  if (!grad_enabled()) {
                    return Grads{apply("gelu_tanh_grad", GeluTanhGrad{}, dy, x)};
                  }
                  // d/dx x s(2 u) = s + x s (1 - s) 2 u'
                  constexpr double kTwice = 2 * 0.79788456080286536, kCubic = 0.044715;
                  const Tensor squared = square(x);
                  const Tensor s = sigmoid(mul(x, affine(squared, kTwice * kCubic, kTwice)));
                  const Tensor slope = affine(squared, 3 * kTwice * kCubic, kTwice);
                  return Grads{mul(dy, add(s, mul(mul(x, slope), mul(s, affine(s, -1, 1)))))};
                });
}

Tensor normal_cdf(const Tensor& x) {
  return record("normal_cdf", apply("normal_cdf", NormalCdf{}, x), {x},
                [x = saved(x)](const Tensor& dy, Needs) {
                  return Grads{mul(dy, exp(square(x) * -0.5) * 0.3989422804014327)};
                });
}

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  return record(
      "where", apply("where", Where{}, mask, a, b), {mask, a, b},
      [mask = saved(mask), sa = a.shape(), sb = b.shape()](const Tensor& dy, Needs needs) {
        const Tensor zero = Tensor::zeros({}, dy.dtype(), dy.device());
        return Grads{Tensor(), needs[1] ? sum_to(where(mask, dy, zero), sa) : Tensor(),
                     needs[2] ? sum_to(where(mask, zero, dy), sb) : Tensor()};
      });
}

Tensor equal(const Tensor& a, const Tensor& b) { return apply("equal", Equal{}, a, b); }
Tensor greater(const Tensor& a, const Tensor& b) { return apply("greater", Greater{}, a, b); }

void add_(Tensor& a, const Tensor& b) {
  require(!(grad_enabled() && a.requires_grad()),
          "add_: in-place change of a tensor that requires a gradient; use NoGrad");
  require_together("add_", a, b);
  require(a.shape() == b.shape(), "add_: shapes ", a.shape(), " and ", b.shape(), " differ");
  ++a.impl().storage->version;
  const std::array<View, 2> inputs{a.view(), b.view()};
  elementwise(a.stream(), Add{}, inputs, a.view());
}

}  // namespace etude
