#pragma once
// Products of matrices, single or batched, with either operand transposed through its strides.

#include <span>

#include "kernels/core/view.h"
#include "kernels/runtime/runtime.h"

namespace etude {

/// gelu is the exact x P(Z <= x), Z standard normal; gelu_tanh is GPT-2's approximation of it,
/// x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
enum class Activation : std::uint8_t { none, relu, gelu, gelu_tanh };

/// c = residual + activation(alpha * a * b + beta * c + bias); a view without data is none.
struct MatmulOptions {
  double alpha = 1;  // 0: a and b are not read
  double beta = 0;   // 0: c is not read
  View bias = {};    // [N], c's dtype
  Activation activation = Activation::none;
  View residual = {};  // of c's shape and dtype, contiguous, apart from c
  bool tf32 = false;   // f32 on the GPU may round a and b to 10 bits of mantissa: tensor cores
};

namespace cpu {
void matmul(Stream&, const View& a, const View& b, const View& c, const MatmulOptions& = {});
/// The product without any library: what `matmul` uses for f64, for small and for deep shapes, and
/// for all where the build has no oneDNN.
void matmul_plain(Stream&, const View& a, const View& b, const View& c, const MatmulOptions& = {});
}  // namespace cpu
namespace gpu {
void matmul(Stream&, const View& a, const View& b, const View& c, const MatmulOptions& = {});
}  // namespace gpu

/// One way to compute the product on the GPU: a step of the ladder, or a library.
struct MatmulRung {
  const char* name;
  const char* idea;
  /// Arguments as of `matmul`, and not checked.
  void (*run)(Stream&, const View& a, const View& b, const View& c, const MatmulOptions&);
  DType dtype = DType::f32;  // of a, b and c; what c's rounding costs follows from it
  /// Unit roundoff to which a product's factors are rounded beyond their storage: tf32 2^-11; f32,
  /// and bf16, whose factors stay exact, 2^-24.
  double roundoff = 0x1p-24;
};
/// The ladder from the bottom up; in CUDA builds with cuBLAS the last entries are the library's.
std::span<const MatmulRung> matmul_rungs();

namespace detail {
inline void check_matrix(const char* name, const View& x) {
  const int r = x.rank();
  require(x.dim(r - 2) <= 1 || x.dim(r - 1) <= 1 || x.strides[r - 2] == 1 || x.strides[r - 1] == 1,
          "matmul: one of the last two strides of ", name, " must be 1, not ", x.strides);
}
inline void check_matmul(const View& a, const View& b, const View& c) {
  const int r = c.rank();
  require(
      (r == 2 || r == 3) && a.rank() == r && b.rank() == r && a.dim(r - 2) == c.dim(r - 2) &&
          a.dim(r - 1) == b.dim(r - 2) && b.dim(r - 1) == c.dim(r - 1) &&
          (r == 2 || (a.dim(0) == c.dim(0) && b.dim(0) == c.dim(0))),
      "matmul: a, b, c must be [M, K], [K, N], [M, N], or each with one batch dimension before, "
      "not ",
      a.shape, ", ", b.shape, ", ", c.shape);
  require(a.dtype == c.dtype && b.dtype == c.dtype, "matmul: a is ", name_of(a.dtype), ", b is ",
          name_of(b.dtype), ", c is ", name_of(c.dtype));
  require(c.contiguous(), "matmul: c must be contiguous, not strided by ", c.strides);
  check_matrix("a", a);
  check_matrix("b", b);
}
inline void check_epilogue(const View& c, const MatmulOptions& options) {
  const auto check = [&](const char* name, const View& x, const Dims& shape) {
    require(!x.data || (x.dtype == c.dtype && x.shape == shape && x.contiguous()), "matmul: ", name,
            " must be ", name_of(c.dtype), " ", shape, " without gaps, not ", name_of(x.dtype), " ",
            x.shape, " strided by ", x.strides);
  };
  check("bias", options.bias, {c.dim(c.rank() - 1)});
  check("residual", options.residual, c.shape);
}
}  // namespace detail

/// c = residual + activation(alpha * a * b + beta * c + bias).
/// a: [(batch,) M, K], b: [(batch,) K, N], c: [(batch,) M, N] contiguous and apart from all others;
/// f32 | bf16 (f32 sums) | f64 (cpu). a and b: any strides of which one of the last two is 1, so a
/// transposed operand is a permuted view; a batch stride of 0 shares one matrix. K = 0 leaves the
/// product out. bf16 is rounded once, at the store (by cuBLAS once more, before what it cannot do).
/// Throws Error for other shapes, strides and dtypes. Source: Dongarra et al., "A set of level 3
/// basic linear algebra subprograms", ACM TOMS 16, 1990 (xGEMM, whose rules for alpha and beta
/// hold).
inline void matmul(Stream& s, const View& a, const View& b, const View& c,
                   const MatmulOptions& options = {}) {
  detail::check_matmul(a, b, c);
  detail::check_epilogue(c, options);
  (s.device() == Device::cpu ? cpu::matmul : gpu::matmul)(s, a, b, c, options);
}

}  // namespace etude
