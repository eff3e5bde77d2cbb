#include "kernels/lstm/lstm.h"

#include <algorithm>

#include "kernels/core/parallel.h"
#include "kernels/lstm/blocked_cpu.h"
#include "kernels/lstm/cell.h"
#include "kernels/lstm/products.h"

namespace etude {
namespace {

/// An activation costs about as much as this many additions; for the choice of threads.
constexpr std::int64_t kGateWork = 16;
/// Where there is one step alone: units that a thread computes at a time, and sequences at most.
/// More would pay for the packed weights of the blocked way.
constexpr std::int64_t kUnitBlock = 32, kStepRows = 8;

bool within(const View& lengths, std::int64_t t, std::int64_t b) {
  return !lengths.data || t < lengths.as<std::int32_t>()[b];
}

/// `count` neighbouring units of one sequence at one step: gates, c and h from the gates' sums,
/// which lie `apart` from each other. c and c_before may be the same.
template <class T>
void finish_units(const T* sums, std::int64_t sums_apart, T* gates, std::int64_t apart,
                  const compute_t<T>* c_before, compute_t<T>* c, T* h, std::int64_t count) {
  using C = compute_t<T>;
  // Objects of the simd loop itself would become arrays in memory, and the loop stay scalar.
  const auto unit = [=](std::int64_t u) {
    const LstmGates<C> gate = lstm_activate(LstmGates<C>{
        static_cast<C>(sums[u]), static_cast<C>(sums[sums_apart + u]),
        static_cast<C>(sums[2 * sums_apart + u]), static_cast<C>(sums[3 * sums_apart + u])});
    const C cell = lstm_cell(gate, c_before[u]);
    gates[u] = static_cast<T>(gate.i);
    gates[apart + u] = static_cast<T>(gate.f);
    gates[2 * apart + u] = static_cast<T>(gate.g);
    gates[3 * apart + u] = static_cast<T>(gate.o);
    c[u] = cell;
    h[u] = static_cast<T>(gate.o * math::tanh(cell));
  };
#pragma omp simd
  for (std::int64_t u = 0; u < count; ++u) unit(u);
}

/// Step t of all sequences from the sums in `gates`.
template <class T>
void finish_step(const LstmForward& p, std::int64_t t) {
  using C = compute_t<T>;
  const LstmShape n(p);
  const std::int64_t H = n.H;
  const C* before = t > 0 ? p.cells.as<C>() + (t - 1) * n.B * H : p.c0.as<C>();
  parallel_for(n.B, kGateWork * n.B * H, [&](std::int64_t b) {
    const std::int64_t at = t * n.B + b;
    T* gates = p.gates.as<T>() + at * 4 * H;
    T* h = p.y.as<T>() + at * H;
    C* c = p.cells.as<C>() + at * H;
    if (within(p.lengths, t, b)) {
      finish_units(gates, H, gates, H, before + b * H, c, h, H);
      std::copy_n(h, H, p.h_end.as<T>() + b * H);
    } else {
      std::fill_n(gates, 4 * H, static_cast<T>(0.0f));
      std::fill_n(h, H, static_cast<T>(0.0f));
      std::copy_n(before + b * H, H, c);
    }
  });
}

/// The sums of a block's gates, for each sequence.
template <class C>
using StepSums = C[kStepRows][4 * kUnitBlock];

/// sums[b][q * kUnitBlock + j] += w[(q H + j) K + ...] . v[b] for the four gates q of units j <
/// count; v is [B, K].
template <class T>
void add_products(const T* w, std::int64_t H, std::int64_t K, const T* v, std::int64_t B,
                  StepSums<compute_t<T>>& sums, std::int64_t count) {
  using C = compute_t<T>;
  for (std::int64_t j = 0; j < count; ++j, w += K) {
    const T *w_f = w + H * K, *w_g = w_f + H * K, *w_o = w_g + H * K;
    for (std::int64_t b = 0; b < B; ++b) {
      C i = 0, f = 0, g = 0, o = 0;
      const T* row = v + b * K;
#pragma omp simd reduction(+ : i, f, g, o)
      for (std::int64_t k = 0; k < K; ++k) {
        const C value = static_cast<C>(row[k]);
        i += static_cast<C>(w[k]) * value;
        f += static_cast<C>(w_f[k]) * value;
        g += static_cast<C>(w_g[k]) * value;
        o += static_cast<C>(w_o[k]) * value;
      }
      sums[b][j] += i, sums[b][kUnitBlock + j] += f;
      sums[b][2 * kUnitBlock + j] += g, sums[b][3 * kUnitBlock + j] += o;
    }
  }
}

/// Sequence b's units from `first` on, in its one step.
template <class T>
void finish_block(const LstmForward& p, std::int64_t b, std::int64_t first, std::int64_t count,
                  const compute_t<T> (&sums)[4 * kUnitBlock]) {
  using C = compute_t<T>;
  const std::int64_t H = p.w_hh.dim(1), at = b * H + first;
  T *gates = p.gates.as<T>() + b * 4 * H + first, *y = p.y.as<T>() + at;
  const C* c0 = p.c0.as<C>() + at;
  C* cells = p.cells.as<C>() + at;
  const T* h = y;
  if (within(p.lengths, 0, b)) {
    T rounded[4 * kUnitBlock];
    for (std::int64_t i = 0; i < 4 * kUnitBlock; ++i) rounded[i] = static_cast<T>(sums[i]);
    finish_units(rounded, kUnitBlock, gates, H, c0, cells, y, count);
  } else {
    for (std::int64_t q = 0; q < 4; ++q) std::fill_n(gates + q * H, count, static_cast<T>(0.0f));
    std::fill_n(y, count, static_cast<T>(0.0f));
    std::copy_n(c0, count, cells);
    h = p.h0.as<T>() + at;
  }
  std::copy_n(h, count, p.h_end.as<T>() + at);
  std::copy_n(cells, count, p.c_end.as<C>() + at);
}

/// One step of a few sequences, as generation takes it: each thread streams the rows of its units
/// once and finishes them, in one parallel region.
template <class T>
void single_step(const LstmForward& p) {
  using C = compute_t<T>;
  const LstmShape n(p);
  const std::int64_t H = n.H, I = n.I;
  const bool summed = detail::lstm_input_is_summed(p);
  parallel_for((H + kUnitBlock - 1) / kUnitBlock, 4 * H * (H + I), [&](std::int64_t block) {
    const std::int64_t first = block * kUnitBlock, count = std::min(kUnitBlock, H - first);
    StepSums<C> sums = {};
    for (std::int64_t i = 0; i < n.B * 4 * count; ++i) {
      const std::int64_t b = i / (4 * count), q = i / count % 4, j = i % count;
      const T* from = summed ? p.x.as<T>() + b * I : p.bias.as<T>();
      sums[b][q * kUnitBlock + j] = static_cast<C>(from[q * H + first + j]);
    }
    if (!summed) add_products(p.w_ih.as<T>() + first * I, H, I, p.x.as<T>(), n.B, sums, count);
    add_products(p.w_hh.as<T>() + first * H, H, H, p.h0.as<T>(), n.B, sums, count);
    for (std::int64_t b = 0; b < n.B; ++b) finish_block<T>(p, b, first, count, sums[b]);
  });
}

/// The gradients of all gates of step t, and of the state one step back; dh0 is left at 0.
template <class T>
void gate_grads(const LstmBackward& p, std::int64_t t) {
  using C = compute_t<T>;
  const LstmShape n(p);
  const std::int64_t H = n.H;
  const C* all_before = t > 0 ? p.cells.as<C>() + (t - 1) * n.B * H : p.c0.as<C>();
  parallel_for(n.B, kGateWork * n.B * H, [&](std::int64_t b) {
    const std::int64_t at = t * n.B + b;
    T* d = p.dgates.as<T>() + at * 4 * H;
    if (!within(p.lengths, t, b)) return void(std::fill_n(d, 4 * H, static_cast<T>(0.0f)));
    const T *gates = p.gates.as<T>() + at * 4 * H, *dy = p.dy.as<T>() + at * H;
    const C *before = all_before + b * H, *c = p.cells.as<C>() + at * H;
    T* dh = p.dh0.as<T>() + b * H;
    C* dc = p.dc0.as<C>() + b * H;
#pragma omp simd
    for (std::int64_t u = 0; u < H; ++u) {
      const LstmGates<C> gate{static_cast<C>(gates[u]), static_cast<C>(gates[H + u]),
                              static_cast<C>(gates[2 * H + u]), static_cast<C>(gates[3 * H + u])};
      const LstmCellGrad<C> grad = lstm_cell_grad(
          gate, c[u], before[u], static_cast<C>(dh[u]) + static_cast<C>(dy[u]), dc[u]);
      d[u] = static_cast<T>(grad.sums.i);
      d[H + u] = static_cast<T>(grad.sums.f);
      d[2 * H + u] = static_cast<T>(grad.sums.g);
      d[3 * H + u] = static_cast<T>(grad.sums.o);
      dc[u] = grad.dc_before;
      dh[u] = static_cast<T>(0.0f);
    }
  });
}

/// dbias: the sum of dgates over all rows, in ascending order; a thread owns columns.
template <class T>
void bias_grad(const LstmBackward& p) {
  using C = compute_t<T>;
  if (detail::lstm_input_is_summed(p)) return;
  constexpr std::int64_t kColumns = 256;
  const std::int64_t rows = p.x.dim(0) * p.x.dim(1), cols = p.dbias.numel();
  parallel_for((cols + kColumns - 1) / kColumns, rows * cols, [&](std::int64_t block) {
    const std::int64_t first = block * kColumns, count = std::min(kColumns, cols - first);
    C sums[kColumns] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* from = p.dgates.as<T>() + row * cols + first;
#pragma omp simd
      for (std::int64_t j = 0; j < count; ++j) sums[j] += static_cast<C>(from[j]);
    }
    for (std::int64_t j = 0; j < count; ++j) p.dbias.as<T>()[first + j] = static_cast<T>(sums[j]);
  });
}

/// f64 and empty layers take the plain way: a product by cpu::matmul() per step.
template <class P>
bool is_blocked(const P& p) {
  const LstmShape n(p);
  return p.x.dtype != DType::f64 && n.T > 0 && n.B > 0 && n.H > 0;
}

/// y = x mask, rows of a sequence each.
template <class T>
void multiply(const View& x, const View& mask, const View& y) {
  using C = compute_t<T>;
  const std::int64_t rows = y.dim(0) * y.dim(1), cols = y.dim(2);
  parallel_for(rows, rows * cols, [&](std::int64_t row) {
    const T *a = x.as<T>() + row * cols, *b = mask.as<T>() + row * cols;
    T* to = y.as<T>() + row * cols;
#pragma omp simd
    for (std::int64_t u = 0; u < cols; ++u) {
      to[u] = static_cast<T>(static_cast<C>(a[u]) * static_cast<C>(b[u]));
    }
  });
}

template <class T>
void forward(Stream& s, const LstmForward& p) {
  const LstmShape n(p);
  if (n.T == 1 && n.B <= kStepRows) return single_step<T>(p);
  if (is_blocked(p)) return cpu::lstm_forward_blocked(p);
  etude::copy(s, p.h0, p.h_end);
  lstm_input_product(s, p, 0, n.T);
  for (std::int64_t t = 0; t < n.T; ++t) {
    lstm_recurrent_product(s, p, t);
    finish_step<T>(p, t);
  }
  etude::copy(s, n.T > 0 ? detail::lstm_rows(p.cells, (n.T - 1) * n.B, n.B, n.H) : p.c0, p.c_end);
}

template <class T>
void backward(Stream& s, const LstmBackward& p) {
  const LstmShape n(p);
  if (is_blocked(p)) return cpu::lstm_backward_blocked(p);
  etude::copy(s, p.dh_end, p.dh0);
  etude::copy(s, p.dc_end, p.dc0);
  for (std::int64_t t = n.T - 1; t >= 0; --t) {
    gate_grads<T>(p, t);
    lstm_recurrent_grad(s, p, t);
  }
  lstm_input_grad(s, p, 0, n.T);
  lstm_weight_grads(s, p);
  bias_grad<T>(p);
}

}  // namespace

void cpu::lstm_stack_forward(Stream& s, std::span<const LstmForward> layers,
                             std::span<const View> masks) {
  dispatch<float, double, bf16>("lstm", layers[0].x.dtype, [&]<class T>() {
    lstm_by_layers(
        layers, masks, [&](const LstmForward& p) { forward<T>(s, p); }, multiply<T>);
  });
}

void cpu::lstm_stack_backward(Stream& s, std::span<const LstmBackward> layers,
                              std::span<const View> masks) {
  dispatch<float, double, bf16>("lstm", layers[0].x.dtype, [&]<class T>() {
    lstm_by_layers(
        layers, masks, [&](const LstmBackward& p) { backward<T>(s, p); }, multiply<T>);
  });
}

}  // namespace etude
