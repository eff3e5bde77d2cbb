#include "models/font_gan/augment.h"

#include <algorithm>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/shape.h"

namespace etude::font_gan {
namespace {

/// A whole number in [lo, hi].
std::int64_t draw(Generator& random, std::int64_t lo, std::int64_t hi) {
  return lo + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(hi - lo + 1)));
}

/// [B, 1, n, n]: matrices that move a vector of n by a number of places each, up to n / 8 either
/// way.
Tensor shifts(Generator& random, const Tensor& like, std::int64_t n) {
  const std::int64_t batch = like.dim(0), most = n / 8;
  std::vector<float> values(static_cast<std::size_t>(batch * n * n), 0.0f);
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t by = draw(random, -most, most);
    for (std::int64_t to = std::max<std::int64_t>(0, by); to < std::min(n, n + by); ++to) {
      values[(b * n + to) * n + to - by] = 1;
    }
  }
  return cast(Tensor::from(values, {batch, 1, n, n}, like.device()), like.dtype());
}

/// [B, 1, H, W] of 1, but 0 in a rectangle of half the extents around a random point.
Tensor holes(Generator& random, const Tensor& like) {
  const std::int64_t batch = like.dim(0), height = like.dim(2), width = like.dim(3);
  std::vector<float> values(static_cast<std::size_t>(batch * height * width), 1.0f);
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t top = draw(random, 0, height - 1) - height / 4;
    const std::int64_t left = draw(random, 0, width - 1) - width / 4;
    for (std::int64_t y = std::max<std::int64_t>(0, top); y < std::min(height, top + height / 2);
         ++y) {
      for (std::int64_t x = std::max<std::int64_t>(0, left); x < std::min(width, left + width / 2);
           ++x) {
        values[(b * height + y) * width + x] = 0;
      }
    }
  }
  return cast(Tensor::from(values, like.shape(), like.device()), like.dtype());
}

}  // namespace

Tensor augmented(const Tensor& images, Generator& random) {
  require(images.rank() == 4 && images.dim(1) == 1, "augmented: images must be [B, 1, H, W], not ",
          images.shape());
  const Tensor down = shifts(random, images, images.dim(2));
  const Tensor right = transpose(shifts(random, images, images.dim(3)));
  // Paper is 0 in between: what moves in and what is erased.
  const Tensor moved = matmul(matmul(down, images + 1.0), right);
  return moved * holes(random, images) - 1.0;
}

}  // namespace etude::font_gan
