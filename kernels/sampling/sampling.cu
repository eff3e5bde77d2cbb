#include "kernels/sampling/sampling.h"

#include "kernels/sampling/ladder/0_separate.cuh"
#include "kernels/sampling/ladder/1_fused.cuh"

namespace etude {

std::span<const SamplingRung> sampling_rungs() {
  static constexpr SamplingRung rungs[] = {
      {"separate", "a kernel per step, with Thrust's sort", sampling_ladder::run_separate},
      {"fused", "a block per row, thresholds by radix selection", sampling_ladder::run_fused},
  };
  return rungs;
}

/// Which rung serves: the fused one, whatever the shape, as the other moves many times its bytes in
/// many launches. Of a small batch it fills a part of the card only.
void gpu::sample(Stream& s, const PhiloxKey& key, const View& logits, const View& id,
                 const View& log_prob, const View& flag, const SamplingParams& p) {
  sampling_ladder::run_fused(s, key, logits, id, log_prob, flag, p);
}

}  // namespace etude
