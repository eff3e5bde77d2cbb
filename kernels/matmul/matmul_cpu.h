#pragma once
// What the CPU's ways to a product share: its tasks, the epilogue of a block of c, bf16.

#include <cstddef>

#include "kernels/core/parallel.h"
#include "kernels/core/scratch.h"
#include "kernels/matmul/epilogue.h"
#include "kernels/matmul/problem.h"

namespace etude {

/// body(task) for each, shared out among the threads in one fixed way. An exception of a body
/// reaches the caller.
template <class Body>
void for_each_task(std::int64_t tasks, int threads, Body body) {
  if (threads == 1) {  // a parallel region can cost as much as a tiny product
    for (std::int64_t task = 0; task < tasks; ++task) body(task);
    return;
  }
  CaughtException caught;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (std::int64_t task = 0; task < tasks; ++task) caught.run([&] { body(task); });
  caught.rethrow();
}

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
/// A bf16 product by f32 ones, `multiply`: block by block of c the operands are widened, a part of
/// the depth at a time, and the finished f32 sums rounded once. Takes 6 MiB a thread, in any shape.
void matmul_widened(const View& a, const View& b, const View& c, const MatmulOptions& options,
                    void (*multiply)(Stream&, const View&, const View&, const View&,
                                     const MatmulOptions&));
}  // namespace cpu

}  // namespace etude
