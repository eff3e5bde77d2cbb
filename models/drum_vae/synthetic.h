#pragma once
// The generator of the reports' data, whose density is known exactly: so the entropy that no
// likelihood can beat is known too, and a pattern's style has an exact posterior.

#include "engine/random.h"
#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

/// Probability of a hit in each cell before and after every cell is flipped with probability 0.05.
/// Cells are independent given the style.
struct StyleTemplate {
  std::array<double, kCells> intended, observed;
};
const StyleTemplate& style_template(int style);

/// log p(pattern | style) in nats. An empty draw gets a kick on step 0, which this counts.
double log_likelihood(const Pattern& pattern, int style);
/// log p(pattern), all styles equally likely.
double log_likelihood(const Pattern& pattern);
/// P(style | pattern) of all styles.
std::array<double, kStyles> style_posterior(const Pattern& pattern);

Pattern draw_pattern(int style, Generator& generator);
/// `per_style` patterns of each style in random order.
Patterns draw_patterns(int per_style, Generator& generator);

/// -E log p(pattern) in nats, and I(style; pattern), from `samples` draws of each style.
struct Truth {
  double entropy, entropy_error;  // error: one standard error
  double style_information;
  double no_latent_nll;  // of the best single table of independent cells
};
Truth measure_truth(int samples);

}  // namespace etude::drum_vae
