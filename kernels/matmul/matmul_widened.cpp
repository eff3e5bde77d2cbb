// bf16 on the CPU, which has no arithmetic for it: blocks of the operands become f32.

#include "kernels/matmul/matmul_cpu.h"

namespace etude {
namespace {

// Of c and of the depth. An element of a is widened once for kCols multiply-adds, one of b for
// kRows, and a sum is read and written once for kDepth.
constexpr std::int64_t kRows = 256, kCols = 1024, kDepth = 1024;

/// to[rows, cols] = x; `to` keeps the order of x in memory, and the view of it the order of x.
View widen(const bf16* x, std::int64_t rows, std::int64_t cols, const MatrixStrides& s, float* to) {
  const bool down = s.col != 1;  // a transposed operand: its columns are the runs of memory
  const std::int64_t lines = down ? cols : rows, length = down ? rows : cols;
  const std::int64_t step = down ? s.col : s.row;
  for (std::int64_t i = 0; i < lines; ++i) {
    const bf16* line = x + i * step;
    for (std::int64_t j = 0; j < length; ++j) to[i * length + j] = static_cast<float>(line[j]);
  }
  return View(to, DType::f32, {rows, cols}, down ? Dims{1, rows} : Dims{cols, 1});
}

}  // namespace

void cpu::matmul_widened(const View& a, const View& b, const View& c, const MatmulOptions& options,
                         void (*multiply)(Stream&, const View&, const View&, const View&,
                                          const MatmulOptions&)) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  if (p.empty()) return;
  const Epilogue<bf16> epilogue(options);
  const std::int64_t down = (p.m + kRows - 1) / kRows, across = (p.n + kCols - 1) / kCols;
  const std::int64_t blocks = p.batch * down * across;
  // A block to each thread, or, where there are too few, all threads to each block.
  const int threads = matmul_threads(p);
  for_each_task(blocks, blocks >= threads ? threads : 1, [&](std::int64_t block) {
    static thread_local Scratch a_space, b_space, sum_space;
    const std::int64_t i = block / (down * across), m = block / across % down * kRows,
                       n = block % across * kCols;
    const Block at{.index = (i * p.m + m) * p.n + n,
                   .column = n,
                   .rows = std::min(kRows, p.m - m),
                   .cols = std::min(kCols, p.n - n),
                   .c_row = p.n};
    const bf16* a_rows = a.as<bf16>() + i * p.a.batch + m * p.a.row;
    const bf16* b_cols = b.as<bf16>() + i * p.b.batch + n * p.b.col;
    float* sums = sum_space.at_least<float>(at.rows * at.cols);
    if (options.beta != 0) {
      widen(c.as<bf16>() + at.index, at.rows, at.cols, {p.n, 1, 0}, sums);
    }
    std::int64_t k = 0;
    do {  // once for an empty depth too: c becomes beta * c
      const std::int64_t depth = std::min(kDepth, p.k - k);
      multiply(Stream::of(Device::cpu),
               widen(a_rows + k * p.a.col, at.rows, depth, p.a,
                     a_space.at_least<float>(at.rows * depth)),
               widen(b_cols + k * p.b.row, depth, at.cols, p.b,
                     b_space.at_least<float>(depth * at.cols)),
               View(sums, DType::f32, {at.rows, at.cols}),
               {.alpha = options.alpha, .beta = k == 0 ? options.beta : 1});
      k += kDepth;
    } while (k < p.k);
    finish_block(epilogue, sums, at.cols, at);
    for (std::int64_t r = 0; r < at.rows; ++r) {
      bf16* row = c.as<bf16>() + at.index + r * p.n;
      for (std::int64_t j = 0; j < at.cols; ++j) row[j] = bf16(sums[r * at.cols + j]);
    }
  });
}

}  // namespace etude
