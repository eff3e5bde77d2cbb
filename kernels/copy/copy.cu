#include "kernels/copy/copy.h"

#include "kernels/copy/convert.h"
#include "kernels/core/map.cuh"

namespace etude {
namespace {

constexpr int kTile = 32;
constexpr int kTileRows = 8;  // of the block: each thread moves kTile / kTileRows elements

template <class Y, class X>
struct TransposeArguments {
  Y* y;
  const X* x;
  std::uint32_t columns, rows;  // extents along which y, x are contiguous
  std::int64_t x_step, y_step;  // x's from column to column, y's from row to row
  gpu::Divisor tiles_across, tiles_down;
  gpu::StridedIndex<2> outer;  // the dimensions around the matrices; 0: y, 1: x
};

/// y[j, i] = cast(x[i, j]) for each of many matrices
/// shapes  x: [..., columns, rows], y: [..., rows, columns], last dimension contiguous
/// dtype   any -> any
/// launch  grid = one block per 32 x 32 tile, block = (32, 8), shared = 33 rows of 32, 1 barrier
/// edges   tiles may overhang; the 33rd column keeps a warp's column reads on 32 banks
/// error   the cast's
/// cost    numel * (sizeof(X) + sizeof(Y)) bytes; memory bound
template <class Y, class X>
__global__ void __launch_bounds__(kTile* kTileRows) transpose_kernel(TransposeArguments<Y, X> a) {
  launch_bound(kTile * kTileRows);
  struct Smem {
    Y tile[kTile][kTile + 1];
  };
  Smem& smem = shared<Smem>();
  const std::uint32_t down = a.tiles_across.quotient(blockIdx.x);
  const std::uint32_t matrix = a.tiles_down.quotient(down);
  const std::uint32_t i0 = (blockIdx.x - down * a.tiles_across.value) * kTile;
  const std::uint32_t j0 = (down - matrix * a.tiles_down.value) * kTile;
  std::int64_t offset[2] = {};
  a.outer.locate(matrix, offset);

  for (std::uint32_t r = threadIdx.y; r < kTile; r += kTileRows) {
    const std::uint32_t i = i0 + r, j = j0 + threadIdx.x;
    if (i < a.columns && j < a.rows) {
      smem.tile[r][threadIdx.x] = Convert<Y>{}(a.x[offset[1] + i * a.x_step + j]);
    }
  }
  __syncthreads();
  for (std::uint32_t r = threadIdx.y; r < kTile; r += kTileRows) {
    const std::uint32_t i = i0 + threadIdx.x, j = j0 + r;
    if (i < a.columns && j < a.rows) a.y[offset[0] + j * a.y_step + i] = smem.tile[threadIdx.x][r];
  }
}

/// Whether the walk is over transposed matrices: y runs along dimension 0, x along dimension 1.
bool is_transposition(const Strided<2>& s, const TileShape& shape) {
  return shape.width == kSquareTile && shape.height == kSquareTile && s.stride[0][0] == 1;
}

template <class Y, class X>
void launch_transpose(Stream& stream, const Strided<2>& s, Y* y, const X* x) {
  Strided<2> outer;
  outer.rank = std::max(1, s.rank - 2);
  for (int d = 2; d < s.rank; ++d) {
    outer.extent[d - 2] = s.extent[d];
    for (int k = 0; k < 2; ++k) outer.stride[k][d - 2] = s.stride[k][d];
  }
  const auto tiles = [](std::int64_t n) {
    return gpu::Divisor(static_cast<std::uint32_t>(ceil_div(n, kTile)));
  };
  const TransposeArguments<Y, X> a{y,
                                   x,
                                   static_cast<std::uint32_t>(s.extent[0]),
                                   static_cast<std::uint32_t>(s.extent[1]),
                                   s.stride[1][0],
                                   s.stride[0][1],
                                   tiles(s.extent[0]),
                                   tiles(s.extent[1]),
                                   gpu::StridedIndex<2>(outer)};
  const auto blocks = a.tiles_across.value * a.tiles_down.value * outer.numel();
  launch(stream, {.grid = grid_of(blocks), .block = dim3(kTile, kTileRows)}, transpose_kernel<Y, X>,
         a);
}

template <class Y, class X>
void copy_as(Stream& stream, const View& x, const View& y) {
  const std::span inputs(&x, 1);
  Strided<2> s = collapse<2>(y, inputs);
  const TileShape shape = choose_tiles(s);
  if (is_transposition(s, shape) && s.numel() <= std::numeric_limits<std::int32_t>::max()) {
    launch_transpose(stream, s, y.as<Y>(), x.as<X>());
  } else {
    gpu::map<Y, X, 1>(stream, Convert<Y>{}, inputs, y);
  }
}

}  // namespace

void gpu::copy(Stream& s, const View& x, const View& y) {
  dispatch_any("copy", x.dtype, [&]<class X>() {
    dispatch_any("copy", y.dtype, [&]<class Y>() { copy_as<Y, X>(s, x, y); });
  });
}

void gpu::fill(Stream& s, const View& y, double value) {
  dispatch_any("fill", y.dtype,
               [&]<class Y>() { map<Y, Y, 0>(s, Constant<Y>{Convert<Y>{}(value)}, {}, y); });
}

}  // namespace etude
