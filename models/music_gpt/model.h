#pragma once
// GPT-2: a decoder of causal self-attention blocks. Source: Radford et al., "Language models are
// unsupervised multitask learners", 2019; initial weights as in its code and Hugging Face's.

#include <memory>
#include <vector>

#include "engine/nn/layers.h"
#include "engine/ops/attention.h"

namespace etude::music_gpt {

/// `small` of the report is 12 layers of 12 heads, 768 wide: 86,181,120 parameters with a
/// vocabulary of 441.
struct GptShape {
  std::int64_t vocabulary = 282;
  std::int64_t context = 1024;  // positions that there are
  std::int64_t layers = 4, heads = 4, width = 256;
  bool rotary = false;  // positions: queries and keys turned by them, instead of GPT-2's table
};

struct GptOptions {
  double dropout = 0;
  DType compute = DType::f32;  // of products and attention; bf16: the weights stay f32
  bool recompute = false;      // keeps only the inputs of the blocks for the gradient
};

/// Weights are named and shaped as in PyTorch's Linear ([out, in]) under Hugging Face's names for
/// their layers; hugging_face.h reads and writes its files.
class Gpt : public Module {
 public:
  /// `dropout` draws what training drops.
  Gpt(const GptShape& shape, const GptOptions& options, Generator& dropout, Init init);
  ~Gpt() override;

  /// Mean cross entropy in nats of the tokens that have a target. ids, targets: [B, T] i32, T up to
  /// the context; a target of -1 is none.
  Tensor loss(const Tensor& ids, const Tensor& targets) const;

  /// [B, T, vocabulary]: of the token after each of ids [B, T].
  Tensor logits(const Tensor& ids) const;

  /// What it has seen of B sequences, to be gone on with: one cache per block.
  using Cache = std::vector<KeyValueCache>;
  Cache empty_cache(std::int64_t batch) const;
  /// [B, vocabulary]: of the token after the last of ids [B, T], which go on from the cache and
  /// join it. Error where the context has no room. Outside the graph, without dropout.
  Tensor next_logits(const Tensor& ids, Cache& cache);

  const GptShape& shape() const { return shape_; }

 private:
  class Block;
  Tensor embedded(const Tensor& ids, std::int64_t first) const;
  Tensor hidden(const Tensor& ids) const;

  GptShape shape_;
  GptOptions options_;
  Generator& dropout_;
  Tensor tokens_, positions_;  // wte [vocabulary, width], wpe [context, width] unless rotary
  std::vector<std::unique_ptr<Block>> blocks_;
  LayerNorm norm_;
};

}  // namespace etude::music_gpt
