#include "models/music_gpt/model.h"

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/matmul.h"
#include "engine/ops/recompute.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"

namespace etude::music_gpt {
namespace {

constexpr double kInitialSd = 0.02;

/// A product in the dtype of computation, in which its result stays; the weights are f32.
class Projection : public Module {
 public:
  Projection(Module& parent, const std::string& name, std::int64_t in, std::int64_t out, double sd,
             DType compute, Init init)
      : Module(parent, name), compute_(compute) {
    weight_ =
        add_parameter("weight", normal(init.generator, {out, in}, 0, sd, init.dtype, init.device));
    bias_ = add_parameter("bias", Tensor::zeros({out}, init.dtype, init.device));
  }
  Tensor operator()(const Tensor& x) const {
    return linear(cast(x, compute_), cast(weight_, compute_), cast(bias_, compute_));
  }

 private:
  DType compute_;
  Tensor weight_, bias_;
};

}  // namespace

/// x + attention(norm(x)), then that + mlp(norm(that)). The residual stream is f32.
class Gpt::Block : public Module {
 public:
  Block(Gpt& parent, std::int64_t layer, Init init)
      : Module(parent, "h." + std::to_string(layer)),
        of_(parent),
        ln_1_(*this, "ln_1", width(), init),
        attention_(*this, "attn.c_attn", width(), 3 * width(), kInitialSd, compute(), init),
        attention_out_(*this, "attn.c_proj", width(), width(), residual_sd(), compute(), init),
        ln_2_(*this, "ln_2", width(), init),
        mlp_(*this, "mlp.c_fc", width(), 4 * width(), kInitialSd, compute(), init),
        mlp_out_(*this, "mlp.c_proj", 4 * width(), width(), residual_sd(), compute(), init) {}

  /// x's rows begin at place `first`; attend(qkv) is self-attention, with or without a cache.
  template <class Attend>
  Tensor run(const Tensor& x, std::int64_t first, const Attend& attend) const {
    Tensor qkv = attention_(ln_1_(x));
    if (of_.shape_.rotary) qkv = rotary(qkv, of_.shape_.heads, first);
    const Tensor seen = x + dropped(attention_out_(attend(qkv)));
    return seen + dropped(mlp_out_(gelu_tanh(cast(mlp_(ln_2_(seen)), x.dtype()))));
  }
  Tensor operator()(const Tensor& x) const {
    const auto attend = [this](const Tensor& qkv) {
      return self_attention(qkv, {.heads = of_.shape_.heads,
                                  .dropout = training() ? of_.options_.dropout : 0,
                                  .generator = &of_.dropout_});
    };
    if (!of_.options_.recompute) return run(x, 0, attend);
    std::vector<Tensor> weights;
    for (const auto& [name, parameter] : parameters()) weights.push_back(parameter);
    return recomputed([this, attend](const Tensor& again) { return run(again, 0, attend); }, x,
                      weights, &of_.dropout_);
  }

 private:
  std::int64_t width() const { return of_.shape_.width; }
  DType compute() const { return of_.options_.compute; }
  /// The products that end in the residual stream start smaller, by their number.
  double residual_sd() const {
    return kInitialSd / std::sqrt(2 * static_cast<double>(of_.shape_.layers));
  }
  Tensor dropped(const Tensor& y) const {
    const Tensor x = cast(y, of_.tokens_.dtype());
    const double rate = training() ? of_.options_.dropout : 0;
    return rate > 0 ? dropout(of_.dropout_, x, rate) : x;
  }

  Gpt& of_;
  LayerNorm ln_1_;
  Projection attention_, attention_out_;
  LayerNorm ln_2_;
  Projection mlp_, mlp_out_;
};

Gpt::Gpt(const GptShape& shape, const GptOptions& options, Generator& dropout, Init init)
    : shape_(shape),
      options_(options),
      dropout_(dropout),
      tokens_(add_parameter("wte.weight", normal(init.generator, {shape.vocabulary, shape.width}, 0,
                                                 kInitialSd, init.dtype, init.device))),
      norm_(*this, "ln_f", shape.width, init) {
  require(shape.heads > 0 && shape.width % shape.heads == 0, "gpt: ", shape.heads,
          " heads do not divide a width of ", shape.width);
  if (!shape.rotary) {
    positions_ = add_parameter("wpe.weight", normal(init.generator, {shape.context, shape.width}, 0,
                                                    kInitialSd, init.dtype, init.device));
  }
  for (std::int64_t layer = 0; layer < shape.layers; ++layer) {
    blocks_.push_back(std::make_unique<Block>(*this, layer, init));
  }
}

Gpt::~Gpt() = default;

Tensor Gpt::embedded(const Tensor& ids, std::int64_t first) const {
  require(ids.rank() == 2, "gpt: ids must be [B, T], not ", ids.shape());
  const std::int64_t end = first + ids.dim(1);
  require(end <= shape_.context, "gpt: ", end, " tokens are more than the context of ",
          shape_.context);
  const Tensor x = embedding(tokens_, ids);
  return shape_.rotary ? x : x + slice(positions_, 0, first, end);
}

Tensor Gpt::hidden(const Tensor& ids) const {
  Tensor x = embedded(ids, 0);
  if (training() && options_.dropout > 0) x = dropout(dropout_, x, options_.dropout);
  for (const auto& block : blocks_) x = (*block)(x);
  return norm_(x);
}

Tensor Gpt::loss(const Tensor& ids, const Tensor& targets) const {
  return linear_cross_entropy(cast(hidden(ids), options_.compute), cast(tokens_, options_.compute),
                              targets);
}

Tensor Gpt::logits(const Tensor& ids) const { return linear(hidden(ids), tokens_); }

Gpt::Cache Gpt::empty_cache(std::int64_t batch) const {
  Cache cache;
  for (std::int64_t layer = 0; layer < shape_.layers; ++layer) {
    cache.emplace_back(batch, shape_.heads, shape_.context, shape_.width / shape_.heads,
                       options_.compute, tokens_.device());
  }
  return cache;
}

Tensor Gpt::next_logits(const Tensor& ids, Cache& cache) {
  const Inference inference(*this);
  require(cache.size() == blocks_.size() && ids.rank() == 2 && ids.dim(1) >= 1 &&
              cache[0].keys.dim(0) == ids.dim(0),
          "gpt: ids ", ids.shape(), " do not fit a cache of ", cache.size(), " layers for ",
          cache.empty() ? 0 : cache[0].keys.dim(0), " sequences: make it by empty_cache(batch)");
  const std::int64_t first = cache[0].length;
  Tensor x = embedded(ids, first);
  for (std::size_t layer = 0; layer < blocks_.size(); ++layer) {
    x = blocks_[layer]->run(x, first,
                            [&](const Tensor& qkv) { return cached_attention(qkv, cache[layer]); });
  }
  const Tensor last = slice(x, 1, x.dim(1) - 1, x.dim(1));
  return linear(norm_(reshape(last, {x.dim(0), shape_.width})), tokens_);
}

}  // namespace etude::music_gpt
