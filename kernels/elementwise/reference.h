#pragma once
// The operations by the standard library's functions, in double: the oracle of the tests, with what
// each needs of its inputs and how exact it is.

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernels/elementwise/functors.h"

namespace etude::reference {

struct Elementwise {
  const char* name;
  AnyElementwise op;
  int arity;
  std::function<double(double a, double b, double c)> value;
  double lo = -4, hi = 4;  // range of the inputs
  double ulps = 1;         // error of the result, relative, in units of 2 epsilon
  double absolute = 0;     // error where inputs cancel, in the same units
};

inline double leaky(double x, double slope) { return x > 0 ? x : slope * x; }
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
inline double normal_pdf(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2 * std::acos(-1.0));
}

/// GPT-2's approximation of normal_cdf as a logistic function: (1 + tanh(u)) / 2 would cancel.
inline double normal_cdf_by_tanh(double x) {
  return 1 / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

inline std::vector<Elementwise> unary_operations() {
  return {
      {"neg", Neg{}, 1, [](double a, double, double) { return -a; }},
      {"exp", Exp{}, 1, [](double a, double, double) { return std::exp(a); }, -20, 20},
      {"log", Log{}, 1, [](double a, double, double) { return std::log(a); }, 1e-3, 50},
      {"sqrt", Sqrt{}, 1, [](double a, double, double) { return std::sqrt(a); }, 0, 9},
      {"tanh", Tanh{}, 1, [](double a, double, double) { return std::tanh(a); }, -6, 6, 3},
      {"sigmoid", Sigmoid{}, 1, [](double a, double, double) { return 1 / (1 + std::exp(-a)); },
       -30, 30, 3},
      {"softplus", Softplus{}, 1, [](double a, double, double) { return std::log1p(std::exp(a)); },
       -30, 30, 3},
      {"square", Square{}, 1, [](double a, double, double) { return a * a; }},
      {"reciprocal", Reciprocal{}, 1, [](double a, double, double) { return 1 / a; }},
      {"abs", Abs{}, 1, [](double a, double, double) { return std::fabs(a); }},
      {"sign", Sign{}, 1, [](double a, double, double) { return (a > 0) - (a < 0); }},
      {"affine", Affine(2.5, -1), 1, [](double a, double, double) { return 2.5 * a - 1; }, -4, 4, 1,
       4},
      {"power", Power(1.7), 1, [](double a, double, double) { return std::pow(a, 1.7); }, 0, 4, 4},
      {"clamp", Clamp(-1, 2), 1, [](double a, double, double) { return std::clamp(a, -1.0, 2.0); }},
      {"leaky", LeakyRelu(0.25), 1, [](double a, double, double) { return leaky(a, 0.25); }},
      {"relu", LeakyRelu(0), 1, [](double a, double, double) { return std::max(a, 0.0); }},
      {"normal_cdf", NormalCdf{}, 1, [](double a, double, double) { return normal_cdf(a); }, -6, 6,
       8},
      {"gelu", Gelu{}, 1, [](double a, double, double) { return a * normal_cdf(a); }, -6, 6, 8},
      {"gelu_tanh", GeluTanh{}, 1,
       [](double a, double, double) { return a * normal_cdf_by_tanh(a); }, -6, 6, 32},
  };
}

inline std::vector<Elementwise> binary_operations() {
  return {
      {"add", Add{}, 2, [](double a, double b, double) { return a + b; }},
      {"sub", Sub{}, 2, [](double a, double b, double) { return a - b; }},
      {"mul", Mul{}, 2, [](double a, double b, double) { return a * b; }},
      {"div", Div{}, 2, [](double a, double b, double) { return a / b; }},
      {"maximum", Maximum{}, 2, [](double a, double b, double) { return std::max(a, b); }},
      {"minimum", Minimum{}, 2, [](double a, double b, double) { return std::min(a, b); }},
      {"add_scaled", AddScaled(-0.5), 2, [](double a, double b, double) { return a - 0.5 * b; }},
      {"greater_equal", GreaterEqual{}, 2, [](double a, double b, double) { return a >= b; }},
      {"greater", Greater{}, 2, [](double a, double b, double) { return a > b; }},
      {"equal", Equal{}, 2, [](double a, double b, double) { return a == b; }},
      {"leaky_grad", LeakyReluGrad(0.25), 2,
       [](double dy, double x, double) { return x > 0 ? dy : 0.25 * dy; }},
      {"tanh_grad", TanhGrad{}, 2, [](double dy, double y, double) { return dy * (1 - y * y); }, -1,
       1, 2, 2},
      {"sigmoid_grad", SigmoidGrad{}, 2,
       [](double dy, double y, double) { return dy * y * (1 - y); }, 0, 1, 2},
      {"gelu_grad", GeluGrad{}, 2,
       [](double dy, double x, double) { return dy * (normal_cdf(x) + x * normal_pdf(x)); }, -5, 5,
       8, 16},
      {"gelu_tanh_grad", GeluTanhGrad{}, 2,
       [](double dy, double x, double) {
         const double t = normal_cdf_by_tanh(x);
         const double slope = 2 * std::sqrt(2 / std::acos(-1.0)) * (1 + 3 * 0.044715 * x * x);
         return dy * (t + x * t * (1 - t) * slope);
       },
       -5, 5, 32, 16},
  };
}

inline std::vector<Elementwise> operations() {
  std::vector<Elementwise> all = unary_operations();
  for (auto& operation : binary_operations()) all.push_back(operation);
  all.push_back({"where", Where{}, 3, [](double m, double a, double b) { return m != 0 ? a : b; }});
  all.push_back({"mul_add", MulAdd{}, 3, [](double a, double b, double c) { return a * b + c; }, -4,
                 4, 1, 4});
  return all;
}

}  // namespace etude::reference
