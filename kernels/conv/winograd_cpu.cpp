// The three operations are the same three maps and their transposes (see winograd_axis_cpu.h, here
// on both axes at once): sums of x, sums of dy or y, sums of w; in between, one matrix product per
// pair of products of the two axes, whose rows are the images and whose depth runs over channels
// and phases.

#include "kernels/conv/winograd_cpu.h"

#include "kernels/conv/blocked_cpu.h"
#include "kernels/conv/blocked_layout_cpu.h"
#include "kernels/conv/winograd_axis_cpu.h"
#include "kernels/core/panel_cpu.h"

namespace etude::cpu::winograd {
namespace {

using blocked::Blocks;

/// to[i] = sum over pairs of terms of their factors' product * from[(h.at * width + w.at) * run +
/// i], i < run, a multiple of kLanes.
void combine(const Sum& h, const Sum& w, std::int64_t width, std::int64_t run, const float* from,
             float* to) {
  struct Source {
    const float* at;
    float factor;
  } sources[36];
  int count = 0;
  for (const auto& [row, by_row] : h) {
    for (const auto& [column, by_column] : w) {
      sources[count++] = {from + (row * width + column) * run, by_row * by_column};
    }
  }
  constexpr int kVectors = 4;  // sums in registers: one look at the list of sources serves them all
  std::int64_t i = 0;
  for (; i + kVectors * kLanes <= run; i += kVectors * kLanes) {
    Vector sum[kVectors] = {};
    for (int s = 0; s < count; ++s) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[v] += sources[s].factor * load(sources[s].at + i + v * kLanes);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(to + i + v * kLanes, sum[v]);
  }
  for (; i < run; i += kLanes) {
    Vector sum = {};
    for (int s = 0; s < count; ++s) sum += sources[s].factor * load(sources[s].at + i);
    store(to + i, sum);
  }
}

/// Planes would lie a multiple of 4 KiB apart, and their rows fall into the same few sets of a
/// cache.
constexpr std::int64_t kSkew = 80;

/// A problem with its axes and its operands in scratch memory: x, y, w in blocked layouts, and
/// their sums. The channels of `sums_x` are (phase, channel) pairs in blocks, its pixels products.
struct Operands {
  const ConvProblem& p;
  Axis h, w;
  Blocks c, k;
  int phases, points, products;
  std::int64_t row;                 // floats of one pixel of one block: all images
  std::int64_t plane;               // floats of one block of sums_x and sums_y
  std::vector<int> by_point;        // products, those of one point together
  std::vector<int> first_of_point;  // in by_point; one more than points
  float *x, *y, *weights, *sums_x, *sums_y, *sums_w;

  /// Layouts of the weights and of their sums:
  ///   k_in_lanes   [k block][tap][c][lane], [k block][point][phase][c][lane]
  ///   else         [c block][tap][k][lane], [phase][c block][point][k][lane]
  Operands(const ConvProblem& problem, bool k_in_lanes)
      : p(problem),
        h(p.H, p.P, p.R, p.stride_h, p.pad_h),
        w(p.W, p.Q, p.S, p.stride_w, p.pad_w),
        c{1, p.C},
        k{1, p.K},
        phases(h.phases * w.phases),
        points(h.points() * w.points()),
        products(h.products() * w.products()),
        row(p.B * kLanes),
        plane(products * row + kSkew) {
    const std::int64_t pair = k_in_lanes ? k.count() * c.padded() : c.count() * k.padded();
    const std::int64_t sizes[] = {c.count() * p.H * p.W * row, k.count() * p.P * p.Q * row,
                                  pair * p.taps() * kLanes,    phases * c.count() * plane,
                                  k.count() * plane,           pair * phases * points * kLanes};
    // Counting sort by point.
    first_of_point.assign(points + 1, 0);
    for (int n = 0; n < products; ++n) ++first_of_point[point_of(n) + 1];
    for (int point = 0; point < points; ++point) first_of_point[point + 1] += first_of_point[point];
    by_point.resize(products);
    std::vector<int> next(first_of_point.begin(), first_of_point.end() - 1);
    for (int n = 0; n < products; ++n) by_point[next[point_of(n)]++] = n;
    static thread_local Scratch scratch;
    std::int64_t total = 0;
    for (const std::int64_t size : sizes) total += size;
    x = scratch.at_least<float>(total);
    y = x + sizes[0];
    weights = y + sizes[1];
    sums_x = weights + sizes[2];
    sums_y = sums_x + sizes[3];
    sums_w = sums_y + sizes[4];
  }

  std::span<const int> products_of(std::int64_t point) const {
    return std::span(by_point).subspan(first_of_point[point],
                                       first_of_point[point + 1] - first_of_point[point]);
  }
  int point_of(std::int64_t product) const {
    return h.point[product / w.products()] * w.points() + w.point[product % w.products()];
  }
  /// Where the sums of a phase start among those of `axis.x`.
  const Sum* x_sums_h(int phase) const { return &h.x[phase / w.phases * h.products()]; }
  const Sum* x_sums_w(int phase) const { return &w.x[phase % w.phases * w.products()]; }
};

/// sums_x = B^T x.
void sum_inputs(const Operands& o) {
  const std::int64_t pixels = o.p.H * o.p.W;
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.phases * o.c.count(); ++task) {
    const int phase = static_cast<int>(task / o.c.count());
    const float* from = o.x + task % o.c.count() * pixels * o.row;
    float* to = o.sums_x + task * o.plane;
    for (int i = 0; i < o.h.products(); ++i) {
      for (int j = 0; j < o.w.products(); ++j, to += o.row) {
        combine(o.x_sums_h(phase)[i], o.x_sums_w(phase)[j], o.p.W, o.row, from, to);
      }
    }
  }
}

/// x = B sums_x.
void spread_inputs(const Operands& o) {
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.c.count() * o.p.H; ++task) {
    const std::int64_t block = task / o.p.H, h = task % o.p.H;
    float* to = o.x + task * o.p.W * o.row;
    for (std::int64_t v = 0; v < o.p.W; ++v, to += o.row) {
      const int phase = o.h.phase[h] * o.w.phases + o.w.phase[v];
      const float* from = o.sums_x + (phase * o.c.count() + block) * o.plane;
      combine(o.h.dx[h], o.w.dx[v], o.w.products(), o.row, from, to);
    }
  }
}

/// sums_y = A dy.
void sum_outputs(const Operands& o) {
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.k.count() * o.h.products(); ++task) {
    const float* from = o.y + task / o.h.products() * o.p.P * o.p.Q * o.row;
    float* to =
        o.sums_y + task / o.h.products() * o.plane + task % o.h.products() * o.w.products() * o.row;
    for (int j = 0; j < o.w.products(); ++j, to += o.row) {
      combine(o.h.dy[task % o.h.products()], o.w.dy[j], o.p.Q, o.row, from, to);
    }
  }
}

/// y = A^T sums_y.
void spread_outputs(const Operands& o) {
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.k.count() * o.p.P; ++task) {
    const float* from = o.sums_y + task / o.p.P * o.plane;
    float* to = o.y + task * o.p.Q * o.row;
    for (std::int64_t q = 0; q < o.p.Q; ++q, to += o.row) {
      combine(o.h.y[task % o.p.P], o.w.y[q], o.w.products(), o.row, from, to);
    }
  }
}

/// Positions of a phase's taps in the window, for combine(): tap j of phase f is j * phases + f.
Sum taps_of(const Sum& sum, int phases, int phase) {
  Sum taps;
  for (const auto& [at, factor] : sum) taps.add(at * phases + phase, factor);
  return taps;
}

/// sums_w = G w. `run` floats lie together for each tap; the point's and the phase's strides are
/// free, so that both layouts of Operands are served.
void sum_weights(const Operands& o, std::int64_t blocks, std::int64_t run,
                 std::int64_t block_stride, std::int64_t point_stride, std::int64_t phase_stride) {
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < blocks * o.phases; ++task) {
    const int phase = static_cast<int>(task % o.phases);
    const std::int64_t block = task / o.phases;
    float* to = o.sums_w + block * block_stride + phase * phase_stride;
    for (int point = 0; point < o.points; ++point) {
      combine(taps_of(o.h.w[point / o.w.points()], o.h.phases, phase / o.w.phases),
              taps_of(o.w.w[point % o.w.points()], o.w.phases, phase % o.w.phases), o.p.S, run,
              o.weights + block * o.p.taps() * run, to + point * point_stride);
    }
  }
}

/// weights = G^T sums_w, for lanes of k.
void spread_weights(const Operands& o) {
  const std::int64_t run = o.c.padded() * kLanes;
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.k.count() * o.p.taps(); ++task) {
    const int r = static_cast<int>(task % o.p.taps() / o.p.S);
    const int s = static_cast<int>(task % o.p.S);
    const int phase = r % o.h.phases * o.w.phases + s % o.w.phases;
    // A point's sums of all phases lie together: its stride, in runs, is the number of phases.
    Sum h = o.h.dw[r / o.h.phases], w = o.w.dw[s / o.w.phases];
    for (auto& term : h.terms) term.at *= o.phases;
    for (auto& term : w.terms) term.at *= o.phases;
    combine(h, w, o.w.points(), run,
            o.sums_w + task / o.p.taps() * o.points * o.phases * run + phase * run,
            o.weights + task * run);
  }
}

/// out[product] = in[product] * weights of the product's point, for every product; `depth` blocks
/// of in, `blocks` of out.
void multiply(const Operands& o, const float* in, std::int64_t depth, float* out,
              std::int64_t blocks) {
  const std::int64_t tap = depth * kLanes * kLanes;
  const Panels panels{blocks};
  // All panels of a product in turn, and products of one point: the second-level cache then keeps
  // the images' rows from panel to panel, and the weights from product to product.
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < panels.count() * o.products; ++task) {
    const std::int64_t panel = task % panels.count(), product = o.by_point[task / panels.count()];
    Depth sums(out + panels.begin(panel) * o.plane + product * o.row, o.p.B, panels.size(panel),
               {kLanes, o.points * tap, o.plane, false});
    const float* a = in + product * o.row;
    const float* b = o.sums_w + (panels.begin(panel) * o.points + o.point_of(product)) * tap;
    for (std::int64_t i = 0; i < depth; ++i) sums.add(a + i * o.plane, b + i * kLanes * kLanes);
    sums.finish();
  }
}

/// sums_w[point] = sum over the products of the point of sums_x^T sums_y.
void multiply_for_weights(const Operands& o) {
  const std::int64_t blocks = o.phases * o.c.count();
  const std::int64_t point_size = blocks * kLanes * kLanes, k_plane = o.points * point_size;
  const Panels panels{o.k.count()};
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < o.points * blocks * panels.count(); ++task) {
    const std::int64_t point = task / panels.count() / blocks;
    const std::int64_t block = task / panels.count() % blocks, panel = task % panels.count();
    const float* x = o.sums_x + block * o.plane;
    const float* y = o.sums_y + panels.begin(panel) * o.plane;
    float* to =
        o.sums_w + panels.begin(panel) * k_plane + point * point_size + block * kLanes * kLanes;
    const std::span<const int> own = o.products_of(point);
    constexpr std::size_t kMost = 8;
    TileLayout layout{o.p.B, o.plane, k_plane, false};
    std::size_t first = 0;
    do {  // once at least: a point without products is zero
      Segment segments[kMost];
      const std::size_t count = std::min(kMost, own.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        segments[i] = {x + own[first + i] * o.row, y + own[first + i] * o.row};
      }
      for (std::int64_t c = 0; c < kLanes; c += kTileRows) {
        tile_of<1, kLanes>(kTileRows, panels.size(panel))(segments, static_cast<int>(count), layout,
                                                          to + c * kLanes);
        for (std::size_t i = 0; i < count; ++i) segments[i].a += kTileRows;
      }
      layout.accumulate = true;
      first += count;
    } while (first < own.size());
  }
}

}  // namespace

bool takes(const ConvParams& p, std::int64_t R, std::int64_t S) {
  return p.groups == 1 && Axis::takes(R, p.stride_h, p.dilation_h) &&
         Axis::takes(S, p.stride_w, p.dilation_w);
}

bool suits(const ConvProblem& p, DType dtype) {
  constexpr std::int64_t kLeastChannels = 32;
  if (!blocked::suits(p, dtype) || std::min(p.C, p.K) < kLeastChannels || !takes(p, p.R, p.S)) {
    return false;
  }
  const Axis h(p.H, p.P, p.R, p.stride_h, p.pad_h), w(p.W, p.Q, p.S, p.stride_w, p.pad_w);
  const double phases = static_cast<double>(h.phases) * w.phases;
  const double products = static_cast<double>(h.products()) * w.products();
  constexpr double kWorthwhile = 0.8;  // of the multiplications of the definition
  // The sums are larger than x and y, and a thread keeps its scratch memory.
  constexpr double kMostSums = 1 << 26;  // floats, 256 MiB
  return products * phases <= kWorthwhile * static_cast<double>(p.P * p.Q * p.taps()) &&
         products * static_cast<double>(p.B) *
                 (phases * static_cast<double>(p.C + kLanes) + static_cast<double>(p.K + kLanes)) <=
             kMostSums;
}

void forward(const ConvProblem& p, const float* x, const float* w, float* y) {
  const Operands o(p, true);
  const std::int64_t taps = p.taps(), run = o.c.padded() * kLanes;
#pragma omp parallel
  {
    convert<false>(o.c, p.B, p.H * p.W, const_cast<float*>(x), o.x);
    convert_weights<false>(o.k, o.c, p.C * taps, taps, 0, taps, const_cast<float*>(w), o.weights);
    sum_inputs(o);
    sum_weights(o, o.k.count(), run, o.points * o.phases * run, o.phases * run, run);
    multiply(o, o.sums_x, o.phases * o.c.count(), o.sums_y, o.k.count());
    spread_outputs(o);
    convert<true>(o.k, p.B, p.P * p.Q, y, o.y);
  }
}

void input_grad(const ConvProblem& p, const float* dy, const float* w, float* dx) {
  const Operands o(p, false);
  const std::int64_t taps = p.taps(), run = o.k.padded() * kLanes;
#pragma omp parallel
  {
    convert<false>(o.k, p.B, p.P * p.Q, const_cast<float*>(dy), o.y);
    convert_weights<false>(o.c, o.k, taps, p.C * taps, 0, taps, const_cast<float*>(w), o.weights);
    sum_outputs(o);
    sum_weights(o, o.c.count(), run, o.points * run, run, o.c.count() * o.points * run);
    multiply(o, o.sums_y, o.k.count(), o.sums_x, o.phases * o.c.count());
    spread_inputs(o);
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
    sum_inputs(o);
    sum_outputs(o);
    multiply_for_weights(o);
    spread_weights(o);
    convert_weights<true>(o.k, o.c, p.C * taps, taps, 0, taps, dw, o.weights);
  }
}

}  // namespace etude::cpu::winograd
