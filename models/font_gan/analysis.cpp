#include "models/font_gan/analysis.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "eval/points.h"

namespace etude::font_gan {

double perimetric_complexity(std::span<const float> image, int height, int width) {
  // Ink in [0, 1]; beyond the border there is none. Without its faint and its full tenth, noise on
  // paper and ink has no edges.
  const auto ink = [&](int y, int x) {
    const bool inside = y >= 0 && y < height && x >= 0 && x < width;
    return inside ? std::clamp(0.5 + static_cast<double>(image[y * width + x]) / 1.6, 0.0, 1.0) : 0;
  };
  double perimeter = 0, area = 0;
  for (int y = -1; y < height; ++y) {
    for (int x = -1; x < width; ++x) {
      area += ink(y, x);
      // The slope between four neighbours: a line of one pixel has two edges.
      const double a = ink(y, x), b = ink(y, x + 1), c = ink(y + 1, x), d = ink(y + 1, x + 1);
      perimeter += std::hypot(b + d - a - c, c + d - a - b) / 2;
    }
  }
  return area > 0 ? perimeter * perimeter / (4 * std::numbers::pi * area)
                  : std::numeric_limits<double>::quiet_NaN();
}

Letters letters_of(const FontData& data, Judge& judge) {
  const auto n = static_cast<std::int64_t>(data.train_labels.size());
  const std::vector<float> features =
      judge.judge(Tensor::from(data.train_images, {n, 1, kPixels, kPixels})).features;
  const int dim = static_cast<int>(features.size()) / static_cast<int>(n);
  constexpr int kImage = kPixels * kPixels;
  Letters letters{.complexity = std::vector<double>(kLetters), .distance = {}, .nearest = {}};
  std::vector<std::vector<double>> centre(kLetters, std::vector<double>(dim));
  std::vector<double> count(kLetters), inked(kLetters), spread(kLetters);
  for (std::int64_t i = 0; i < n; ++i) {
    const int letter = data.train_labels[i];
    ++count[letter];
    const double complexity = perimetric_complexity(
        std::span(data.train_images).subspan(i * kImage, kImage), kPixels, kPixels);
    if (!std::isnan(complexity)) letters.complexity[letter] += complexity, ++inked[letter];
    for (int d = 0; d < dim; ++d) centre[letter][d] += features[i * dim + d];
  }
  for (int letter = 0; letter < kLetters; ++letter) {
    letters.complexity[letter] /= std::max(1.0, inked[letter]);
    for (double& x : centre[letter]) x /= count[letter];
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const int letter = data.train_labels[i];
    const std::vector<double> own(features.begin() + i * dim, features.begin() + (i + 1) * dim);
    spread[letter] += squared_distance(own.data(), centre[letter].data(), dim) / count[letter];
  }
  for (int letter = 0; letter < kLetters; ++letter) {
    double least = std::numeric_limits<double>::infinity();
    char nearest = '?';
    for (int other = 0; other < kLetters; ++other) {
      const double d = squared_distance(centre[letter].data(), centre[other].data(), dim);
      if (other != letter && d < least) least = d, nearest = static_cast<char>('A' + other);
    }
    letters.distance.push_back(std::sqrt(least / std::max(spread[letter], 1e-12)));
    letters.nearest += nearest;
  }
  return letters;
}

Json Letters::to_json() const {
  return {{"complexity", complexity}, {"distance", distance}, {"nearest", nearest}};
}

Letters Letters::from_json(const Json& json) {
  return {.complexity = json.at("complexity").get<std::vector<double>>(),
          .distance = json.at("distance").get<std::vector<double>>(),
          .nearest = json.at("nearest")};
}

}  // namespace etude::font_gan
