#include "models/drum_vae/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/error.h"

namespace etude::drum_vae {
namespace {

constexpr double kFlip = 0.05;

struct Hits {
  Instrument instrument;
  std::vector<int> steps;
  double p = 1;
};

StyleTemplate make_template(const std::vector<Hits>& list) {
  StyleTemplate t;
  t.intended.fill(0);
  for (const Hits& hits : list) {
    for (int step : hits.steps) t.intended[step * kInstruments + hits.instrument] = hits.p;
  }
  for (int i = 0; i < kCells; ++i) {
    t.observed[i] = t.intended[i] * (1 - kFlip) + (1 - t.intended[i]) * kFlip;
  }
  return t;
}

const std::array<StyleTemplate, kStyles>& templates() {
  static const std::vector<int> even{0, 2, 4, 6, 8, 10, 12, 14}, beats{0, 4, 8, 12}, back{4, 12},
      off{2, 6, 10, 14};
  static const std::array<StyleTemplate, kStyles> all{
      make_template({{kick, beats},
                     {kick, off, .7},
                     {snare, {4, 8, 12}},
                     {hihat_closed, even},
                     {crash, {15}, .3}}),
      make_template({{kick, {0}}, {kick, {10}, .6}, {snare, back}, {ride, {0, 3, 6, 9, 12, 15}}}),
      make_template({{kick, {0, 10}}, {snare, back}, {hihat_closed, even, .8}, {clap, {7}, .4}}),
      make_template({{kick, beats}, {snare, back}, {hihat_closed, off}, {clap, {0, 8}, .7}}),
      make_template({{kick, {0, 3, 6, 10, 12}},
                     {snare, back},
                     {hihat_closed, even},
                     {tom_low, {2, 5, 8, 11, 14}, .6}})};
  return all;
}

double log_sum_exp(const std::array<double, kStyles>& v) {
  const double top = *std::max_element(v.begin(), v.end());
  double sum = 0;
  for (double x : v) sum += std::exp(x - top);
  return top + std::log(sum);
}

std::array<double, kStyles> log_likelihoods(const Pattern& pattern) {
  std::array<double, kStyles> all;
  for (int style = 0; style < kStyles; ++style) all[style] = log_likelihood(pattern, style);
  return all;
}

}  // namespace

int style_number(const std::string& name) {
  std::string known;
  for (int style = 0; style < kStyles; ++style) {
    if (name == kStyleNames[style]) return style;
    known += (style ? ", " : "") + std::string(kStyleNames[style]);
  }
  fail("unknown style ", name, "; the styles are ", known);
}

const StyleTemplate& style_template(int style) { return templates()[style]; }

double log_likelihood(const Pattern& pattern, int style) {
  const StyleTemplate& t = style_template(style);
  double sum = 0;
  int hits = 0;
  for (int i = 0; i < kCells; ++i) {
    sum += std::log(pattern[i] ? t.observed[i] : 1 - t.observed[i]);
    hits += pattern[i];
  }
  if (hits == 0) return -INFINITY;
  if (hits > 1 || !pattern[kick]) return sum;
  // A kick on step 0 alone is also what an empty draw becomes.
  const double p = t.observed[kick];
  return sum + std::log1p((1 - p) / p);
}

double log_likelihood(const Pattern& pattern) {
  return log_sum_exp(log_likelihoods(pattern)) - std::log(kStyles);
}

std::array<double, kStyles> style_posterior(const Pattern& pattern) {
  std::array<double, kStyles> p = log_likelihoods(pattern);
  const double total = log_sum_exp(p);
  for (double& x : p) x = std::exp(x - total);
  return p;
}

Pattern draw_pattern(int style, Generator& generator) {
  const StyleTemplate& t = style_template(style);
  const std::vector<float> u = uniform(generator, {kCells}).to_vector<float>();
  Pattern pattern;
  bool empty = true;
  for (int i = 0; i < kCells; ++i) {
    pattern[i] = u[i] < t.observed[i];
    empty = empty && !pattern[i];
  }
  if (empty) pattern[kick] = 1;
  return pattern;
}

Patterns draw_patterns(int per_style, Generator& generator) {
  Patterns drawn;
  for (int style = 0; style < kStyles; ++style) {
    for (int i = 0; i < per_style; ++i) {
      drawn.hits.push_back(draw_pattern(style, generator));
      drawn.styles.push_back(style);
    }
  }
  Patterns mixed;
  for (std::int64_t i : generator.permutation(drawn.size())) {
    mixed.hits.push_back(drawn.hits[i]);
    mixed.styles.push_back(drawn.styles[i]);
  }
  return mixed;
}

Truth measure_truth(int samples) {
  Generator generator(1, 1);
  double sum = 0, squares = 0, given_style = 0;
  for (int i = 0; i < samples; ++i) {
    for (int style = 0; style < kStyles; ++style) {
      const Pattern pattern = draw_pattern(style, generator);
      const double nll = -log_likelihood(pattern);
      sum += nll;
      squares += nll * nll;
      given_style -= log_likelihood(pattern, style);
    }
  }
  const double n = static_cast<double>(samples) * kStyles, mean = sum / n;
  double independent = 0;
  for (int i = 0; i < kCells; ++i) {
    double p = 0;
    for (int style = 0; style < kStyles; ++style) p += style_template(style).observed[i] / kStyles;
    independent -= p * std::log(p) + (1 - p) * std::log(1 - p);
  }
  return {.entropy = mean,
          .entropy_error = std::sqrt((squares / n - mean * mean) / n),
          .style_information = mean - given_style / n,
          .no_latent_nll = independent};
}

}  // namespace etude::drum_vae
