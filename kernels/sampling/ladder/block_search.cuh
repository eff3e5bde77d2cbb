#pragma once
// The search that both rungs are made of: where do the sums of a list of masses pass a target?

#include "kernels/core/block.h"
#include "kernels/core/cuda.h"
#include "kernels/sampling/weights.h"

namespace etude::sampling_ladder {

using sampling::Mass;

constexpr int kRowThreads = 512;  // of a block that has a row
constexpr int kRowWarps = kRowThreads / static_cast<int>(kWarpSize);

struct Found {
  int index;
  Mass left;  // the target less the sum of all masses before the index
};

/// The first index in [0, n) up to which the masses sum to more than the target; every thread of
/// the block gets it. target_of(total) is the target given the sum of all, less than it.
///
/// The list is cut into a part per warp, the parts are summed, the part that holds the target is
/// cut again, until 32 elements are left, which each warp scans for itself. So mass(i) is called
/// about n + n / 16 + n / 256 + ... times, by neighbouring lanes for neighbouring i, and no sum is
/// ever stored. Two barriers for each cut; shared memory that mass() reads may change only after
/// another one.
template <class MassAt, class TargetOf>
__device__ __forceinline__ Found block_search(int n, const MassAt& mass,
                                              const TargetOf& target_of) {
  struct Smem {
    Mass part[kRowWarps];
  };
  auto& s = shared<Smem>();
  const int lane = static_cast<int>(lane_id()), warp = static_cast<int>(warp_id());
  int begin = 0, end = n;
  Mass left = 0;
  bool known = false;  // the target
  while (end - begin > static_cast<int>(kWarpSize)) {
    const int size = ((end - begin + kRowThreads - 1) / kRowThreads) * static_cast<int>(kWarpSize);
    const int part_end = min(begin + (warp + 1) * size, end);
    Mass sum = 0;
    for (int i = begin + warp * size + lane; i < part_end; i += kWarpSize) sum += mass(i);
    sum = warp_sum(sum);
    if (lane == 0) s.part[warp] = sum;
    __syncthreads();
    if (!known) {
      Mass total = 0;
      for (int w = 0; w < kRowWarps; ++w) total += s.part[w];
      left = target_of(total);
      known = true;
    }
    int part = 0;
    while (part < kRowWarps - 1 && left >= s.part[part]) left -= s.part[part++];
    begin += part * size;
    end = min(begin + size, end);
    __syncthreads();  // all have read: the next cut may write
  }
  const Mass own = begin + lane < end ? mass(begin + lane) : 0;
  const Mass sums = warp_scan(own);
  if (!known) left = target_of(shuffle(sums, kWarpSize - 1));
  const int first = __ffs(static_cast<int>(ballot(sums > left))) - 1;
  return {begin + first, left - shuffle(sums - own, static_cast<unsigned>(first))};
}

}  // namespace etude::sampling_ladder
