#pragma once
// Whether two measurements of the same things go together.

#include <span>

namespace etude {

/// Spearman's rank correlation: Pearson's of the ranks, equal values sharing their mean rank. In
/// [-1, 1]; NaN where either side is all one value. Error: lengths differ, fewer than two pairs, a
/// value that is not finite.
/// Source: Spearman, "The proof and measurement of association between two things", 1904.
double spearman(std::span<const double> x, std::span<const double> y);

/// The |spearman| that n unrelated pairs exceed in about one case of twenty: 1.96 / sqrt(n - 1),
/// the normal approximation. Error: n < 2.
double spearman_critical(std::size_t n);

}  // namespace etude
