#pragma once
// What the CPU's ways to a product share: memory, the epilogue of a block of c, bf16.

#include <cstddef>
#include <memory>
#include <new>

#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/problem.h"

namespace etude {

/// Memory that a thread keeps from call to call, so that a product allocates nothing.
template <class T>
class Workspace {
 public:
  T* at_least(std::int64_t n) {
    if (n > size_) {
      memory_.reset(
          static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), kAlignment)));
      size_ = n;
    }
    return memory_.get();
  }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(T* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<T[], Free> memory_;
  std::int64_t size_ = 0;
};

/// A block of c: its first element's place in all of c and column, its extents, c's row stride.
struct Block {
  std::int64_t index, column, rows, cols, c_row;
};

/// x = residual + activation(x + bias) for the sums of a block, alpha * a * b + beta * c, at x with
/// rows `x_row` apart; called while they are in a near cache.
template <class T>
void finish_block(const Epilogue<T>& e, compute_t<T>* x, std::int64_t x_row, const Block& at) {
  using C = compute_t<T>;
  if (e.only_scales()) return;
  with_activation(e.activation, [&]<Activation A>() {
    for (std::int64_t r = 0; r < at.rows; ++r, x += x_row) {
      if (e.bias) {
        const T* bias = e.bias + at.column;
#pragma omp simd
        for (std::int64_t j = 0; j < at.cols; ++j) x[j] += static_cast<C>(bias[j]);
      }
      if constexpr (A != Activation::none) {
#pragma omp simd
        for (std::int64_t j = 0; j < at.cols; ++j) x[j] = activate<A>(x[j]);
      }
      if (e.residual) {
        const T* residual = e.residual + at.index + r * at.c_row;
#pragma omp simd
        for (std::int64_t j = 0; j < at.cols; ++j) x[j] = static_cast<C>(residual[j]) + x[j];
      }
    }
  });
}

namespace cpu {
/// A bf16 product by an f32 one, `multiply`: block by block of c the operands are widened, and the
/// finished sums rounded once.
void matmul_widened(const View& a, const View& b, const View& c, const MatmulOptions& options,
                    void (*multiply)(Stream&, const View&, const View&, const View&,
                                     const MatmulOptions&));
}  // namespace cpu

}  // namespace etude
