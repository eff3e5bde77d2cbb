#include "kernels/attention/attention.h"

#include <vector>

#include "kernels/attention/attention_hopper.h"
#include "kernels/attention/ladder/0_materialised.cuh"
#include "kernels/attention/ladder/1_online_tiles.cuh"
#include "kernels/attention/ladder/2_mma.cuh"
#include "kernels/attention/ladder/decode.cuh"
#include "kernels/matmul/matmul_hopper.h"

namespace etude {

std::span<const AttentionRung> attention_rungs() {
  using namespace attention_ladder;
  static constexpr const char* kScores = "all scores in memory, a kernel per formula";
  static const std::vector<AttentionRung> rungs = [] {
    std::vector<AttentionRung> all{
        {"materialised", kScores, run_materialised<float>, run_materialised_grad<float>},
        {"online_tiles", "tiles of scores on the chip, a running softmax", run_online,
         run_online_grad},
        {"materialised_bf16", kScores, run_materialised<bf16>, run_materialised_grad<bf16>,
         DType::bf16},
        {"mma", "flash attention on tensor cores", run_mma, run_mma_grad, DType::bf16}};
    if (hopper_available()) {
      all.push_back({"hopper", "wgmma fed by TMA beside the softmax; back as mma", attention_hopper,
                     run_mma_grad, DType::bf16});
    }
    return all;
  }();
  return rungs;
}

std::span<const AttentionDecodeRung> attention_decode_rungs() {
  using namespace attention_ladder;
  static constexpr const char* kWarp = "a warp per head walks over all keys";
  static constexpr const char* kSplit = "many blocks per head, their states merged";
  static const AttentionDecodeRung rungs[] = {
      {"one_warp", kWarp, run_decode_warp<float>},
      {"split_keys", kSplit, run_decode_split<float>},
      {"one_warp_bf16", kWarp, run_decode_warp<bf16>, DType::bf16},
      {"split_keys_bf16", kSplit, run_decode_split<bf16>, DType::bf16}};
  return rungs;
}

// The last rung of each dtype that a card has run or the host runtime can, which itself falls back
// where a head has more than 128 dimensions.
void gpu::attention_forward(Stream& s, const AttentionForward& p) {
  using namespace attention_ladder;
  dispatch<float, bf16>("attention", p.q.dtype, [&]<class T>() {
    if (p.k.numel() == 0) return run_materialised<T>(s, p);
    (std::is_same_v<T, float> ? run_online : run_mma)(s, p);
  });
}

void gpu::attention_backward(Stream& s, const AttentionBackward& p) {
  using namespace attention_ladder;
  dispatch<float, bf16>("attention", p.q.dtype, [&]<class T>() {
    const bool empty = p.q.numel() == 0 || p.k.numel() == 0;
    if (empty) return run_materialised_grad<T>(s, p);
    (std::is_same_v<T, float> ? run_online_grad : run_mma_grad)(s, p);
  });
}

void gpu::attention_decode(Stream& s, const AttentionDecode& p) {
  using namespace attention_ladder;
  dispatch<float, bf16>("attention_decode", p.q.dtype, [&]<class T>() {
    (p.k.dim(2) > kDecodeKeys ? run_decode_split<T> : run_decode_warp<T>)(s, p);
  });
}

}  // namespace etude
