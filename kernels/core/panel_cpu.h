#pragma once
// The loops around the register tile of tile_cpu.h: how the columns of a product are split, and its
// depth collected piece by piece.

#include "kernels/core/tile_cpu.h"

namespace etude::cpu {

/// Depth of a product between two updates of the result: its part of b, kDepth x 3 vectors, stays
/// in an L1 cache of 32 KiB, with the rows of a, while all images pass.
inline constexpr std::int64_t kDepth = 80;

/// A block's vectors, split into nearly equal pieces of at most kTileVectors.
struct Panels {
  std::int64_t blocks;

  std::int64_t count() const { return ceil_div(blocks, kTileVectors); }
  std::int64_t begin(std::int64_t panel) const { return panel * blocks / count(); }
  std::int64_t size(std::int64_t panel) const { return begin(panel + 1) - begin(panel); }
};

/// Collects segments and runs tiles over them whenever a block of the depth is complete.
class Depth {
 public:
  Depth(float* c, std::int64_t rows, std::int64_t vectors, const TileLayout& layout)
      : c_(c), rows_(rows), vectors_(vectors), layout_(layout) {}

  void add(const float* a, const float* b) {
    segments_[count_++] = {a, b};
    if (count_ == kSegments) flush();
  }
  /// Writes zeros where nothing was ever added.
  void finish() {
    if (count_ > 0 || !layout_.accumulate) flush();
  }

 private:
  static constexpr int kSegments = static_cast<int>(kDepth) / kLanes;

  void flush() {
    for (std::int64_t row = 0; row < rows_; row += kTileRows) {
      tile_of<kLanes, 1>(std::min<std::int64_t>(kTileRows, rows_ - row), vectors_)(
          segments_, count_, layout_, c_ + row * kLanes);
      for (int i = 0; i < count_; ++i) segments_[i].a += kTileRows * kLanes;
    }
    layout_.accumulate = true;
    count_ = 0;
  }

  float* c_;
  std::int64_t rows_, vectors_;
  TileLayout layout_;
  int count_ = 0;
  Segment segments_[kSegments];
};

}  // namespace etude::cpu
