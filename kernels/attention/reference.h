#pragma once
// The maths in plain loops; in double, the oracle of the tests, and the CPU's f64.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/attention/dropout.h"

namespace etude::reference {

/// Operands, all row-major; shapes as in AttentionForward.
template <class Scalar>
struct Attention {
  using Values = std::vector<Scalar>;
  std::int64_t heads, T, S, D;  // heads: of all sequences
  AttentionOptions options;
  Values q, k, v;
  Values y, lse;
  Values dq, dk, dv;

  void forward() {
    y.assign(heads * T * D, 0), lse.assign(heads * T, 0);
    each_query([&](std::int64_t h, std::int64_t t, const Values& p) {
      for (std::size_t s = 0; s < p.size(); ++s) {
        const Scalar weight = keep(h, t, s) * p[s];
        for (std::int64_t d = 0; d < D; ++d) {
          y[(h * T + t) * D + d] += weight * v[(h * S + s) * D + d];
        }
      }
    });
  }

  void backward(const Values& dy) {
    dq.assign(heads * T * D, 0), dk.assign(heads * S * D, 0), dv.assign(heads * S * D, 0);
    const auto scale = static_cast<Scalar>(options.scale);
    each_query([&](std::int64_t h, std::int64_t t, const Values& p) {
      const std::int64_t row = (h * T + t) * D;
      Values dp(p.size(), 0);
      Scalar delta = 0;  // sum_s p dp
      for (std::size_t s = 0; s < p.size(); ++s) {
        const std::int64_t key = (h * S + s) * D;
        const Scalar kept = keep(h, t, s);
        for (std::int64_t d = 0; d < D; ++d) {
          dp[s] += kept * dy[row + d] * v[key + d];
          dv[key + d] += kept * p[s] * dy[row + d];
        }
        delta += p[s] * dp[s];
      }
      for (std::size_t s = 0; s < p.size(); ++s) {
        const std::int64_t key = (h * S + s) * D;
        const Scalar ds = p[s] * (dp[s] - delta) * scale;
        for (std::int64_t d = 0; d < D; ++d) {
          dq[row + d] += ds * k[key + d];
          dk[key + d] += ds * q[row + d];
        }
      }
    });
  }

 private:
  Scalar keep(std::int64_t h, std::int64_t t, std::int64_t s) const {
    if (options.dropout <= 0) return 1;
    const AttentionDropout dropout(options, T, S);
    return dropout.keep_at(h, t, s) > 0 ? 0x1p16 / (0x1p16 - dropout.threshold) : Scalar{0};
  }

  /// body(h, t, probabilities of the keys that t sees); sets lse.
  template <class Body>
  void each_query(const Body& body) {
    for (std::int64_t row = 0; row < heads * T; ++row) {
      const std::int64_t h = row / T, t = row % T;
      Values p(options.causal ? t + S - T + 1 : S);
      Scalar max = -std::numeric_limits<Scalar>::infinity(), sum = 0;
      for (std::size_t s = 0; s < p.size(); ++s) {
        Scalar score = 0;
        for (std::int64_t d = 0; d < D; ++d) score += q[row * D + d] * k[(h * S + s) * D + d];
        p[s] = score * static_cast<Scalar>(options.scale);
        max = std::max(max, p[s]);
      }
      for (Scalar& x : p) sum += x = std::exp(x - max);
      for (Scalar& x : p) x /= sum;
      if (lse.size() == static_cast<std::size_t>(heads * T)) lse[row] = max + std::log(sum);
      body(h, t, p);
    }
  }
};

}  // namespace etude::reference
