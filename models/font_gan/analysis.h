#pragma once
// What there is to know of the letters themselves, to ask which of them a generator forgets.

#include <span>
#include <string>
#include <vector>

#include "models/font_gan/judge.h"

namespace etude::font_gan {

/// Perimetric complexity of a picture of ink: perimeter^2 / (4 pi area), 1 for a disc. image:
/// [height, width] in [-1, 1], ink = +1. The perimeter is the picture's total variation, which for
/// a shape with soft edges is their length. NaN without ink.
/// Source: Pelli, Burns, Farell & Moore-Page, "Feature detection and letter identification", 2006.
double perimetric_complexity(std::span<const float> image, int height, int width);

struct Letters {
  std::vector<double> complexity;  // [26] perimetric, mean over the training images with ink
  /// [26] from a letter's mean features in the judge to the nearest other letter's, over the root
  /// mean square distance of its images from that mean.
  std::vector<double> distance;
  std::string nearest;  // [26] which letter that is

  Json to_json() const;
  static Letters from_json(const Json& json);
};
Letters letters_of(const FontData& data, Judge& judge);

}  // namespace etude::font_gan
