#pragma once
// The maths in plain loops; in double, the oracle of the tests.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace etude::reference {

/// Operands of one layer, all row-major; shapes as in LstmForward. `lengths` may be empty; `summed`
/// means that there is no w_ih.
template <class Scalar>
struct Lstm {
  using Values = std::vector<Scalar>;
  bool summed = false;
  std::int64_t T, B, I, H;
  Values x, w_ih, w_hh, bias, h0, c0, lengths;
  Values y, h_end, c_end, gates, cells;
  Values dx, dw_ih, dw_hh, dbias, dh0, dc0, dgates;

  bool within(std::int64_t t, std::int64_t b) const {
    return lengths.empty() || t < static_cast<std::int64_t>(lengths[b]);
  }

  void forward() {
    y.assign(T * B * H, 0), gates.assign(T * B * 4 * H, 0), cells.assign(T * B * H, 0);
    h_end = h0, c_end = c0;
    for (std::int64_t t = 0; t < T; ++t) {
      const Values h = h_end;
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t u = 0; u < H; ++u) {
          Scalar& c = c_end[b * H + u];
          if (within(t, b)) {
            Scalar* gate = &gates[(t * B + b) * 4 * H + u];
            for (std::int64_t q = 0; q < 4; ++q) {
              const std::int64_t r = q * H + u;
              const Scalar* in = x.data() + (t * B + b) * I;
              Scalar sum = summed ? in[r] : bias[r];
              for (std::int64_t k = 0; !summed && k < I; ++k) sum += w_ih[r * I + k] * in[k];
              for (std::int64_t k = 0; k < H; ++k) sum += w_hh[r * H + k] * h[b * H + k];
              gate[q * H] = q == 2 ? std::tanh(sum) : 1 / (1 + std::exp(-sum));
            }
            c = gate[H] * c + gate[0] * gate[2 * H];
            y[(t * B + b) * H + u] = h_end[b * H + u] = gate[3 * H] * std::tanh(c);
          }
          cells[(t * B + b) * H + u] = c;
        }
      }
    }
  }

  /// After forward(); dh0 and dc0 start as the gradients of h_end and c_end.
  void backward(const Values& dy, const Values& dh_end, const Values& dc_end) {
    dx.assign(x.size(), 0), dw_ih.assign(w_ih.size(), 0), dw_hh.assign(w_hh.size(), 0);
    dbias.assign(bias.size(), 0), dgates.assign(gates.size(), 0);
    dh0 = dh_end, dc0 = dc_end;
    for (std::int64_t t = T - 1; t >= 0; --t) {
      for (std::int64_t b = 0; b < B; ++b) {
        if (within(t, b)) backward_step(t, b, dy);
      }
    }
  }

 private:
  void backward_step(std::int64_t t, std::int64_t b, const Values& dy) {
    const std::int64_t at = t * B + b;
    const Scalar* h = t ? y.data() + (at - B) * H : h0.data() + b * H;
    Scalar* d = dgates.data() + at * 4 * H;
    for (std::int64_t u = 0; u < H; ++u) {
      const Scalar* gate = &gates[at * 4 * H + u];
      const Scalar i = gate[0], f = gate[H], g = gate[2 * H], o = gate[3 * H];
      const Scalar before = t ? cells[(at - B) * H + u] : c0[b * H + u];
      const Scalar squashed = std::tanh(cells[at * H + u]);
      const Scalar dh = dy[at * H + u] + dh0[b * H + u];
      const Scalar dc = dc0[b * H + u] + dh * o * (1 - squashed * squashed);
      d[u] = dc * g * i * (1 - i);
      d[H + u] = dc * before * f * (1 - f);
      d[2 * H + u] = dc * i * (1 - g * g);
      d[3 * H + u] = dh * squashed * o * (1 - o);
      dc0[b * H + u] = dc * f;
    }
    std::fill_n(dh0.data() + b * H, H, Scalar{0});
    for (std::int64_t r = 0; r < 4 * H; ++r) {
      if (!summed) dbias[r] += d[r];
      for (std::int64_t k = 0; !summed && k < I; ++k) {
        dw_ih[r * I + k] += d[r] * x[at * I + k];
        dx[at * I + k] += d[r] * w_ih[r * I + k];
      }
      for (std::int64_t k = 0; k < H; ++k) {
        dw_hh[r * H + k] += d[r] * h[k];
        dh0[b * H + k] += d[r] * w_hh[r * H + k];
      }
    }
  }
};

}  // namespace etude::reference
