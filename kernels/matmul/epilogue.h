#pragma once
// What becomes of a sum of products on its way into c; the same on both devices.

#include "kernels/core/vector_math.h"
#include "kernels/matmul/matmul.h"

namespace etude {

/// Calls f.template operator()<A>() with `activation` as a constant, so that a loop in f has no
/// branch.
template <class F>
HOST_DEVICE auto with_activation(Activation activation, F f) {
  switch (activation) {
    case Activation::relu:
      return f.template operator()<Activation::relu>();
    case Activation::gelu:
      return f.template operator()<Activation::gelu>();
    case Activation::gelu_tanh:
      return f.template operator()<Activation::gelu_tanh>();
    default:
      return f.template operator()<Activation::none>();
  }
}

/// NaN stays NaN; gelu and gelu_tanh of -inf are NaN (0 times infinity).
/// Source: Hendrycks & Gimpel, "Gaussian error linear units", 2016, section 2.
template <Activation A, class C>
HOST_DEVICE C activate(C x) {
  if constexpr (A == Activation::relu) return math::select(x < 0, C{0}, x);
  if constexpr (A == Activation::gelu) return x * math::normal_cdf(x);
  if constexpr (A == Activation::gelu_tanh) return x * math::normal_cdf_by_tanh(x);
  return x;
}

/// The same, chosen at run time. Not inlined: a kernel's unrolled stores would hold a copy for each
/// of a thread's elements, many times the code of its main loop.
template <class C>
[[gnu::noinline]] HOST_DEVICE C activate_any(Activation activation, C x) {
  return with_activation(activation, [x]<Activation A>() { return activate<A>(x); });
}

/// MatmulOptions as a kernel takes them. A kernel asks it element by element, at run time: a few
/// uniform branches for each of the M * N elements vanish beside K multiply-adds, and a template
/// argument would multiply every rung by the number of activations.
template <class T>
struct Epilogue {
  using C = compute_t<T>;
  C alpha, beta;
  const T *bias, *residual;  // null: none
  Activation activation;

  explicit Epilogue(const MatmulOptions& o)
      : alpha(static_cast<C>(o.alpha)),
        beta(static_cast<C>(o.beta)),
        bias(o.bias.data ? o.bias.as<T>() : nullptr),
        residual(o.residual.data ? o.residual.as<T>() : nullptr),
        activation(o.activation) {}

  /// Whether alpha and beta, which a BLAS applies, are all there is.
  HOST_DEVICE bool only_scales() const {
    return !bias && !residual && activation == Activation::none;
  }

  /// residual[index] + activation(x + bias[column])
  HOST_DEVICE C finish(C x, std::int64_t index, std::int64_t column) const {
    if (bias) x += static_cast<C>(bias[column]);
    if (activation != Activation::none) x = activate_any(activation, x);
    return residual ? static_cast<C>(residual[index]) + x : x;
  }

  /// c[index] = residual[index] + activation(alpha * sum + beta * c[index] + bias[column]), where
  /// `index` counts the elements of the whole, contiguous c. c is not read when beta is 0.
  HOST_DEVICE void store(T* c, std::int64_t index, std::int64_t column, C sum) const {
    C x = alpha * sum;
    if (beta != 0) x += beta * static_cast<C>(c[index]);
    c[index] = static_cast<T>(finish(x, index, column));
  }

  /// The same for `rows` <= Rows elements of one column, `stride` apart from `index` on. Each part
  /// is done for all of them before the next: the loads of c or of the residual are under way
  /// together, where element by element each would wait for its own.
  template <int Rows>
  HOST_DEVICE void store_rows(T* c, std::int64_t index, std::int64_t stride, std::int64_t column,
                              C (&x)[Rows], int rows) const {
    const auto for_rows = [&](auto body) {
#pragma unroll
      for (int r = 0; r < Rows; ++r) {
        if (r < rows) body(x[r], index + r * stride);
      }
    };
    for_rows([&](C& value, std::int64_t) { value *= alpha; });
    if (beta != 0) {
      for_rows([&](C& value, std::int64_t at) { value += beta * static_cast<C>(c[at]); });
    }
    if (bias) {
      const C shift = static_cast<C>(bias[column]);
      for_rows([&](C& value, std::int64_t) { value += shift; });
    }
    if (activation != Activation::none) {
      for_rows([&](C& value, std::int64_t) { value = activate_any(activation, value); });
    }
    if (residual) {
      for_rows([&](C& value, std::int64_t at) { value += static_cast<C>(residual[at]); });
    }
    for_rows([&](C& value, std::int64_t at) { c[at] = static_cast<T>(value); });
  }
};

}  // namespace etude
