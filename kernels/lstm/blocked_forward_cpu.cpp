#include "kernels/lstm/blocked_cpu.h"
#include "kernels/lstm/blocked_layout_cpu.h"
#include "kernels/lstm/cell.h"

namespace etude::cpu {
namespace {

using namespace lstm_blocked;

/// sums = s(sums + bias), or tanh; rows of one vector of units.
template <bool kTanh>
void activate(float* sums, const float* bias, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r, sums += kLanes) {
#pragma omp simd
    for (int i = 0; i < kLanes; ++i) {
      const float sum = sums[i] + bias[i];
      sums[i] = kTanh ? math::tanh(sum) : math::sigmoid(sum);
    }
  }
}

template <class T>
class Forward {
 public:
  explicit Forward(const LstmForward& p) : p_(p), n_(p) {
    static thread_local Scratch scratch;
    const std::int64_t units = n_.unit_vectors * kLanes;
    const std::int64_t x = round_up(n_.I, kRun) * n_.chunk_rows(), h = round_up(n_.H, kRun) * n_.B;
    carve(scratch, {{&w_x_, 4 * units * n_.I},
                    {&w_h_, 4 * units * n_.H},
                    {&sums_, 4 * units * n_.spread_rows()},
                    {&x_[0], x},
                    {&x_[1], x},
                    {&h_[0], h},
                    {&h_[1], h},
                    {&c_, units * n_.spread_batch()},
                    {&new_c_, units * n_.spread_batch()},
                    {&new_h_, units * n_.spread_batch()}});
  }

  /// What a thread does.
  void run(const Team& team) const {
    const Share own = team.share(n_.unit_vectors);
    pack_weights(own);
    start(own);
    pack_inputs(team, 0);
    team.barrier();
    for (std::int64_t begin = 0; begin < n_.T; begin += n_.chunk_steps) {
      const std::int64_t end = std::min(begin + n_.chunk_steps, n_.T), rows = (end - begin) * n_.B;
      input_sums(own, begin, rows);
      pack_inputs(team, end);
      for (std::int64_t t = begin; t < end; ++t) {
        step(own, t, t - begin);
        team.barrier();  // the state is complete
      }
    }
    finish(own);
  }

 private:
  float* inputs(std::int64_t first_step) const { return x_[first_step / n_.chunk_steps % 2]; }

  void pack_weights(const Share& own) const {
    for (std::int64_t u = own.begin; u < own.end; ++u) {
      for (std::int64_t q = 0; q < 4; ++q) {
        const std::int64_t row = q * n_.H + u * kLanes, to = (4 * u + q) * kLanes;
        if (!n_.summed) {
          to_lanes(p_.w_ih.as<T>() + row * n_.I, n_.units_in(u), n_.I, w_x_ + to * n_.I);
        }
        to_lanes(p_.w_hh.as<T>() + row * n_.H, n_.units_in(u), n_.H, w_h_ + to * n_.H);
      }
    }
  }

  /// A share of the inputs of the chunk that begins with a step.
  void pack_inputs(const Team& team, std::int64_t step) const {
    const std::int64_t rows = std::min(n_.chunk_steps, n_.T - step) * n_.B;
    if (rows <= 0 || n_.summed) return;
    const Share own = team.share(rows);
    pack<kRun>(p_.x.as<T>() + (step * n_.B + own.begin) * n_.I, own, rows, n_.I, inputs(step));
  }

  /// The input's part of the gates of the chunk that begins with a step, for the thread's units.
  void input_sums(const Share& own, std::int64_t begin, std::int64_t rows) const {
    if (!n_.summed) {
      return multiply(inputs(begin), rows, rows, n_.I, w_x_ + 4 * own.begin * kLanes * n_.I,
                      4 * own.count(), sums_of(own.begin), gate_stride(), false);
    }
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* x = p_.x.as<T>() + (begin * n_.B + row) * 4 * n_.H;
      for (std::int64_t q = 0; q < 4; ++q, x += n_.H) {
        for (std::int64_t u = own.begin; u < own.end; ++u) {
          load_lanes(x + u * kLanes, n_.units_in(u), sums_of(u) + q * gate_stride() + row * kLanes);
        }
      }
    }
  }

  /// Sequence b's lanes of a vector of units in the state before step t.
  float* h_lanes(std::int64_t t, std::int64_t u, std::int64_t b) const {
    const std::int64_t unit = u * kLanes;
    return h_[t % 2] + (unit / kRun * n_.B + b) * kRun + unit % kRun;
  }
  std::int64_t state_at(std::int64_t u, std::int64_t b) const {
    return (u * n_.spread_batch() + b) * kLanes;
  }
  float* sums_of(std::int64_t u) const { return sums_ + 4 * u * gate_stride(); }
  std::int64_t gate_stride() const { return n_.spread_rows() * kLanes; }

  void start(const Share& own) const {
    for (std::int64_t u = own.begin; u < own.end; ++u) {
      for (std::int64_t b = 0; b < n_.B; ++b) {
        const std::int64_t from = b * n_.H + u * kLanes;
        load_lanes(p_.h0.as<T>() + from, n_.units_in(u), h_lanes(0, u, b));
        load_lanes(p_.c0.as<float>() + from, n_.units_in(u), c_ + state_at(u, b));
      }
    }
  }

  void finish(const Share& own) const {
    for (std::int64_t u = own.begin; u < own.end; ++u) {
      for (std::int64_t b = 0; b < n_.B; ++b) {
        const std::int64_t to = b * n_.H + u * kLanes;
        store_lanes(h_lanes(n_.T, u, b), n_.units_in(u), p_.h_end.as<T>() + to);
        store_lanes(c_ + state_at(u, b), n_.units_in(u), p_.c_end.as<float>() + to);
      }
    }
  }

  /// Step t, the chunk's `in_chunk`th, for the thread's units. A few vectors of them at a time are
  /// multiplied and finished, so that their sums stay in a near cache.
  void step(const Share& own, std::int64_t t, std::int64_t in_chunk) const {
    for (std::int64_t u = own.begin; u < own.end; u += kUnitVectors) {
      const std::int64_t end = std::min(u + kUnitVectors, own.end);
      float* sums = sums_of(u) + in_chunk * n_.B * kLanes;
      multiply(h_[t % 2], n_.B, n_.B, n_.H, w_h_ + 4 * u * kLanes * n_.H, 4 * (end - u), sums,
               gate_stride(), true);
      for (std::int64_t v = u; v < end; ++v) {
        finish_units(v, sums + 4 * (v - u) * gate_stride());
      }
      store_units({u, end}, t, sums);
    }
  }

  /// Gates in place of their sums, and a new state beside the old one, for one vector of units. A
  /// loop per function: each has few enough instructions that the core overlaps several rows.
  void finish_units(std::int64_t u, float* sums) const {
    const std::int64_t gate = gate_stride();
    float bias[4][kLanes];
    for (std::int64_t q = 0; q < 4; ++q) {
      std::fill_n(bias[q], kLanes, 0.0f);
      if (n_.summed) continue;
      load_lanes(p_.bias.as<T>() + q * n_.H + u * kLanes, n_.units_in(u), bias[q]);
    }
    activate<false>(sums, bias[0], n_.B);
    activate<false>(sums + gate, bias[1], n_.B);
    activate<true>(sums + 2 * gate, bias[2], n_.B);
    activate<false>(sums + 3 * gate, bias[3], n_.B);
    const float* c = c_ + state_at(u, 0);
    float *new_c = new_c_ + state_at(u, 0), *new_h = new_h_ + state_at(u, 0);
    // Objects of the simd loop itself would become arrays in memory, and the loop stay scalar.
    const auto unit = [=](std::int64_t e) {
      const LstmGates<float> gates{sums[e], sums[gate + e], sums[2 * gate + e], sums[3 * gate + e]};
      new_c[e] = lstm_cell(gates, c[e]);
      new_h[e] = gates.o * math::tanh(new_c[e]);
    };
#pragma omp simd
    for (std::int64_t e = 0; e < n_.B * kLanes; ++e) unit(e);
  }

  /// Gates and state of a few vectors of units, to the user's memory and to the next step.
  void store_units(const Share& units, std::int64_t t, const float* gates) const {
    const std::int64_t gate = gate_stride();
    for (std::int64_t b = 0; b < n_.B; ++b) {
      const bool within = !p_.lengths.data || t < p_.lengths.as<std::int32_t>()[b];
      const std::int64_t at = t * n_.B + b;
      for (std::int64_t u = units.begin; u < units.end; ++u) {
        const std::int64_t unit = u * kLanes, count = n_.units_in(u), lanes = state_at(u, b);
        constexpr float kNone[kLanes] = {};
        const float* gates_of = gates + 4 * (u - units.begin) * gate + b * kLanes;
        for (std::int64_t q = 0; q < 4; ++q) {
          stream_lanes(within ? gates_of + q * gate : kNone, count,
                       p_.gates.as<T>() + (at * 4 + q) * n_.H + unit);
        }
        stream_lanes(within ? new_h_ + lanes : kNone, count, p_.y.as<T>() + at * n_.H + unit);
        if (within) store_lanes(new_c_ + lanes, kLanes, c_ + lanes);
        stream_lanes(c_ + lanes, count, p_.cells.as<float>() + at * n_.H + unit);
        if (within) {
          rounded_lanes<T>(new_h_ + lanes, count, h_lanes(t + 1, u, b));
        } else {
          store_lanes(h_lanes(t, u, b), kLanes, h_lanes(t + 1, u, b));
        }
      }
    }
  }

  const LstmForward& p_;
  const Extents n_;
  float *w_x_, *w_h_;    // vectors of units: the gates of one follow each other
  float *x_[2], *h_[2];  // runs: inputs of this chunk and the next, states before and after a step
  float* sums_;          // vectors: of this chunk's gates
  float *c_, *new_c_, *new_h_;  // vectors: the state before the step, after it
};

}  // namespace

void lstm_forward_blocked(const LstmForward& p) {
  dispatch<float, bf16>("lstm", p.x.dtype, [&]<class T>() {
    const Forward<T> forward(p);
    with_team(Extents(p), [&](const Team& team) { forward.run(team); });
  });
}

}  // namespace etude::cpu
