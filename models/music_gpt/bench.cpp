#include "models/music_gpt/bench.h"

#include "engine/error.h"
#include "engine/ops/sampling.h"
#include "engine/ops/shape.h"
#include "models/music_gpt/train.h"

namespace etude::music_gpt {
namespace {

/// Forward, for one token that half of the context lies before, which is the mean of a window: a
/// block's four products are of 3, 1, 4 and 4 times width^2 multiply-adds, scores and sums of
/// values of context / 2 * width each.
double token_flops(const Config& c, std::int64_t vocabulary) {
  const auto W = static_cast<double>(c.width), T = static_cast<double>(c.context);
  return 2 * (static_cast<double>(c.layers) * (12 * W * W + T * W) +
              W * static_cast<double>(vocabulary));
}

Tensor noise_ids(const Config& c, std::int64_t vocabulary, Device device) {
  Generator random(1, 7);
  std::vector<std::int32_t> ids(c.batch * c.context);
  for (auto& id : ids) {
    id = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(vocabulary)));
  }
  return Tensor::from(ids, {c.batch, c.context}, device);
}

struct Generation {
  Generation(const Config& config, Device device)
      : trainer(config, device),
        half(config.context / 2),
        cache(trainer.model().empty_cache(1)),
        next(Tensor::zeros({1, 1}, DType::i32, device)) {
    trainer.model().next_logits(Tensor::zeros({1, half}, DType::i32, device), cache);
  }
  void step() {
    const NoGrad none;
    for (KeyValueCache& layer : cache) layer.length = half;
    const Tensor logits = trainer.model().next_logits(next, cache);
    next = reshape(sample(logits, {}, random).id, {1, 1});
  }

  Trainer trainer;
  std::int64_t half;
  Gpt::Cache cache;
  Generator random{1, 1};
  Tensor next;
};

}  // namespace

StepBench step_bench(const Config& config, Device device, const std::string& networks) {
  const std::int64_t vocabulary = config.make_tokenizer()->vocabulary_size();
  if (networks == "generate") {
    auto run = std::make_shared<Generation>(config, device);
    return {.step = [run] { run->step(); },
            .flops = token_flops(config, vocabulary),
            .items = 1,
            .description = "music GPT, one generated token"};
  }
  require(networks.empty(), "music_gpt: unknown networks ", networks,
          "; there is generate, or none for a training step");
  auto trainer = std::make_shared<Trainer>(config, device);
  const Tensor ids = noise_ids(config, vocabulary, device);
  const Batch batch{.ids = ids, .targets = ids};
  // Forward and both gradients of each product.
  return {.step =
              [trainer, batch, middle = config.iterations / 2] {
                trainer->step({&batch, 1}, middle);
              },
          .flops = 3 * token_flops(config, vocabulary) *
                   static_cast<double>(config.batch * config.context),
          .items = config.batch,
          .description = "music GPT"};
}

}  // namespace etude::music_gpt
