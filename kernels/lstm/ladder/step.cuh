#pragma once
// What the rungs share: one unit's step in both directions, states before the first and after the
// last step, and the bias's gradient. C is the type of sums and cells, float.

#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/lstm/cell.h"
#include "kernels/lstm/products.h"

namespace etude::lstm_ladder {

constexpr int kThreads = 256;

/// Device pointers of a forward pass, by value to the kernels. T is the storage of all but cells.
template <class T>
struct ForwardSteps {
  using C = compute_t<T>;
  const T *w_hh, *h0;
  const C* c0;
  const std::int32_t* lengths;
  T *y, *h_end, *gates;
  C *c_end, *cells;
  std::int64_t steps, B, H;

  ForwardSteps() = default;
  explicit ForwardSteps(const LstmForward& p)
      : w_hh(p.w_hh.as<T>()),
        h0(p.h0.as<T>()),
        c0(p.c0.as<C>()),
        lengths(p.lengths.data ? p.lengths.as<std::int32_t>() : nullptr),
        y(p.y.as<T>()),
        h_end(p.h_end.as<T>()),
        gates(p.gates.as<T>()),
        c_end(p.c_end.as<C>()),
        cells(p.cells.as<C>()),
        steps(p.x.dim(0)),
        B(p.x.dim(1)),
        H(p.w_hh.dim(1)) {}

  __device__ bool within(std::int64_t t, std::int64_t b) const {
    return !lengths || t < lengths[b];
  }
  /// The first of the four gates of a unit; the others follow H apart.
  __device__ T* gate(std::int64_t t, std::int64_t b, std::int64_t u) const {
    return gates + (t * B + b) * 4 * H + u;
  }
  __device__ LstmGates<C> load_gates(std::int64_t t, std::int64_t b, std::int64_t u) const {
    const T* from = gate(t, b, u);
    return {static_cast<C>(from[0]), static_cast<C>(from[H]), static_cast<C>(from[2 * H]),
            static_cast<C>(from[3 * H])};
  }
  __device__ const T* h_before(std::int64_t t) const { return t > 0 ? y + (t - 1) * B * H : h0; }
  __device__ C cell_before(std::int64_t t, std::int64_t b, std::int64_t u) const {
    return t > 0 ? cells[((t - 1) * B + b) * H + u] : c0[b * H + u];
  }
  /// Stores the step's h, and both states if it is the sequence's last one.
  __device__ void store(std::int64_t t, std::int64_t b, std::int64_t u, C h, C c) const {
    y[(t * B + b) * H + u] = static_cast<T>(h);
    cells[(t * B + b) * H + u] = c;
    if (within(t, b) && (t + 1 == steps || !within(t + 1, b))) {
      h_end[b * H + u] = static_cast<T>(h);
      c_end[b * H + u] = c;
    }
  }
  /// A unit's whole step, from the sums of its gates. Its y as it is stored.
  __device__ T finish(std::int64_t t, std::int64_t b, std::int64_t u,
                      const LstmGates<C>& sums) const {
    LstmGates<C> active{};
    C c = cell_before(t, b, u), h = 0;
    if (within(t, b)) {
      active = lstm_activate(sums);
      c = lstm_cell(active, c);
      h = active.o * math::tanh(c);
    }
    T* to = gate(t, b, u);
    to[0] = static_cast<T>(active.i);
    to[H] = static_cast<T>(active.f);
    to[2 * H] = static_cast<T>(active.g);
    to[3 * H] = static_cast<T>(active.o);
    store(t, b, u, h, c);
    return static_cast<T>(h);
  }
};

/// The same of a backward pass. dh0 and dc0 hold the gradients of the state on its way back: at
/// first those of h_end and c_end, and where a sequence has ended they wait for its last step.
template <class T>
struct BackwardSteps {
  using C = compute_t<T>;
  const T *w_hh, *gates;
  const T* dy;  // or null: 0
  const C *c0, *cells;
  const std::int32_t* lengths;
  T *dgates, *dh0;
  C* dc0;
  std::int64_t steps, B, H;

  BackwardSteps() = default;
  explicit BackwardSteps(const LstmBackward& p)
      : w_hh(p.w_hh.as<T>()),
        gates(p.gates.as<T>()),
        dy(p.dy.as<T>()),
        c0(p.c0.as<C>()),
        cells(p.cells.as<C>()),
        lengths(p.lengths.data ? p.lengths.as<std::int32_t>() : nullptr),
        dgates(p.dgates.as<T>()),
        dh0(p.dh0.as<T>()),
        dc0(p.dc0.as<C>()),
        steps(p.x.dim(0)),
        B(p.x.dim(1)),
        H(p.w_hh.dim(1)) {}

  /// A unit's whole step; dh is what later steps and h_end give to its h.
  __device__ void finish(std::int64_t t, std::int64_t b, std::int64_t u, C dh) const {
    const std::int64_t at = t * B + b, state = b * H + u;
    LstmCellGrad<C> d{};
    C waiting = dh;
    if (!lengths || t < lengths[b]) {
      const T* gate = gates + at * 4 * H + u;
      const LstmGates<C> active{static_cast<C>(gate[0]), static_cast<C>(gate[H]),
                                static_cast<C>(gate[2 * H]), static_cast<C>(gate[3 * H])};
      const C before = t > 0 ? cells[(at - B) * H + u] : c0[state];
      if (dy) dh += static_cast<C>(dy[at * H + u]);
      d = lstm_cell_grad(active, cells[at * H + u], before, dh, dc0[state]);
      dc0[state] = d.dc_before;
      waiting = 0;
    }
    dh0[state] = static_cast<T>(waiting);
    T* to = dgates + at * 4 * H + u;
    to[0] = static_cast<T>(d.sums.i);
    to[H] = static_cast<T>(d.sums.f);
    to[2 * H] = static_cast<T>(d.sums.g);
    to[3 * H] = static_cast<T>(d.sums.o);
  }
  /// The same with what dh0 holds added to dh; before the first step, t = -1, that is all.
  __device__ void hand_back(std::int64_t t, std::int64_t b, std::int64_t u, C dh) const {
    T& waiting = dh0[b * H + u];
    dh += static_cast<C>(waiting);
    if (t >= 0) return finish(t, b, u, dh);
    waiting = static_cast<T>(dh);
  }
};

/// The place of an elementwise kernel's thread: one of `cols` columns of sequence b.
struct UnitPlace {
  std::int64_t b, u;
  bool inside;
  __device__ UnitPlace(std::int64_t B, std::int64_t cols) {
    const std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x;
    inside = i < B * cols;
    b = inside ? i / cols : 0;
    u = inside ? i % cols : 0;
  }
};
inline LaunchConfig unit_per_thread(std::int64_t count) {
  return {.grid = grid_of(ceil_div(count, kThreads)), .block = dim3(kThreads)};
}

/// y[i] = x[i] mask[i]; y may be x
/// shapes  any                                           dtype   T storage, compute_t<T> arithmetic
/// launch  one thread per element, block = 256
/// cost    3 elements of traffic each; memory bound
template <class T>
__global__ void __launch_bounds__(kThreads)
    lstm_mask(const T* x, const T* mask, T* y, std::int64_t count) {
  launch_bound(kThreads);
  const UnitPlace at(1, count);
  if (!at.inside) return;
  y[at.u] =
      static_cast<T>(static_cast<compute_t<T>>(x[at.u]) * static_cast<compute_t<T>>(mask[at.u]));
}

/// A stack layer by layer, each by a rung's function for one: the same arguments as LstmRung's.
template <class T, auto Layer, class P>
void by_layers(Stream& s, std::span<const P> layers, std::span<const View> masks) {
  lstm_by_layers(
      layers, masks, [&](const P& p) { Layer(s, p); },
      [&](const View& x, const View& mask, const View& y) {
        launch(s, unit_per_thread(y.numel()), lstm_mask<T>, x.as<T>(), mask.as<T>(), y.as<T>(),
               y.numel());
      });
}

/// A state that no step will touch is the one before the first step.
inline void copy_state(Stream& s, const View& from, const View& to) {
  copy_bytes(s, to.data, s.device(), from.data, s.device(), static_cast<std::size_t>(to.bytes()));
}

constexpr int kBiasColumns = 32, kBiasLanes = kThreads / kBiasColumns;

/// dbias[r] = sum over rows of dgates[row, r]
/// shapes  dgates: [rows, cols], dbias: [cols]           dtype   T storage, compute_t<T> sums
/// launch  grid = cols / 32, block = 256, shared = 1 KB
/// edges   no rows: 0
/// error   rows / 8 additions in one chain, then 8
/// cost    rows * cols loads; memory bound
template <class T>
__global__ void __launch_bounds__(kThreads)
    lstm_bias_grad(const T* dgates, T* dbias, std::int64_t rows, std::int64_t cols) {
  launch_bound(kThreads);
  struct Smem {
    compute_t<T> partial[kBiasLanes][kBiasColumns];
  };
  auto& smem = shared<Smem>();
  const unsigned column = threadIdx.x % kBiasColumns, lane = threadIdx.x / kBiasColumns;
  const std::int64_t r = blockIdx.x * static_cast<std::int64_t>(kBiasColumns) + column;
  compute_t<T> sum = 0;
  if (r < cols) {
    for (std::int64_t row = lane; row < rows; row += kBiasLanes) {
      sum += static_cast<compute_t<T>>(dgates[row * cols + r]);
    }
  }
  smem.partial[lane][column] = sum;
  __syncthreads();
  if (lane > 0 || r >= cols) return;
  for (int other = 1; other < kBiasLanes; ++other) sum += smem.partial[other][column];
  dbias[r] = static_cast<T>(sum);
}

template <class T>
void bias_grad(Stream& s, const LstmBackward& p) {
  if (detail::lstm_input_is_summed(p)) return;
  const std::int64_t cols = p.dbias.numel();
  launch(s, {.grid = grid_of(ceil_div(cols, kBiasColumns)), .block = dim3(kThreads)},
         lstm_bias_grad<T>, p.dgates.as<T>(), p.dbias.as<T>(), p.x.dim(0) * p.x.dim(1), cols);
}

}  // namespace etude::lstm_ladder
