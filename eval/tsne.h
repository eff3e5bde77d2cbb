#pragma once
// t-SNE: a map of points with many dimensions in the plane, for figures; and how faithful it is.

#include <cstdint>
#include <span>
#include <vector>

namespace etude {

struct TsneOptions {
  double perplexity = 30;  // about how many neighbours each point is to keep
  int iterations = 1000;
  double exaggeration = 12;  // of the attraction in the first iterations, which forms the clusters
  int exaggerated_iterations = 250;
  std::uint64_t seed = 1;
};

/// Positions y: [N, 2] of points x: [N, dim], rows contiguous, centred, by gradient descent on
///   KL(P || Q) = sum_{i != j} p_ij ln(p_ij / q_ij),   q_ij = w_ij / sum_{k != l} w_kl,
///   w_ij = 1 / (1 + |y_i - y_j|^2),   p_ij = (p_{j|i} + p_{i|j}) / 2N,
///   p_{j|i} = exp(-b_i |x_i - x_j|^2) / sum_{k != i} exp(-b_i |x_i - x_k|^2),
/// with b_i found by bisection such that the entropy of p_{.|i} is ln(perplexity). Only who is near
/// whom is kept: distances between clusters and the sizes of clusters mean little.
/// The start is the first two principal components, scaled to a deviation of 1e-4, with a hundredth
/// of that of seeded noise, which separates equal points. Exact: O(N^2) memory and time per
/// iteration. The same points, options and number of threads give the same bits.
/// Errors: no points, a size that is no multiple of dim, a value that is not finite, perplexity
/// outside (1, N - 1), a negative number of iterations, exaggeration < 1.
/// Sources: van der Maaten & Hinton 2008, "Visualizing Data using t-SNE", sections 3 and 3.4; the
/// learning rate N / (4 exaggeration) of Belkina et al. 2019 (theirs does not count the gradient's
/// factor 4; a floor, as other programs have, makes few points fly apart); start: Kobak & Berens
/// 2019, "The art of using t-SNE for single-cell transcriptomics".
std::vector<float> tsne(std::span<const float> points, int dim, const TsneOptions& options = {});

/// Mean over the points of |A_i and B_i| / k, A_i and B_i the k nearest other points (Euclidean,
/// the first of equally near ones) in `points` [N, dim] and `embedding` [N, embedding_dim]. In
/// [0, 1]; k / (N - 1) is expected of a random embedding. O(N^2 dim).
/// Errors: as above, numbers of points differ, k outside [1, N - 1].
double neighbourhood_preservation(std::span<const float> points, int dim,
                                  std::span<const float> embedding, int embedding_dim, int k);

}  // namespace etude
