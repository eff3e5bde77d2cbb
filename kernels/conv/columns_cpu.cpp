// With col[(c,r,s), (p,q)] = x[c, p stride - pad + r dilation, ...], per image and group
//     y = w col        dx = gather back of (w^T dy)        dw = sum over images of dy col^T
// Source: Chellapilla et al., "High Performance Convolutional Neural Networks for Document
// Processing", 2006.

#include "kernels/conv/columns_cpu.h"

#include "kernels/core/vector_cpu.h"
#include "kernels/matmul/matmul.h"

namespace etude::cpu::columns {
namespace {

constexpr std::int64_t kChunk = 1 << 18;  // elements of the matrices that exist at a time

/// The positions [begin, end) whose tap r lies inside an input of `extent`.
struct Inside {
  std::int64_t begin, end;

  Inside(std::int64_t r, std::int64_t extent, std::int64_t positions, std::int64_t stride,
         std::int64_t pad, std::int64_t dilation) {
    const std::int64_t first = read_position(std::int64_t{0}, r, stride, pad, dilation);
    begin = std::min(positions, first >= 0 ? 0 : ceil_div(-first, stride));
    end = std::clamp(extent > first ? ceil_div(extent - first, stride) : 0, begin, positions);
  }
};

/// Calls body(column, p, q, x_offset) for each row of the columns of one channel's plane that lies
/// inside the input: n = q.end - q.begin positions, each `stride_w` further in x. What is outside
/// gets outside(column, from, to) in positions of the whole plane.
template <class Body, class OutsideBody>
void for_rows(const ConvProblem& p, Body body, OutsideBody outside) {
  for (std::int64_t r = 0; r < p.R; ++r) {
    const Inside rows(r, p.H, p.P, p.stride_h, p.pad_h, p.dilation_h);
    for (std::int64_t s = 0; s < p.S; ++s) {
      const Inside q(s, p.W, p.Q, p.stride_w, p.pad_w, p.dilation_w);
      const std::int64_t column = r * p.S + s;
      outside(column, 0, rows.begin * p.Q);
      outside(column, rows.end * p.Q, p.P * p.Q);
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        const std::int64_t h = read_position(row, r, p.stride_h, p.pad_h, p.dilation_h);
        const std::int64_t w = read_position(q.begin, s, p.stride_w, p.pad_w, p.dilation_w);
        outside(column, row * p.Q, row * p.Q + q.begin);
        outside(column, row * p.Q + q.end, (row + 1) * p.Q);
        body(column, row * p.Q + q.begin, q.end - q.begin, h * p.W + w);
      }
    }
  }
}

/// col: [planes, R*S, P*Q] from x: [planes, H, W].
template <class T>
void to_columns(const ConvProblem& p, std::int64_t planes, const T* x, T* col) {
  const std::int64_t size = p.P * p.Q;
#pragma omp parallel for schedule(static) if (planes * p.taps() * size > 16384)
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const T* from = x + plane * p.H * p.W;
    T* to = col + plane * p.taps() * size;
    for_rows(
        p,
        [&](std::int64_t column, std::int64_t at, std::int64_t n, std::int64_t offset) {
          for (std::int64_t i = 0; i < n; ++i) {
            to[column * size + at + i] = from[offset + i * p.stride_w];
          }
        },
        [&](std::int64_t column, std::int64_t begin, std::int64_t end) {
          std::fill(to + column * size + begin, to + column * size + end, T{0});
        });
  }
}

/// x: [planes, H, W] = the sum of the columns that read each element.
template <class T>
void from_columns(const ConvProblem& p, std::int64_t planes, const T* col, T* x) {
  const std::int64_t size = p.P * p.Q;
#pragma omp parallel for schedule(static) if (planes * p.taps() * size > 16384)
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    const T* from = col + plane * p.taps() * size;
    T* to = x + plane * p.H * p.W;
    std::fill_n(to, p.H * p.W, T{0});
    for_rows(
        p,
        [&](std::int64_t column, std::int64_t at, std::int64_t n, std::int64_t offset) {
          for (std::int64_t i = 0; i < n; ++i) {
            to[offset + i * p.stride_w] += from[column * size + at + i];
          }
        },
        [](auto...) {});
  }
}

/// A contiguous [batch, rows, cols] at `data`; shared: the same matrix for the whole batch.
template <class T>
View matrices(const T* data, std::int64_t batch, std::int64_t rows, std::int64_t cols,
              bool shared = false) {
  View view(const_cast<T*>(data), dtype_of<T>, {batch, rows, cols});
  if (shared) view.strides[0] = 0;
  return view;
}

View transposed(View view) {
  std::swap(view.shape[1], view.shape[2]);
  std::swap(view.strides[1], view.strides[2]);
  return view;
}

/// Calls body(first image, images) over the batch, a chunk at a time; with more than one group, one
/// image at a time, so that the groups are the batch of the product.
template <class Body>
void for_chunks(const ConvProblem& p, std::int64_t elements_per_image, Body body) {
  const std::int64_t fit = kChunk / std::max<std::int64_t>(1, elements_per_image);
  const std::int64_t step =
      p.groups > 1 ? 1 : std::clamp<std::int64_t>(fit, 1, std::max<std::int64_t>(1, p.B));
  for (std::int64_t b = 0; b < p.B; b += step) body(b, std::min(step, p.B - b));
}

template <class T>
T* scratch(std::int64_t n) {
  static thread_local Scratch memory;
  return memory.at_least<T>(n);
}

}  // namespace

void forward(const ConvProblem& p, const View& x, const View& w, const View& y) {
  const std::int64_t depth = p.Cg() * p.taps(), size = p.P * p.Q, col_size = p.C * p.taps() * size;
  dispatch<float, double>("conv", x.dtype, [&]<class T>() {
    for_chunks(p, col_size, [&](std::int64_t b, std::int64_t n) {
      T* col = scratch<T>(n * col_size);
      to_columns(p, n * p.C, x.as<T>() + b * p.C * p.H * p.W, col);
      cpu::matmul(Stream::of(Device::cpu),
                  matrices(w.as<T>(), n * p.groups, p.Kg(), depth, p.groups == 1),
                  matrices(col, n * p.groups, depth, size),
                  matrices(y.as<T>() + b * p.K * size, n * p.groups, p.Kg(), size));
    });
  });
}

void input_grad(const ConvProblem& p, const View& dy, const View& w, const View& dx) {
  const std::int64_t depth = p.Cg() * p.taps(), size = p.P * p.Q, col_size = p.C * p.taps() * size;
  dispatch<float, double>("conv_input_grad", dx.dtype, [&]<class T>() {
    for_chunks(p, col_size, [&](std::int64_t b, std::int64_t n) {
      T* col = scratch<T>(n * col_size);
      cpu::matmul(Stream::of(Device::cpu),
                  transposed(matrices(w.as<T>(), n * p.groups, p.Kg(), depth, p.groups == 1)),
                  matrices(dy.as<T>() + b * p.K * size, n * p.groups, p.Kg(), size),
                  matrices(col, n * p.groups, depth, size));
      from_columns(p, n * p.C, col, dx.as<T>() + b * p.C * p.H * p.W);
    });
  });
}

void weight_grad(const ConvProblem& p, const View& x, const View& dy, const View& dw) {
  const std::int64_t depth = p.Cg() * p.taps(), size = p.P * p.Q, col_size = p.C * p.taps() * size;
  const std::int64_t dw_size = p.K * depth;
  dispatch<float, double>("conv_weight_grad", x.dtype, [&]<class T>() {
    T* sum = dw.as<T>();
    std::fill_n(sum, dw_size, T{0});
    for_chunks(p, col_size + dw_size, [&](std::int64_t b, std::int64_t n) {
      T* col = scratch<T>(n * (col_size + dw_size));
      T* part = col + n * col_size;
      to_columns(p, n * p.C, x.as<T>() + b * p.C * p.H * p.W, col);
      cpu::matmul(Stream::of(Device::cpu),
                  matrices(dy.as<T>() + b * p.K * size, n * p.groups, p.Kg(), size),
                  transposed(matrices(col, n * p.groups, depth, size)),
                  matrices(part, n * p.groups, p.Kg(), depth));
#pragma omp parallel for schedule(static) if (n * dw_size > 16384)
      for (std::int64_t i = 0; i < dw_size; ++i) {
        for (std::int64_t image = 0; image < n; ++image) sum[i] += part[image * dw_size + i];
      }
    });
  });
}

}  // namespace etude::cpu::columns
