#pragma once
// Style transfer: the z_low of one pattern decoded with the z_high of another style, and the rules
// that say whether it worked.

#include <span>

#include "engine/run/run_folder.h"
#include "models/drum_vae/data.h"
#include "models/drum_vae/model.h"

namespace etude::drum_vae {

/// The rule of the first report, as shares of the results.
struct ReportRates {
  double style;    // the style read off the result is the target
  double kick;     // kick Jaccard with the source >= 0.8 (eval/drum_patterns.h)
  double energy;   // step-energy correlation with the source >= 0.9
  double rhythm;   // kick and energy
  double success;  // style and rhythm
};
/// results[i] was made from sources[i], and seen[i] is the style read off it. Errors: none, lengths
/// differ.
ReportRates report_rates(std::span<const Pattern> sources, std::span<const Pattern> results,
                         std::span<const int> seen, int target_style);

/// What the exact density of the synthetic patterns says of transfers from one style to another.
struct OracleRates {
  /// Share of the results x with P(target style | x) > 1/2. An empty result is of no style.
  double style;
  /// A deviation is a cell that differs from the style's template, where that has a hit in the
  /// cells with `observed` >= 1/2. Share of the sources' deviations that survive: whose cell
  /// deviates in the result from the target's template too. Only cells in which both templates
  /// agree count, so that a surviving deviation is the same surplus or missing hit; then a copy of
  /// the source has 1 and the target's bare template 0.
  ///
  /// What to expect: given the style the cells of these patterns are independent, so a deviation is
  /// noise. Carrying it through z_low costs in KL what it saves in reconstruction; the true density
  /// itself, with nothing but the style for a latent, keeps no more than chance. Here a low number
  /// is no fault: the number tells whether z_low was used, not whether it was used well.
  double deviations_kept;
  /// The same with the result of another source in the place of its own.
  double deviations_kept_by_chance;
};
/// results[i] was made from sources[i]. Errors: fewer than two, lengths differ.
OracleRates oracle_rates(std::span<const Pattern> sources, int source_style,
                         std::span<const Pattern> results, int target_style);

/// Transfers between all 20 ordered pairs of styles, from at most `per_pair` random test patterns
/// of the source style each. A result has a hit where its probability is above 1/2, decoded from
/// the posterior mean of the source's z_low and, in two ways, a z_high of the target style:
///   "pattern"     the posterior mean of a random training pattern: the reports' way, a swap of
///                 z_high between two patterns, so the one to quote;
///   "style_mean"  the mean over the style's training patterns: without the donor's own chance, but
///                 a point that need not be like any pattern's where a style is not one cluster.
/// Shares of the results, for each pair and as the mean over the pairs:
///   style, kick, energy, rhythm, success   ReportRates; the style read off a result is that of the
///                 validation pattern nearest to it, by cosine of the posterior means of z_high;
///   oracle_style, deviations_kept, deviations_kept_by_chance   OracleRates, of exact density only.
/// real_same_style_pairs: how often two test patterns of one style pass the conditions on the
/// rhythm, mean over the styles. That is far from 1, so the rule is close to unpassable.
/// Donors are training patterns, so that a result is not compared with its donor.
/// Error: fewer than two training or test patterns of a style, or none for validation.
Json style_transfer(DrumVae& model, const DrumData& data, Device device, int per_pair = 200);

}  // namespace etude::drum_vae
