#include "models/performance_lstm/bench.h"

#include "engine/ops/sampling.h"
#include "engine/ops/shape.h"
#include "models/performance_lstm/train.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

constexpr std::int64_t kIds = PerformanceTokenizer::num_ids;

/// Of the products, forward: of the first layer's with events, of all others for one event.
double input_flops(const Config& c) {
  return 2 * 4 * static_cast<double>(c.hidden) * static_cast<double>(c.embedding);
}
double event_flops(const Config& c) {
  const auto H = static_cast<double>(c.hidden);
  const double lstm = 4 * H * H + static_cast<double>(c.layers - 1) * 4 * H * 2 * H;
  return 2 * (lstm + H * kIds);
}

/// Music without any sense, of the size of a piece.
Piece noise_piece() {
  Piece piece;
  Generator random(1, 7);
  for (int i = 0; i < 4000; ++i) {
    piece.ids[kOwnTempo].push_back(static_cast<std::int32_t>(random.below(kIds)));
  }
  return piece;
}

struct Generation {
  Generation(const Config& config, Device device)
      : trainer(config, device), next(Tensor::zeros({1, 1}, DType::i32, device)) {
    trainer.model().train(false);
  }
  void step() {
    const NoGrad no_grad;
    const PerformanceLstm::Output y = trainer.model()(next, {}, state);
    state = y.end;
    next = reshape(sample(reshape(y.logits, {1, kIds}), {}, random).id, {1, 1});
  }

  Trainer trainer;
  Generator random{1, 1};
  LstmState state;
  Tensor next;
};

}  // namespace

StepBench step_bench(const Config& config, Device device, const std::string& networks) {
  if (networks == "generate") {
    auto run = std::make_shared<Generation>(config, device);
    return {.step = [run] { run->step(); },
            .flops = event_flops(config) + input_flops(config),
            .items = 1,
            .description = "performance LSTM, one generated event"};
  }
  require(networks.empty() || networks == "reference", "performance_lstm: unknown networks ",
          networks, "; they are reference, generate");
  auto trainer = std::make_shared<Trainer>(config, device);
  const std::vector<Piece> pieces = {noise_piece()};
  Generator random(1, 8);
  const Windows::Batch batch = Windows(config, pieces).draw(random, device);
  // Forward and both gradients of each product. The embedding's rows, not the events, are
  // multiplied with the first layer's weights; their gradient is a sum over few rows.
  return {.step = [trainer, batch] { trainer->step(batch, 0.5); },
          .flops = 3 * (event_flops(config) * static_cast<double>(config.batch * config.window) +
                        input_flops(config) * kIds),
          .items = config.batch,
          .description = "performance LSTM"};
}

}  // namespace etude::performance_lstm
