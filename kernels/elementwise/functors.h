#pragma once
// The operations of elementwise: small structs that the CPU's loops and the GPU's kernels inline.
// Each is called with arity values of one type, float or double. A NaN in gives a NaN out unless
// a comment says otherwise. The parameters are double, so that f64 gradient checks see all of them.

#include <cmath>
#include <variant>

#include "kernels/core/vector_math.h"

namespace etude {

struct Unary {
  static constexpr int arity = 1;
};
struct Binary {
  static constexpr int arity = 2;
};
struct Ternary {
  static constexpr int arity = 3;
};

// Of one value.
struct Neg : Unary {
  HOST_DEVICE auto operator()(auto x) const { return -x; }
};
struct Exp : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::exp(x); }
};
/// log(0) = -inf; of a negative number NaN.
struct Log : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::log(x); }
};
struct Sqrt : Unary {
  HOST_DEVICE auto operator()(auto x) const { return std::sqrt(x); }
};
struct Tanh : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::tanh(x); }
};
struct Sigmoid : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::sigmoid(x); }
};
/// log(1 + exp(x)) that neither overflows nor cancels.
struct Softplus : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::softplus(x); }
};
struct Square : Unary {
  HOST_DEVICE auto operator()(auto x) const { return x * x; }
};
struct Reciprocal : Unary {
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return T{1} / x;
  }
};
struct Abs : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::abs(x); }
};
/// -1, 0 or 1.
struct Sign : Unary {
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return x > 0 ? T{1} : x < 0 ? T{-1} : x;
  }
};
/// scale x + shift, rounded once.
struct Affine : Unary {
  double scale = 1, shift = 0;
  Affine(double scale_, double shift_) : scale(scale_), shift(shift_) {}
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return math::fma(x, static_cast<T>(scale), static_cast<T>(shift));
  }
};
/// x to a power, as std::pow has it (0^0 = 1, also of NaN); a library call: slow on the CPU.
struct Power : Unary {
  double exponent = 1;
  explicit Power(double exponent_) : exponent(exponent_) {}
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return std::pow(x, static_cast<T>(exponent));
  }
};
struct Clamp : Unary {
  double lo = 0, hi = 1;
  Clamp(double lo_, double hi_) : lo(lo_), hi(hi_) {}
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    const T least = static_cast<T>(lo), most = static_cast<T>(hi);
    return x < least ? least : x > most ? most : x;
  }
};
/// x where positive, else slope x; slope 0 is ReLU (of -inf it is NaN).
struct LeakyRelu : Unary {
  double slope = 0;
  explicit LeakyRelu(double slope_) : slope(slope_) {}
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return math::select(x > 0, x, x * static_cast<T>(slope));
  }
};
/// P(Z <= x), Z standard normal.
struct NormalCdf : Unary {
  HOST_DEVICE auto operator()(auto x) const { return math::normal_cdf(x); }
};
/// x P(Z <= x), Z standard normal: the exact one, not the tanh approximation. gelu(-inf) = NaN.
/// Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016.
struct Gelu : Unary {
  HOST_DEVICE auto operator()(auto x) const { return x * math::normal_cdf(x); }
};

/// GPT-2's approximation of Gelu. GeluTanh(-inf) = NaN. Source: Hendrycks & Gimpel 2016, section 2.
struct GeluTanh : Unary {
  HOST_DEVICE auto operator()(auto x) const { return x * math::normal_cdf_by_tanh(x); }
};

// Of two values.
struct Add : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a + b; }
};
struct Sub : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a - b; }
};
struct Mul : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a * b; }
};
struct Div : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a / b; }
};
struct Maximum : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a > b || a != a ? a : b; }
};
struct Minimum : Binary {
  HOST_DEVICE auto operator()(auto a, auto b) const { return a < b || a != a ? a : b; }
};
/// a + alpha b.
struct AddScaled : Binary {
  double alpha = 1;
  explicit AddScaled(double alpha_) : alpha(alpha_) {}
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return math::fma(static_cast<T>(alpha), b, a);
  }
};
/// Comparisons are 1 or 0; with a NaN 0.
struct GreaterEqual : Binary {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a >= b ? T{1} : T{0};
  }
};
struct Greater : Binary {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a > b ? T{1} : T{0};
  }
};
struct Equal : Binary {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a == b ? T{1} : T{0};
  }
};
/// dx = dy leaky'(x); the derivative at 0 is slope.
struct LeakyReluGrad : Binary {
  double slope = 0;
  explicit LeakyReluGrad(double slope_) : slope(slope_) {}
  template <class T>
  HOST_DEVICE T operator()(T dy, T x) const {
    return math::select(x > 0, dy, dy * static_cast<T>(slope));
  }
};
/// dx = dy (1 - y^2), y = tanh(x).
struct TanhGrad : Binary {
  template <class T>
  HOST_DEVICE T operator()(T dy, T y) const {
    return dy * math::fma(-y, y, T{1});
  }
};
/// dx = dy y (1 - y), y = sigmoid(x).
struct SigmoidGrad : Binary {
  template <class T>
  HOST_DEVICE T operator()(T dy, T y) const {
    return dy * y * (T{1} - y);
  }
};
/// dx = dy (P(Z <= x) + x p(x)), p the density of Z.
struct GeluGrad : Binary {
  HOST_DEVICE auto operator()(auto dy, auto x) const {
    return dy * math::fma(x, math::normal_pdf(x), math::normal_cdf(x));
  }
};

/// dx = dy (s + x s (1 - s) 2 u'(x)) with s and u of math::normal_cdf_by_tanh.
struct GeluTanhGrad : Binary {
  template <class T>
  HOST_DEVICE T operator()(T dy, T x) const {
    constexpr auto kTwice = static_cast<T>(2 * 0.79788456080286536);
    const T s = math::normal_cdf_by_tanh(x);
    const T slope = kTwice * math::fma(static_cast<T>(3 * 0.044715) * x, x, T{1});
    return dy * math::fma(x * slope, s * (T{1} - s), s);
  }
};

// Of three values.
/// a where mask is not 0, else b; the value not taken may be NaN.
struct Where : Ternary {
  HOST_DEVICE auto operator()(auto mask, auto a, auto b) const { return mask != 0 ? a : b; }
};
/// a b + c, rounded once in f32.
struct MulAdd : Ternary {
  HOST_DEVICE auto operator()(auto a, auto b, auto c) const { return math::fma(a, b, c); }
};

/// Any one operation. The kernels are compiled for exactly these; a new one is added here.
using AnyElementwise =
    std::variant<Neg, Exp, Log, Sqrt, Tanh, Sigmoid, Softplus, Square, Reciprocal, Abs, Sign,
                 Affine, Power, Clamp, LeakyRelu, NormalCdf, Gelu, GeluTanh, Add, Sub, Mul, Div,
                 Maximum, Minimum, AddScaled, GreaterEqual, Greater, Equal, LeakyReluGrad, TanhGrad,
                 SigmoidGrad, GeluGrad, GeluTanhGrad, Where, MulAdd>;

namespace detail {
template <class Op, class Variant>
constexpr bool is_alternative = false;
template <class Op, class... Ops>
constexpr bool is_alternative<Op, std::variant<Ops...>> = (std::is_same_v<Op, Ops> || ...);
}  // namespace detail

/// An operation that elementwise can run.
template <class Op>
concept ElementwiseOp = detail::is_alternative<Op, AnyElementwise> && requires {
  Op::arity;
};

}  // namespace etude
