#include "kernels/lstm/blocked_cpu.h"
#include "kernels/lstm/blocked_layout_cpu.h"
#include "kernels/lstm/cell.h"

namespace etude::cpu {
namespace {

using namespace lstm_blocked;

/// Vectors of units of one sequence that are finished at a time.
constexpr std::int64_t kGradVectors = 8, kGradUnits = kGradVectors * kLanes;

/// The gradients of n units' gates and, in place, of their cells; gates kGradUnits apart.
void grads_of(const float* gates, const float* c, const float* before, const float* dy,
              const float* dh, float* dc, float* d, std::int64_t n) {
  // Objects of the simd loop itself would become arrays in memory, and the loop stay scalar.
  const auto unit = [=](std::int64_t e) {
    const LstmGates<float> gate{gates[e], gates[kGradUnits + e], gates[2 * kGradUnits + e],
                                gates[3 * kGradUnits + e]};
    const LstmCellGrad<float> grad = lstm_cell_grad(gate, c[e], before[e], dh[e] + dy[e], dc[e]);
    d[e] = grad.sums.i;
    d[kGradUnits + e] = grad.sums.f;
    d[2 * kGradUnits + e] = grad.sums.g;
    d[3 * kGradUnits + e] = grad.sums.o;
    dc[e] = grad.dc_before;
  };
#pragma omp simd
  for (std::int64_t e = 0; e < n; ++e) unit(e);
}

/// The gradients of the gates' sums are `depth` features in both of their layouts: gate after gate,
/// each padded to whole vectors of units.
template <class T>
class Backward {
 public:
  explicit Backward(const LstmBackward& p) : p_(p), n_(p), with_dx_(p.dx.data && !n_.summed) {
    static thread_local Scratch scratch;
    const std::int64_t rows = n_.spread_rows(), units = n_.unit_vectors * kLanes;
    const std::int64_t x = n_.input_vectors * kLanes,
                       runs = round_up(depth(), kRun) * n_.chunk_rows();
    carve(scratch, {{&w_x_, with_dx_ ? x * depth() : 0},
                    {&w_h_, units * depth()},
                    {&runs_[0], runs},
                    {&runs_[1], runs},
                    {&vectors_, depth() * rows},
                    {&x_[0], x * rows},
                    {&x_[1], x * rows},
                    {&h_[0], units * rows},
                    {&h_[1], units * rows},
                    {&dx_, with_dx_ ? x * rows : 0},
                    {&dw_x_, x * depth()},
                    {&dw_h_, units * depth()},
                    {&dbias_, depth()},
                    {&dh_, units * n_.spread_batch()},
                    {&dc_, units * n_.spread_batch()}});
  }

  /// What a thread does.
  void run(const Team& team) const {
    const Share own = team.share(n_.unit_vectors), own_x = team.share(n_.input_vectors);
    if (with_dx_) pack_weights(p_.w_ih, n_.I, own_x, w_x_);
    pack_weights(p_.w_hh, n_.H, own, w_h_);
    start(own);
    for (std::int64_t end = n_.T; end > 0; end -= n_.chunk_steps) {
      const std::int64_t begin = std::max<std::int64_t>(0, end - n_.chunk_steps);
      const Chunk chunk{begin, end, (end - begin) * n_.B, buffer(begin)};
      pack_inputs(team.share(chunk.rows), chunk);
      for (std::int64_t t = end - 1; t >= begin; --t) {
        if (t + 1 < n_.T) hand_back(own, t + 1);
        step(own, chunk, t);
        team.barrier();  // the gradients of all gates of step t are complete
      }
      if (with_dx_) input_grad(own_x, chunk);
      weight_grads(own, chunk);
    }
    hand_back(own, 0);
    finish(own);
  }

 private:
  struct Chunk {
    std::int64_t begin, end, rows;
    int buffer;
  };

  std::int64_t depth() const { return 4 * n_.unit_vectors * kLanes; }
  /// Chunks are counted from the last step.
  int buffer(std::int64_t step) const {
    return static_cast<int>((n_.T - 1 - step) / n_.chunk_steps % 2);
  }

  /// w [4H, cols] as vectors of columns, of all gates in the order of the depth.
  void pack_weights(const View& w, std::int64_t cols, const Share& own, float* to) const {
    for (std::int64_t v = own.begin; v < own.end; ++v) {
      const std::int64_t count = std::min<std::int64_t>(kLanes, cols - v * kLanes);
      for (std::int64_t d = 0; d < depth(); ++d) {
        const std::int64_t units = depth() / 4, q = d / units, unit = d % units;
        load_lanes(w.as<T>() + (q * n_.H + std::min(unit, n_.H - 1)) * cols + v * kLanes,
                   unit < n_.H ? count : 0, to + (v * depth() + d) * kLanes);
      }
    }
  }

  std::int64_t state_at(std::int64_t u, std::int64_t b) const {
    return (u * n_.spread_batch() + b) * kLanes;
  }

  void start(const Share& own) const {
    std::fill_n(dw_x_ + 4 * own.begin * n_.input_vectors * kLanes * kLanes,
                4 * own.count() * n_.input_vectors * kLanes * kLanes, 0.0f);
    std::fill_n(dw_h_ + 4 * own.begin * n_.unit_vectors * kLanes * kLanes,
                4 * own.count() * n_.unit_vectors * kLanes * kLanes, 0.0f);
    std::fill_n(dbias_ + 4 * own.begin * kLanes, 4 * own.count() * kLanes, 0.0f);
    for (std::int64_t u = own.begin; u < own.end; ++u) {
      for (std::int64_t b = 0; b < n_.B; ++b) {
        const std::int64_t from = b * n_.H + u * kLanes, to = state_at(u, b);
        load_lanes(p_.dh_end.as<T>() + from, n_.units_in(u), dh_ + to);
        load_lanes(p_.dc_end.as<float>() + from, n_.units_in(u), dc_ + to);
      }
    }
  }

  /// A share of the rows of x, and of the h before each step, as vectors.
  void pack_inputs(const Share& rows, const Chunk& chunk) const {
    const std::int64_t first = chunk.begin * n_.B;
    pack<kLanes>(p_.x.as<T>() + (first + rows.begin) * n_.I, rows, n_.spread_rows(), n_.I,
                 x_[chunk.buffer]);
    const std::int64_t of_start = chunk.begin == 0 ? n_.B : 0;  // rows of h0, which lies elsewhere
    const Share start{std::min(rows.begin, of_start), std::min(rows.end, of_start)};
    const Share later{std::max(rows.begin, of_start), std::max(rows.end, of_start)};
    pack<kLanes>(p_.h0.as<T>() + start.begin * n_.H, start, n_.spread_rows(), n_.H,
                 h_[chunk.buffer]);
    pack<kLanes>(p_.y.as<T>() + (first + later.begin - n_.B) * n_.H, later, n_.spread_rows(), n_.H,
                 h_[chunk.buffer]);
  }

  /// dh += dgates[t] w_hh, for the thread's units.
  void hand_back(const Share& own, std::int64_t t) const {
    const std::int64_t from_end = (n_.T - 1 - t) / n_.chunk_steps * n_.chunk_steps;
    const std::int64_t end = n_.T - from_end,
                       begin = std::max<std::int64_t>(0, end - n_.chunk_steps);
    const std::int64_t rows = (end - begin) * n_.B;
    multiply(runs_[buffer(t)] + (t - begin) * n_.B * kRun, rows, n_.B, depth(),
             w_h_ + own.begin * depth() * kLanes, own.count(), dh_ + state_at(own.begin, 0),
             n_.spread_batch() * kLanes, true);
  }

  /// The gates' gradients of step t, for the thread's units.
  void step(const Share& own, const Chunk& chunk, std::int64_t t) const {
    for (std::int64_t b = 0; b < n_.B; ++b) {
      const bool within = !p_.lengths.data || t < p_.lengths.as<std::int32_t>()[b];
      for (std::int64_t u = own.begin; u < own.end; u += kGradVectors) {
        unit_grads(chunk, t, b, {u, std::min(u + kGradVectors, own.end)}, within);
      }
    }
  }

  /// Some neighbouring vectors of units of sequence b: they are read and written in long runs. The
  /// next sequence's gates are asked for meanwhile.
  void unit_grads(const Chunk& chunk, std::int64_t t, std::int64_t b, const Share& of,
                  bool within) const {
    using Values = float[kGradUnits];
    Values gates[4], c, before, dy, dh, dc, d[4] = {};
    const std::int64_t at = t * n_.B + b;
    for (std::int64_t u = of.begin; within && u < of.end; ++u) {
      const std::int64_t unit = u * kLanes, count = n_.units_in(u), to = (u - of.begin) * kLanes;
      for (std::int64_t q = 0; q < 4; ++q) {
        load_lanes(p_.gates.as<T>() + (at * 4 + q) * n_.H + unit, count, gates[q] + to);
        __builtin_prefetch(p_.gates.as<T>() + ((at + 1) * 4 + q) * n_.H + unit);
      }
      const float* cells = p_.cells.as<float>() + at * n_.H + unit;
      load_lanes(cells, count, c + to);
      load_lanes(t > 0 ? cells - n_.B * n_.H : p_.c0.as<float>() + b * n_.H + unit, count,
                 before + to);
      load_lanes(p_.dy.as<T>() + at * n_.H + unit, count, dy + to);
      load_lanes(dh_ + state_at(u, b), kLanes, dh + to);
      load_lanes(dc_ + state_at(u, b), kLanes, dc + to);
    }
    if (within) grads_of(gates[0], c, before, dy, dh, dc, d[0], of.count() * kLanes);
    for (std::int64_t u = of.begin; u < of.end; ++u) {
      const std::int64_t from = (u - of.begin) * kLanes;
      if (within) {
        store(dc_ + state_at(u, b), load(dc + from));
        store(dh_ + state_at(u, b), Vector{});
      }
      for (std::int64_t q = 0; q < 4; ++q) store_grads(d[q] + from, chunk, t, b, 4 * u + q);
    }
  }

  /// Gate vector `gate` of sequence b to the user's memory and, as it was rounded there, to both of
  /// its layouts.
  void store_grads(const float* d, const Chunk& chunk, std::int64_t t, std::int64_t b,
                   std::int64_t gate) const {
    const std::int64_t row = (t - chunk.begin) * n_.B + b, u = gate / 4, q = gate % 4;
    stream_lanes(d, n_.units_in(u),
                 p_.dgates.as<T>() + ((t * n_.B + b) * 4 + q) * n_.H + u * kLanes);
    float rounded[kLanes];
    rounded_lanes<T>(d, n_.units_in(u), rounded);
    const std::int64_t feature = (q * n_.unit_vectors + u) * kLanes;
    const Vector values = load(rounded);
    store(runs_[chunk.buffer] + (feature / kRun * chunk.rows + row) * kRun + feature % kRun,
          values);
    store(vectors_ + (gate * n_.spread_rows() + row) * kLanes, values);
    store(dbias_ + gate * kLanes, load(dbias_ + gate * kLanes) + values);
  }

  /// dx of the chunk's steps, for some vectors of inputs.
  void input_grad(const Share& own, const Chunk& chunk) const {
    for (std::int64_t first = own.begin; first < own.end; first += kTileVectors) {
      const std::int64_t last = std::min<std::int64_t>(first + kTileVectors, own.end);
      multiply(runs_[chunk.buffer], chunk.rows, chunk.rows, depth(),
               w_x_ + first * depth() * kLanes, last - first,
               dx_ + first * n_.spread_rows() * kLanes, n_.spread_rows() * kLanes, false);
      for (std::int64_t row = 0; row < chunk.rows; ++row) {
        for (std::int64_t v = first; v < last; ++v) {
          store_lanes(dx_ + (v * n_.spread_rows() + row) * kLanes,
                      std::min<std::int64_t>(kLanes, n_.I - v * kLanes),
                      p_.dx.as<T>() + (chunk.begin * n_.B + row) * n_.I + v * kLanes);
        }
      }
    }
  }

  /// The chunk's part of dw_ih and dw_hh, for the thread's units.
  void weight_grads(const Share& own, const Chunk& chunk) const {
    const std::int64_t first = 4 * own.begin * kLanes;
    const std::int64_t all_rows = n_.spread_rows();
    const float* d = vectors_ + first * all_rows;
    add_weight_grad(x_[chunk.buffer], n_.input_vectors, d, all_rows, chunk.rows, 4 * own.count(),
                    dw_x_ + first * n_.input_vectors * kLanes);
    add_weight_grad(h_[chunk.buffer], n_.unit_vectors, d, all_rows, chunk.rows, 4 * own.count(),
                    dw_h_ + first * n_.unit_vectors * kLanes);
  }

  void finish(const Share& own) const {
    for (std::int64_t u = own.begin; u < own.end; ++u) {
      const std::int64_t count = n_.units_in(u);
      for (std::int64_t q = 0; q < 4; ++q) {
        const std::int64_t row = q * n_.H + u * kLanes, from = (4 * u + q) * kLanes;
        from_lanes(dw_h_ + from * n_.unit_vectors * kLanes, count, n_.H,
                   p_.dw_hh.as<T>() + row * n_.H);
        if (n_.summed) continue;
        from_lanes(dw_x_ + from * n_.input_vectors * kLanes, count, n_.I,
                   p_.dw_ih.as<T>() + row * n_.I);
        store_lanes(dbias_ + from, count, p_.dbias.as<T>() + row);
      }
      for (std::int64_t b = 0; b < n_.B; ++b) {
        const std::int64_t to = b * n_.H + u * kLanes, from = state_at(u, b);
        store_lanes(dh_ + from, count, p_.dh0.as<T>() + to);
        store_lanes(dc_ + from, count, p_.dc0.as<float>() + to);
      }
    }
  }

  const LstmBackward& p_;
  const Extents n_;
  const bool with_dx_;
  float *w_x_, *w_h_;    // vectors of inputs, of units; their depth is all gates
  float* runs_[2];       // dgates of this chunk and the one before, for the products that go back
  float* vectors_;       // dgates of this chunk, for the weights' gradients
  float *x_[2], *h_[2];  // vectors: x and the h before each step
  float *dx_, *dw_x_, *dw_h_, *dbias_, *dh_, *dc_;  // vectors
};

}  // namespace

void lstm_backward_blocked(const LstmBackward& p) {
  dispatch<float, bf16>("lstm", p.x.dtype, [&]<class T>() {
    const Backward<T> backward(p);
    with_team(Extents(p), [&](const Team& team) { backward.run(team); });
  });
}

}  // namespace etude::cpu
