#include "models/drum_vae/decode.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/error.h"

namespace etude::drum_vae {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double expected_hits(std::span<const float> logits, double shift, double temperature) {
  double sum = 0;
  for (const float logit : logits) sum += sigmoid((logit + shift) / temperature);
  return sum;
}

/// The constant for which expected_hits() is `complexity` times what it is without.
double find_shift(std::span<const float> logits, double complexity, double temperature) {
  const double target = complexity * expected_hits(logits, 0, temperature);
  double largest = 0;
  for (const float logit : logits) largest = std::max(largest, std::abs(double{logit}));
  // At the ends every probability is 0 or 1 to double precision, so a target out of reach ends
  // there.
  double high = largest + 40 * temperature, low = -high;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (expected_hits(logits, middle, temperature) < target ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

std::vector<Pattern> to_patterns(const Tensor& logits, const DecodeOptions& options,
                                 Generator* draws) {
  const auto [temperature, complexity] = options;
  require(logits.rank() == 3 && logits.dim(1) == kSteps && logits.dim(2) == kInstruments,
          "to_patterns: logits are [N, ", kSteps, ", ", kInstruments, "], not ", logits.shape());
  require(temperature >= 0 && std::isfinite(temperature),
          "to_patterns: temperature is at least 0, not ", temperature);
  require(complexity > 0 && std::isfinite(complexity), "to_patterns: complexity is above 0, not ",
          complexity);
  const bool drawn = temperature > 0;
  require(!drawn || draws, "to_patterns: temperature ", temperature, " needs a generator");

  const std::vector<float> values = logits.to_vector<float>();
  require(std::ranges::all_of(values, [](float logit) { return std::isfinite(logit); }),
          "to_patterns: a logit is not finite");
  std::vector<float> u;
  if (drawn) u = uniform(*draws, logits.shape()).to_vector<float>();
  const double scale = drawn ? temperature : 1;
  std::vector<Pattern> patterns(values.size() / kCells);
  for (std::size_t n = 0; n < patterns.size(); ++n) {
    const auto cells = std::span(values).subspan(n * kCells, kCells);
    const double shift = complexity == 1 ? 0 : find_shift(cells, complexity, scale);
    for (int i = 0; i < kCells; ++i) {
      const double logit = cells[i] + shift;
      patterns[n][i] = drawn ? u[n * kCells + i] < sigmoid(logit / temperature) : logit > 0;
    }
  }
  return patterns;
}

}  // namespace etude::drum_vae
