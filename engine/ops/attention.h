#pragma once
#include "engine/autograd.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace etude {

struct AttentionConfig {
  std::int64_t heads = 1;
  double dropout = 0;              // of the probabilities
  Generator* generator = nullptr;  // draws the dropout; needed where that is above 0
};

/// Causal self-attention of many heads. qkv: [B, T, 3 C], each row query, key and value of C =
/// heads * D elements -> [B, T, C]; f32, bf16 or f64 (cpu). Scores are scaled by 1 / sqrt(D).
/// Neither scores nor probabilities are kept in memory, but for heads over 128 on the GPU and f64.
/// Differentiable any number of times; with dropout or in bf16 once. Source: Vaswani et al.,
/// "Attention is all you need", 2017; as computed: kernels/attention/attention.h.
Tensor self_attention(const Tensor& qkv, const AttentionConfig& config);

/// Queries and keys turned by their positions, row t of a sequence being at first + t, so that
/// attention sees how far apart they are. qkv: as of self_attention, with an even D -> the same
/// shape. Differentiable any number of times. Source: Su et al., "RoFormer", 2021.
Tensor rotary(const Tensor& qkv, std::int64_t heads, std::int64_t first = 0);

/// What a layer of a generating model has seen: keys and values [B, heads, capacity, D], of which
/// the first `length` rows count.
struct KeyValueCache {
  KeyValueCache(std::int64_t batch, std::int64_t heads, std::int64_t capacity, std::int64_t head,
                DType dtype, Device device);
  Tensor keys, values;
  std::int64_t length = 0;
};

/// self_attention of T further rows with the cached ones before them, which they join. qkv: [B, T,
/// 3 C] -> [B, T, C]. Outside the graph. Error where the cache has no room for them.
Tensor cached_attention(const Tensor& qkv, KeyValueCache& cache);

}  // namespace etude
