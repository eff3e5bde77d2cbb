#pragma once
// What a trained drum VAE is worth: the numbers of its metrics.json. Style transfer: transfer.h.

#include <span>
#include <vector>

#include "engine/autograd.h"
#include "engine/run/run_folder.h"
#include "models/drum_vae/data.h"
#include "models/drum_vae/model.h"

namespace etude::drum_vae {

/// An estimate of -ln p(x_n) of each pattern in nats, from `samples` (K) draws of the posterior:
///   -ln (1/K) sum_k p(x | z_low, z_high) p(z_low | z_high) p(z_high)
///                   / (q(z_low | x) q(z_high | x or z_low)).
/// Its expectation falls towards -ln p(x) from above as K grows. Where z_high is encoded from z_low
/// each draw of z_low has a q(z_high | z_low) of its own. x: [N, 16, 9]. Error: samples < 1.
/// Source: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", 2016, equation 8.
std::vector<double> importance_weighted_nll(DrumVae& model, const Tensor& x, int samples = 500);

/// Posterior means of every pattern: [N, 12] and [N, 4].
struct PosteriorMeans {
  std::vector<float> low, high;
};
/// Where z_high is encoded from z_low, its mean given x is E over q(z_low | x) of the mean given
/// z_low, here over 16 draws. x: [N, 16, 9].
PosteriorMeans posterior_means(DrumVae& model, const Tensor& x);

/// A model's NLL (or its bound) against that of the density the patterns were drawn from. No model
/// is better on average: nll - truth >= 0 but for the choice of the patterns, and by less than
/// about 4 standard errors. A model further `below` was measured wrongly.
struct Floor {
  double excess, standard_error;  // of nll - truth, mean over the patterns, nats
  bool below;
};
/// Both of the same patterns, in nats. Errors: lengths differ, fewer than two patterns, a value
/// that is not finite.
Floor compare_with_floor(std::span<const double> nll, std::span<const double> truth);

/// How much work measure() does; the numbers of patterns are upper limits.
struct MeasureCounts {
  int elbo_draws = 8;             // of the latents, for each pattern
  int importance_samples = 500;   // K
  int importance_patterns = 200;  // of the test set
  int silhouette_points = 1000;   // of the test set
  int drawn = 2000;               // patterns from the prior, of the test set, and of noise
  int truth_samples = 10000;      // of each style, for the entropy
};

/// Every measure but style transfer. Keys, in nats where not said otherwise:
///   data, patterns    name; how many in train, validation, test
///   validation, test  -ELBO (mean over elbo_draws draws and all patterns; standard_error: over the
///                     patterns), its terms, KL by dimension, of z_low against the prior in use
///   importance_weighted  see above, of a random choice of test patterns
///   z_high, z_low     dimensions with less KL than 0.01, 0.02, 0.1 on the test set; of the
///                     posterior means of the test patterns: active units, disentanglement,
///                     silhouette (of a random choice), and the accuracy of a linear probe and of
///                     the nearest neighbour from the training patterns' means (eval/latent.h)
///   drawn             of the model's patterns (z_high ~ N(0, 1), z_low ~ p(z_low | z_high), cells
///                     ~ Bernoulli at temperature 1), of test patterns, and of independent cells
///                     at the test set's density: density, validity, diversity and within-style
///                     diversity (eval/drum_patterns.h). A diversity is the mean over disjoint
///                     hundreds of patterns, for one hundred alone is noisy; hundreds_sd is
///                     their standard deviation. styles_by: what says the style of the model's
///                     patterns, the exact posterior, or without it the linear probe of the z_high
///                     that each was drawn from
///   truth             where data.exact_density: entropy, information between style and pattern,
///                     the best NLL without latents, the true density's NLL of the test patterns,
///                     and what -ELBO and the importance-weighted NLL exceed it by (Floor)
///   below_floor       whether one of the two is impossibly good: a bug. Without exact density
///                     false
/// Deterministic: the latents are the same for every model.
Json measure(DrumVae& model, const DrumData& data, Device device, const MeasureCounts& counts = {});

}  // namespace etude::drum_vae
