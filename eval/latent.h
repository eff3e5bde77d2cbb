#pragma once
// Measures of a latent space: which dimensions are in use, and how well its points tell the styles
// (labels) of their samples apart. Points are [N, dim], rows contiguous; labels [N], >= 0, need not
// be consecutive. Common errors: no points, a size that is no multiple of dim, a value that is not
// finite, another number of labels than of points, a negative label.

#include <span>
#include <vector>

namespace etude {

/// |{d: KL_d < threshold}|, KL_d in nats: the dimensions whose posterior tells next to nothing that
/// the prior does not. In [0, D]. Errors: no dimensions, a KL that is not finite or, beyond
/// rounding (-1e-4), negative.
int collapsed_dimensions(std::span<const double> kl_per_dimension, double threshold);

/// |{d: Var_n(mean_nd) > least}| with Var_n the population variance over the N posterior means
/// [N, dim]. In [0, dim]; 0 for a single row.
/// Source: Burda, Grosse, Salakhutdinov 2016, "Importance Weighted Autoencoders", section 5.2.
int active_units(std::span<const float> means, int dim, double least = 0.01);

/// Variance between styles over mean variance within styles, both summed over the dimensions:
///   B = mean_s |m_s - mean_s' m_s'|^2,  W = mean_s mean_{n in s} |x_n - m_s|^2,  B / W,
/// m_s the mean of style s; every style weighs the same, however many points it has. In [0, inf]:
/// inf where only W is 0, 0 where all points are equal. Error: fewer than two styles.
/// Without dimension, so points may be scaled, but not each dimension by itself.
double disentanglement(std::span<const float> points, int dim, std::span<const int> labels);

/// Mean over n of (b_n - a_n) / max(a_n, b_n): a_n the mean Euclidean distance to the other points
/// of the same style, b_n the least mean distance to the points of another style. A point that is
/// alone in its style counts 0, and so does 0 / 0. In [-1, 1]; 1: tight styles far apart, 0: they
/// overlap. O(N^2 dim). Error: fewer than two styles.
/// Source: Rousseeuw 1987, "Silhouettes: a graphical aid to the interpretation and validation of
/// cluster analysis", section 2.
double silhouette(std::span<const float> points, int dim, std::span<const int> labels);

/// euclidean: |a - b|. cosine: 1 - <a, b> / (|a| |b|), where a zero vector is at distance 1 from
/// everything.
enum class Distance { euclidean, cosine };

/// For each query the label of the nearest point, the first of equally near ones. O(N Q dim).
std::vector<int> nearest_labels(std::span<const float> points, std::span<const int> labels,
                                std::span<const float> queries, int dim,
                                Distance distance = Distance::euclidean);

/// Share of points whose nearest other point (by index: an equal copy counts) has their label.
/// Error: fewer than two points.
double nearest_neighbour_accuracy(std::span<const float> points, std::span<const int> labels,
                                  int dim, Distance distance = Distance::euclidean);

/// Share of test points whose nearest training point has their label.
double nearest_neighbour_accuracy(std::span<const float> train, std::span<const int> train_labels,
                                  std::span<const float> test, std::span<const int> test_labels,
                                  int dim, Distance distance = Distance::euclidean);

}  // namespace etude
