// In the layouts of blocked_layout_cpu.h, for one output pixel and one tap, the images of the batch
// are the rows of a small matrix product whose operands both lie in order: no im2col matrix exists,
// taps that fall into the padding (or, transposed, between strides) are skipped instead of
// multiplied, and the sums of a tile stay in registers.
// Source: after Zhang et al., "High Performance Zero-Memory Overhead Direct Convolutions", ICML
// 2018 (blocked channels), with the batch in place of the row of pixels.

#include "kernels/conv/blocked_cpu.h"

#include "kernels/conv/blocked_layout_cpu.h"
#include "kernels/core/panel_cpu.h"

namespace etude::cpu::blocked {
namespace {

/// The blocked operands of a problem, in scratch memory.
struct Operands {
  Blocks c, k;
  std::int64_t x_size, y_size, w_size;
  float *x, *y, *w;

  explicit Operands(const ConvProblem& p, bool k_in_lanes)
      : c{p.groups, p.Cg()},
        k{p.groups, p.Kg()},
        x_size(c.count() * p.H * p.W * p.B * kLanes),
        y_size(k.count() * p.P * p.Q * p.B * kLanes),
        w_size(k_in_lanes ? k.count() * p.taps() * c.padded() * kLanes
                          : c.count() * p.taps() * k.padded() * kLanes) {
    static thread_local Scratch scratch;
    x = scratch.at_least<float>(x_size + y_size + w_size);
    y = x + x_size;
    w = y + y_size;
  }
};

/// One side of a product over taps: extents of its pixels and its channels.
struct Side {
  const Blocks& blocks;
  std::int64_t height, width;
};

/// out[pixel] = sum over taps of in[source(pixel, tap)] * w[tap], for blocked operands.
/// row_source(h, r) and column_source(w, s): the input's row and column, or outside [0, extent).
template <class RowSource, class ColumnSource>
void gather(const ConvProblem& p, const Side& in_side, const Side& out_side, const float* in,
            const float* w, float* out, RowSource row_source, ColumnSource column_source) {
  const std::int64_t depth_blocks = in_side.blocks.per_group(), row = p.B * kLanes;
  const std::int64_t in_plane = in_side.height * in_side.width * row;
  const std::int64_t out_plane = out_side.height * out_side.width * row;
  const std::int64_t tap_size = in_side.blocks.padded() * kLanes, w_plane = p.taps() * tap_size;
  const Panels panels{out_side.blocks.per_group()};
  const std::int64_t all_panels = p.groups * panels.count();
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < out_side.height * out_side.width * all_panels; ++task) {
    const std::int64_t pixel = task / all_panels, panel = task % all_panels % panels.count();
    const std::int64_t group = task % all_panels / panels.count();
    const std::int64_t block = group * panels.blocks + panels.begin(panel);
    const float* in_group = in + group * depth_blocks * in_plane;
    Depth depth(out + block * out_plane + pixel * row, p.B, panels.size(panel),
                {kLanes, w_plane, out_plane, false});
    for (std::int64_t r = 0; r < p.R; ++r) {
      const std::int64_t ih = row_source(pixel / out_side.width, r);
      if (ih < 0 || ih >= in_side.height) continue;
      for (std::int64_t s = 0; s < p.S; ++s) {
        const std::int64_t iw = column_source(pixel % out_side.width, s);
        if (iw < 0 || iw >= in_side.width) continue;
        const float* a = in_group + (ih * in_side.width + iw) * row;
        const float* b = w + block * w_plane + (r * p.S + s) * tap_size;
        for (std::int64_t i = 0; i < depth_blocks; ++i) {
          depth.add(a + i * in_plane, b + i * kLanes * kLanes);
        }
      }
    }
    depth.finish();
  }
}

/// dw[tap] += x^T dy over the output pixels [begin, end) of row `ph`, for the lanes of one block of
/// x's channels and one panel of y's.
struct WeightGradTask {
  const ConvProblem& p;
  const float *x, *dy;  // the block's plane, the panel's first plane
  float* dw;
  std::int64_t channels, vectors;  // used ones
  std::int64_t dw_tap;

  void add(std::int64_t ph, std::int64_t begin, std::int64_t end, std::int64_t r, std::int64_t s,
           TileLayout layout) const {
    static constexpr int kMost = 64;
    Segment segments[kMost];
    int count = 0;
    const std::int64_t row = p.B * kLanes;
    const std::int64_t h = read_position(ph, r, p.stride_h, p.pad_h, p.dilation_h);
    if (h < 0 || h >= p.H) return;
    for (std::int64_t q = begin; q < end; ++q) {
      const std::int64_t w = read_position(q, s, p.stride_w, p.pad_w, p.dilation_w);
      if (w < 0 || w >= p.W) continue;
      segments[count++] = {x + (h * p.W + w) * row, dy + (ph * p.Q + q) * row};
    }
    if (count == 0) return;
    for (std::int64_t c = 0; c < channels; c += kTileRows) {
      tile_of<1, kLanes>(std::min<std::int64_t>(kTileRows, channels - c), vectors)(
          segments, count, layout, dw + (r * p.S + s) * dw_tap + c * kLanes);
      for (int i = 0; i < count; ++i) segments[i].a += kTileRows;
    }
  }
};

void gather_weight_grad(const ConvProblem& p, const Operands& o) {
  const std::int64_t row = p.B * kLanes, y_plane = p.P * p.Q * row;
  const std::int64_t dw_tap = o.c.padded() * kLanes, dw_plane = p.taps() * dw_tap;
  const Panels panels{o.k.per_group()};
  const std::int64_t run = std::clamp<std::int64_t>(kDepth / p.B, 1, 64);
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.c.count() * panels.count(); ++task) {
    const std::int64_t c = task / panels.count(), panel = task % panels.count();
    const std::int64_t k = c / o.c.per_group() * panels.blocks + panels.begin(panel);
    const WeightGradTask t{p,
                           o.x + c * p.H * p.W * row,
                           o.y + k * y_plane,
                           o.w + k * dw_plane + c % o.c.per_group() * kLanes * kLanes,
                           o.c.used(c),
                           panels.size(panel),
                           dw_tap};
    for (std::int64_t v = 0; v < t.vectors; ++v) {
      for (std::int64_t tap = 0; tap < p.taps(); ++tap) {
        std::fill_n(t.dw + v * dw_plane + tap * dw_tap, kLanes * kLanes, 0.0f);
      }
    }
    for (std::int64_t ph = 0; ph < p.P; ++ph) {
      for (std::int64_t q = 0; q < p.Q; q += run) {
        for (std::int64_t r = 0; r < p.R; ++r) {
          for (std::int64_t s = 0; s < p.S; ++s) {
            t.add(ph, q, std::min(q + run, p.Q), r, s, {p.B, y_plane, dw_plane, true});
          }
        }
      }
    }
  }
}

}  // namespace

bool suits(const ConvProblem& p, DType dtype) {
  return dtype == DType::f32 && 2 * p.Cg() > kLanes && 2 * p.Kg() > kLanes && p.B >= kTileRows;
}

void forward(const ConvProblem& p, const float* x, const float* w, float* y) {
  const Operands o(p, true);
  const std::int64_t taps = p.taps();
#pragma omp parallel
  {
    convert<false>(o.c, p.B, p.H * p.W, const_cast<float*>(x), o.x);
    convert_weights<false>(o.k, o.c, p.Cg() * taps, taps, p.Kg() * p.Cg() * taps, taps,
                           const_cast<float*>(w), o.w);
    gather(
        p, {o.c, p.H, p.W}, {o.k, p.P, p.Q}, o.x, o.w, o.y,
        [&](auto h, auto r) { return read_position(h, r, p.stride_h, p.pad_h, p.dilation_h); },
        [&](auto q, auto s) { return read_position(q, s, p.stride_w, p.pad_w, p.dilation_w); });
    convert<true>(o.k, p.B, p.P * p.Q, y, o.y);
  }
}

void input_grad(const ConvProblem& p, const float* dy, const float* w, float* dx) {
  const Operands o(p, false);
  const std::int64_t taps = p.taps();
#pragma omp parallel
  {
    convert<false>(o.k, p.B, p.P * p.Q, const_cast<float*>(dy), o.y);
    convert_weights<false>(o.c, o.k, taps, p.Cg() * taps, p.Kg() * p.Cg() * taps, taps,
                           const_cast<float*>(w), o.w);
    gather(
        p, {o.k, p.P, p.Q}, {o.c, p.H, p.W}, o.y, o.w, o.x,
        [&](auto h, auto r) {
          return reading_position(h, r, p.stride_h, p.pad_h, p.dilation_h, p.P);
        },
        [&](auto v, auto s) {
          return reading_position(v, s, p.stride_w, p.pad_w, p.dilation_w, p.Q);
        });
    convert<true>(o.c, p.B, p.H * p.W, dx, o.x);
  }
}

void weight_grad(const ConvProblem& p, const float* x, const float* dy, float* dw) {
  const Operands o(p, true);
  const std::int64_t taps = p.taps();
#pragma omp parallel
  {
    convert<false>(o.c, p.B, p.H * p.W, const_cast<float*>(x), o.x);
    convert<false>(o.k, p.B, p.P * p.Q, const_cast<float*>(dy), o.y);
    gather_weight_grad(p, o);
    convert_weights<true>(o.k, o.c, p.Cg() * taps, taps, p.Kg() * p.Cg() * taps, taps, dw, o.w);
  }
}

}  // namespace etude::cpu::blocked
