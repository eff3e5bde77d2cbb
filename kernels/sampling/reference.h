#pragma once
// The maths in plain loops, with a sort; in double, the oracle of the tests.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace etude::reference {

/// Logits of one row with those of the history's tokens penalised, each once.
template <class Scalar>
std::vector<Scalar> penalised_logits(std::vector<Scalar> x,
                                     const std::vector<std::int64_t>& history, Scalar penalty) {
  std::vector<bool> seen(x.size());
  for (std::int64_t token : history) {
    if (token < 0 || token >= static_cast<std::int64_t>(x.size()) || seen[token]) continue;
    seen[token] = true;
    x[token] = x[token] > 0 ? x[token] / penalty : x[token] * penalty;
  }
  return x;
}

/// The probabilities after temperature > 0, top-k (0: off) and top-p (1: off), ties kept. x has no
/// NaN and a finite maximum.
template <class Scalar>
std::vector<Scalar> sampling_distribution(const std::vector<Scalar>& x, Scalar temperature,
                                          std::int64_t top_k, Scalar top_p) {
  const Scalar max = *std::max_element(x.begin(), x.end());
  const auto weight = [&](Scalar value) { return std::exp((value - max) / temperature); };
  std::vector<Scalar> sorted = x;
  std::sort(sorted.begin(), sorted.end(), std::greater<Scalar>());
  Scalar floor = -std::numeric_limits<Scalar>::infinity();
  if (top_k > 0 && top_k < static_cast<std::int64_t>(x.size())) floor = sorted[top_k - 1];
  if (top_p < 1) {
    Scalar total = 0, sum = 0;
    for (Scalar value : sorted) total += value >= floor ? weight(value) : 0;
    for (Scalar value : sorted) {
      sum += weight(value);
      if (sum >= top_p * total) {
        floor = value;
        break;
      }
    }
  }
  std::vector<Scalar> p(x.size());
  Scalar total = 0;
  for (std::size_t c = 0; c < x.size(); ++c) total += p[c] = x[c] >= floor ? weight(x[c]) : 0;
  for (Scalar& probability : p) probability /= total;
  return p;
}

}  // namespace etude::reference
