#pragma once
// How many different samples a generator can make, by the birthday paradox.

#include <cstdint>
#include <span>

namespace etude {

/// The distance below which only a share `share` of the points [N, dim] has its nearest other
/// point: what is nearer than that is nearer than real things come. Error: fewer than two points,
/// a size that is no multiple of dim, share outside (0, 1], a value that is not finite.
double duplicate_distance(std::span<const float> points, int dim, double share = 0.05);

struct Birthday {
  std::int64_t pairs = 0, duplicates = 0;  // pairs of samples; those closer than the distance
  /// Number of samples among which a duplicate is as likely as not: 23 where there are 365.
  double batch = 0;
  /// Number of equally likely samples that would have duplicates this often: pairs / duplicates.
  /// The source reports batch^2, which is 2 ln 2 times that. Both are infinite without duplicates.
  double support = 0;
};

/// samples: [N, dim]; two count as the same if their distance is less than `distance`. The source
/// lets people say which of the nearest pairs are the same; here a distance decides, taken from
/// real images by duplicate_distance(), for which the same estimate is the value to compare with.
/// Errors as above. Cost: 3 N^2 dim / 2 flops.
/// Source: Arora & Zhang, "Do GANs actually learn the distribution? An empirical study", 2017,
/// section 2.
Birthday birthday_support(std::span<const float> samples, int dim, double distance);

}  // namespace etude
