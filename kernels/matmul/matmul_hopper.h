#pragma once
// The product by Hopper's own instructions, ladder/5_hopper.cuh: CUDA builds only, and not yet run
// on a card. Here also what of it is plain C++, and so is tested without one: the order of its
// tiles, and which products it takes.

#include "kernels/core/hopper.h"
#include "kernels/matmul/problem.h"

namespace etude {

/// Whether the current device is a Hopper card (compute capability 9.0, exactly) and has code of
/// this build that was made for sm_90a. Never on the SIMT runtime.
bool hopper_available();

/// As gpu::matmul, bf16 with f32 sums. A product that does not suit TMA (see matmul_hopper_suits),
/// or a card where it is not available, goes to the best of the other rungs. Throws Error where the
/// driver refuses an operand that suits, or the card has no room for a block.
void matmul_hopper(Stream&, const View& a, const View& b, const View& c, const MatmulOptions&);

/// The order in which the blocks, `count()` of them at most, take the tiles of c. Blocks that run
/// at the same time take consecutive tiles, and the operands they share come from L2: so
/// consecutive tiles form a compact patch of c, not a row of it. They go down a band of kBand rows
/// of tiles, then one column further. 16 tiles of 128 rows by the 8 columns of 256 that 132 blocks
/// reach are square: 2048 x 2112 elements, the fewest operand elements for that many of c.
struct HopperTiles {
  static constexpr int kRows = 128, kCols = 256, kBand = 16;

  struct Place {
    int batch, row, col;  // of the tile's first element
    bool operator==(const Place&) const = default;
  };

  int batch, down, across;

  explicit HopperTiles(const MatmulProblem& p)
      : batch(static_cast<int>(p.batch)),
        down(static_cast<int>((p.m + kRows - 1) / kRows)),
        across(static_cast<int>((p.n + kCols - 1) / kCols)) {}

  HOST_DEVICE std::int64_t count() const { return std::int64_t{batch} * down * across; }

  /// `index` is below count(), which is at most 2^30.
  HOST_DEVICE Place place(int index) const {
    const int matrix = index / (down * across), tile = index % (down * across);
    const int first = tile / (kBand * across) * kBand;  // row of tiles
    const int height = down - first < kBand ? down - first : kBand;
    const int in_band = tile - first * across;
    return {matrix, (first + in_band % height) * kRows, in_band / height * kCols};
  }
};

/// An operand as TMA takes it: rows (or columns) that start at multiples of 16 bytes, do not
/// overlap and count at most 2^30. The driver's header gives the stride of the batch as that of a
/// line times (lines + padding), so matrices follow each other by whole lines and do not overlap
/// either; with one matrix the padding is none.
struct HopperOperand {
  Major major;
  std::uint64_t along, across;            // extents: along the major axis, and the other one
  std::uint64_t line_bytes, batch_bytes;  // strides
  bool shared;                            // one matrix for the whole batch
  bool valid;

  HopperOperand(const View& x, const MatrixStrides& s, std::int64_t batch, std::int64_t rows,
                std::int64_t cols, bool k_is_cols) {
    const BlasMatrix layout(s, rows, cols);
    major = layout.transposed != k_is_cols ? Major::k : Major::mn;
    along = static_cast<std::uint64_t>(layout.transposed ? rows : cols);
    across = static_cast<std::uint64_t>(layout.transposed ? cols : rows);
    line_bytes = static_cast<std::uint64_t>(layout.leading) * 2;
    shared = batch <= 1 || s.batch == 0;
    batch_bytes = shared ? line_bytes * across : static_cast<std::uint64_t>(s.batch) * 2;
    constexpr std::uint64_t kMaxExtent = 1u << 30, kMaxStride = std::uint64_t{1} << 40;
    valid = x.dtype == DType::bf16 && layout.valid &&
            reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && line_bytes % 16 == 0 &&
            along > 0 && across > 0 && along <= kMaxExtent && across <= kMaxExtent &&
            line_bytes < kMaxStride && batch_bytes < kMaxStride && batch_bytes % line_bytes == 0 &&
            batch_bytes / line_bytes >= across;
  }
};

/// Whether the Hopper rung takes the product itself: bf16, K > 0, and operands that suit TMA.
inline bool matmul_hopper_suits(const View& a, const View& b, const View& c,
                                const MatmulOptions& options) {
  const MatmulProblem p = matmul_problem(a, b, c, options);
  return c.dtype == DType::bf16 && !p.empty() && p.k > 0 && p.batch <= 1 << 30 &&
         HopperTiles(p).count() <= 1 << 30 &&
         HopperOperand(a, p.a, p.batch, p.m, p.k, true).valid &&
         HopperOperand(b, p.b, p.batch, p.k, p.n, false).valid;
}

}  // namespace etude
