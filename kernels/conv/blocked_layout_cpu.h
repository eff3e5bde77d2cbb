#pragma once
// Layouts inside the blocked convolution: activations [channel block][pixel][image][lane], weights
// [block of the channels that become lanes][tap][other channel][lane]. A block is one vector of
// kLanes channels; the last one of a group is filled up with zeros. The conversions share their
// work among the threads of the parallel region around them.

#include "kernels/core/tile_cpu.h"

namespace etude::cpu::blocked {

/// Channels in blocks of kLanes, each group starting a new one.
struct Blocks {
  std::int64_t groups, channels;  // of one group

  std::int64_t per_group() const { return ceil_div(channels, kLanes); }
  std::int64_t count() const { return groups * per_group(); }
  std::int64_t padded() const { return per_group() * kLanes; }
  std::int64_t first_channel(std::int64_t block) const {
    return block / per_group() * channels + block % per_group() * kLanes;
  }
  std::int64_t used(std::int64_t block) const {
    return std::min<std::int64_t>(kLanes, channels - block % per_group() * kLanes);
  }
};

/// [B, C, pixels] -> [block][pixel][image][lane], or back.
template <bool kBack>
void convert(const Blocks& blocks, std::int64_t images, std::int64_t pixels, float* plain,
             float* blocked) {
  constexpr std::int64_t kRun = 4 * kLanes;  // pixels at a time: as many streams of stores
  const std::int64_t runs = ceil_div(pixels, kRun), channels = blocks.groups * blocks.channels;
#pragma omp for schedule(static)
  for (std::int64_t task = 0; task < blocks.count() * runs; ++task) {
    const std::int64_t block = task / runs, pixel = task % runs * kRun;
    const std::int64_t n = std::min(kRun, pixels - pixel), stride = images * kLanes;
    for (std::int64_t b = 0; b < images; ++b) {
      float* rows = plain + (b * channels + blocks.first_channel(block)) * pixels + pixel;
      float* lanes = blocked + ((block * pixels + pixel) * images + b) * kLanes;
      if constexpr (kBack) {
        lanes_to_rows(lanes, stride, blocks.used(block), n, rows, pixels);
      } else {
        rows_to_lanes(rows, pixels, blocks.used(block), n, lanes, stride);
      }
    }
  }
}

/// [lane channel, other channel, tap] in any order -> [block][tap][other][lane], or back.
template <bool kBack>
void convert_weights(const Blocks& lanes_of, const Blocks& others, std::int64_t lane_stride,
                     std::int64_t other_stride, std::int64_t group_stride, std::int64_t taps,
                     float* plain, float* blocked) {
#pragma omp for schedule(static)
  for (std::int64_t block = 0; block < lanes_of.count(); ++block) {
    float* group = plain + block / lanes_of.per_group() * group_stride +
                   block % lanes_of.per_group() * kLanes * lane_stride;
    float* lanes = blocked + block * taps * others.padded() * kLanes;
    for (std::int64_t other = 0; other < others.padded(); ++other, lanes += kLanes) {
      const std::int64_t used = other < others.channels ? lanes_of.used(block) : 0;
      if constexpr (kBack) {
        lanes_to_rows(lanes, others.padded() * kLanes, used, taps, group + other * other_stride,
                      lane_stride);
      } else {
        rows_to_lanes(group + other * other_stride, lane_stride, used, taps, lanes,
                      others.padded() * kLanes);
      }
    }
  }
}

}  // namespace etude::cpu::blocked
