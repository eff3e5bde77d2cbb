#pragma once
// k-NN precision and recall of generated samples.

#include <span>

namespace etude {

struct PrecisionRecall {
  double precision;  // share of generated samples that lie on the real manifold: fidelity
  double recall;     // share of real samples that lie on the generated manifold: diversity
};

/// Improved precision and recall. A set Phi spans the manifold
///   M(Phi) = union over p in Phi of the ball around p with radius |p - NN_k(p, Phi \ {p})|,
///   precision = |{g in G: g in M(R)}| / |G|,   recall = |{r in R: r in M(G)}| / |R|.
/// real: [R, dim], generated: [G, dim], rows contiguous; R, G > k. A point is left out of its own
/// neighbours by its index, so an equal copy does count, at distance exactly 0; balls are closed.
/// Cost: 8 (R + G)^2 dim flops at most, O(R + G) memory times dim.
/// Errors: too few rows, a size that is no multiple of dim, a value that is not finite.
/// Source: Kynkaanniemi, Karras, Laine, Lehtinen, Aila 2019, "Improved Precision and Recall Metric
/// for Assessing Generative Models", section 3.
PrecisionRecall precision_recall(std::span<const float> real, std::span<const float> generated,
                                 int dim, int k = 3);

}  // namespace etude
