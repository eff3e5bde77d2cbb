#pragma once
// Pointwise ops. Shapes broadcast as in NumPy (Harris et al. 2020): aligned at the last dimension,
// an extent of 1 or a missing one repeats. Operands must agree in dtype and device. All can be
// differentiated any number of times.

#include "engine/autograd.h"
#include "engine/tensor.h"

namespace etude {

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// Where both are equal the gradient goes to a.
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);

Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor abs(const Tensor& x);  // gradient 0 at 0
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
/// x ^ exponent.
Tensor pow(const Tensor& x, double exponent);
/// scale * x + shift.
Tensor affine(const Tensor& x, double scale, double shift);
/// x limited to [lo, hi]; gradient 0 outside.
Tensor clamp(const Tensor& x, double lo, double hi);

Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
/// log(1 + exp(x)) without overflow.
Tensor softplus(const Tensor& x);
/// x > 0 ? x : slope * x (Maas et al. 2013).
Tensor leaky_relu(const Tensor& x, double slope);
/// x > 0 ? dy : slope * dy, linear in dy and without a gradient for x.
Tensor leaky_relu_grad(const Tensor& dy, const Tensor& x, double slope);
Tensor relu(const Tensor& x);
/// x * Phi(x), the exact form with erf (Hendrycks & Gimpel 2016).
Tensor gelu(const Tensor& x);
/// GPT-2's approximation of gelu, with tanh.
Tensor gelu_tanh(const Tensor& x);
/// Phi(x), the standard normal distribution function.
Tensor normal_cdf(const Tensor& x);

/// mask != 0 ? a : b; the mask has no gradient.
Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);
/// 1 where it holds, else 0, in a's dtype; no gradient.
Tensor equal(const Tensor& a, const Tensor& b);
Tensor greater(const Tensor& a, const Tensor& b);

/// a += b in place, outside the graph.
void add_(Tensor& a, const Tensor& b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& x, double c) { return affine(x, 1, c); }
inline Tensor operator-(const Tensor& x, double c) { return affine(x, 1, -c); }
inline Tensor operator*(const Tensor& x, double c) { return affine(x, c, 0); }
inline Tensor operator/(const Tensor& x, double c) { return affine(x, 1 / c, 0); }
inline Tensor operator*(double c, const Tensor& x) { return affine(x, c, 0); }
inline Tensor operator+(double c, const Tensor& x) { return affine(x, 1, c); }
inline Tensor operator-(double c, const Tensor& x) { return affine(x, -1, c); }

}  // namespace etude
