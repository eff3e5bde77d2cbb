#include "models/performance_lstm/train.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/optim/schedule.h"
#include "engine/run/step_values.h"
#include "models/driver.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

// Streams of the run's seed.
enum : std::uint64_t { kWeights = 1, kWindows, kDropout, kStates };

constexpr const char* kModelName = "performance_lstm";
constexpr std::int64_t kIds = PerformanceTokenizer::num_ids;
constexpr double kBit = std::numbers::ln2;  // nats

double uniform_between(Generator& random, double low, double high) {
  constexpr std::uint64_t kSteps = 1 << 24;
  return low + (high - low) * static_cast<double>(random.below(kSteps)) / (kSteps - 1);
}

}  // namespace

Windows::Windows(const Config& config, const std::vector<Piece>& pieces) : config_(config) {
  const auto window = static_cast<std::uint64_t>(config.window);
  for (std::size_t i = 0; i < kTempoFactors.size(); ++i) {
    if (i != kOwnTempo && !config.augmentation) continue;
    Tempo tempo{.factor = kTempoFactors[i], .pieces = {}, .starts = {}};
    std::uint64_t starts = 0;
    for (const Piece& piece : pieces) {
      const std::uint64_t count = piece.ids[i].size();
      starts += config.loop ? count : count > window ? count - window : 1;
      tempo.pieces.emplace_back(piece.ids[i]);
      tempo.starts.push_back(starts);
    }
    tempos_.push_back(std::move(tempo));
  }
}

Windows::Start Windows::draw_start(Generator& random) const {
  const Tempo& tempo = tempos_[tempos_.size() > 1 ? random.below(tempos_.size()) : 0];
  const std::uint64_t start = random.below(tempo.starts.back());
  const auto piece = std::ranges::upper_bound(tempo.starts, start) - tempo.starts.begin();
  return {tempo.pieces[piece], start - (piece > 0 ? tempo.starts[piece - 1] : 0), tempo.factor};
}

Windows::Batch Windows::draw(Generator& random, Device device) const {
  const std::int64_t T = config_.window, B = config_.batch;
  std::vector<std::int32_t> ids(T * B), targets(T * B);
  std::vector<float> tempo(B);
  for (std::int64_t b = 0; b < B; ++b) {
    const Start start = draw_start(random);
    for (std::int64_t t = 0; t < T; ++t) {
      // A piece goes on at its start: also, whatever the settings, one shorter than a window.
      ids[t * B + b] = start.ids[(start.at + t) % start.ids.size()];
      targets[t * B + b] = start.ids[(start.at + t + 1) % start.ids.size()];
    }
    const bool any = config_.conditioning == "random";
    tempo[b] = static_cast<float>(any ? uniform_between(random, 0.7, 1.3) : start.factor);
  }
  return {.ids = Tensor::from(ids, {T, B}, device),
          .targets = Tensor::from(targets, {T, B}, device),
          .tempo = Tensor::from(tempo, {B}, device)};
}

Trainer::Trainer(const Config& config, Device device)
    : config_(config),
      weights_(static_cast<std::uint64_t>(config.seed), kWeights),
      dropout_(static_cast<std::uint64_t>(config.seed), kDropout),
      states_(static_cast<std::uint64_t>(config.seed), kStates),
      model_(config_, dropout_, {.generator = weights_, .device = device}),
      optimize_(model_, {.lr = config.lr}) {}

Tensor Trainer::step(const Windows::Batch& batch, double progress) {
  if (config_.lr_schedule == "cosine") optimize_.set_lr(cosine_between(config_.lr, 0, progress));
  LstmState start;
  if (config_.random_state) {
    const Dims shape{config_.layers, batch.ids.dim(1), config_.hidden};
    const Device device = batch.ids.device();
    start.h = normal(states_, shape, 0, 1, DType::f32, device);
    start.c = normal(states_, shape, 0, 1, DType::f32, device);
  }
  optimize_.zero_grad();
  const Tensor loss = cross_entropy(model_(batch.ids, batch.tempo, start).logits, batch.targets);
  backward(loss);
  const Tensor norm = optimize_.clip_gradient(config_.clip);
  optimize_.step();
  const NoGrad no_grad;
  return concat({reshape(affine(loss, 1 / kBit, 0), {1}), norm}, 0);
}

void Trainer::state(State& s) {
  model_.state(s, "model");  // what load_trainer() reads
  optimize_.state(s, "adam");
  s.generator("dropout", dropout_);
  s.generator("states", states_);
}

double bits_per_event(PerformanceLstm& model, const std::vector<Piece>& pieces,
                      std::int64_t limit) {
  constexpr std::int64_t kSteps = 256;  // at a time
  const Inference inference(model);
  const Device device = model.first.device();
  const auto B = static_cast<std::int64_t>(pieces.size());
  std::vector<std::int64_t> predicted;
  for (const Piece& piece : pieces) {
    predicted.push_back(std::min(static_cast<std::int64_t>(piece.own_ids().size()), limit) - 1);
  }
  const std::int64_t longest = *std::ranges::max_element(predicted);
  LstmState state;
  double nats = 0;
  std::int64_t count = 0;
  for (std::int64_t begin = 0; begin < longest; begin += kSteps) {
    const std::int64_t T = std::min(kSteps, longest - begin);
    std::vector<std::int32_t> ids(T * B);  // 0 beyond a piece's end
    for (std::int64_t b = 0; b < B; ++b) {
      for (std::int64_t t = 0; t < std::min(T, predicted[b] - begin); ++t) {
        ids[t * B + b] = pieces[b].own_ids()[begin + t];
      }
    }
    const PerformanceLstm::Output y = model(Tensor::from(ids, {T, B}, device), {}, state);
    state = y.end;
    const std::vector<float> log_p = log_softmax(y.logits).to_vector<float>();
    for (std::int64_t b = 0; b < B; ++b) {
      for (std::int64_t t = 0; t < std::min(T, predicted[b] - begin); ++t, ++count) {
        nats -= log_p[(t * B + b) * kIds + pieces[b].own_ids()[begin + t + 1]];
      }
    }
  }
  return nats / kBit / static_cast<double>(count);
}

namespace {

/// How often each event is in the training music, as logarithms.
Tensor first_events(const std::vector<Piece>& pieces, Device device) {
  std::vector<double> counts(kIds, 0);
  for (const Piece& piece : pieces) {
    for (const std::int32_t id : piece.own_ids()) ++counts[id];
  }
  std::vector<float> logs(kIds);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    logs[i] = counts[i] > 0 ? static_cast<float>(std::log(counts[i])) : -1e30F;
  }
  return Tensor::from(logs, {kIds}, device);
}

/// The run as a TrainingJob: windows and evaluation around Trainer::step.
class Run {
 public:
  Run(const Config& config, const Music& music, const std::filesystem::path& folder, Device device)
      : config_(config),
        music_(music),
        device_(device),
        trainer_(config, device),
        windows_(config, music.train),
        random_(static_cast<std::uint64_t>(config.seed), kWindows),
        values_(kModelName, {std::begin(kStepValues), std::end(kStepValues)}),
        best_(folder / "best.safetensors", kModelName, config_.all()) {
    trainer_.model().first.copy_(first_events(music.train, device));
  }

  TrainingJob job() {
    return {.label = std::string(kModelName) + " " + music_.name + " seed " +
                     std::to_string(config_.seed),
            .num_steps = config_.iterations,
            .checkpoint_every = config_.checkpoint_every,
            .config = config_.all().to_toml(),
            .step = [this](std::int64_t step, JsonLog& log) { return this->step(step, log); },
            .flush = [this](JsonLog& log) { values_.flush(log); },
            .state = [this](State& s) { state(s); }};
  }

 private:
  std::string step(std::int64_t step, JsonLog& log) {
    const double progress = static_cast<double>(step) / static_cast<double>(config_.iterations);
    values_.add(step, trainer_.step(windows_.draw(random_, device_), progress), log);
    const bool last = step + 1 == config_.iterations;
    if (last || (step + 1) % config_.eval_every == 0) {
      values_.flush(log);
      if (!music_.held_out.empty()) validate(step + 1, log);
      if (music_.held_out.empty() && last) keep(0, step + 1);
    }
    char text[64];
    const auto values = values_.last();
    std::snprintf(text, sizeof text, "%.3f bits", values.empty() ? 0.0 : double{values[0]});
    return text + held_out_text_;
  }

  void validate(std::int64_t step, JsonLog& log) {
    constexpr std::int64_t kEvents = 2048;  // of each piece
    const double bits = bits_per_event(trainer_.model(), music_.held_out, kEvents);
    log.append({{"step", step}, {"held_out_bits", bits}});
    char text[64];
    std::snprintf(text, sizeof text, "  held out %.3f", bits);
    held_out_text_ = text;
    keep(bits, step);
  }

  void keep(double loss, std::int64_t step) {
    best_.offer(loss, [&](State& s) {
      s.number("step", step);
      trainer_.model().state(s, "model");
    });
  }

  void state(State& s) {
    name_model(s, kModelName);
    same_data(s, music_.hash, music_.data);
    trainer_.state(s);
    s.generator("windows", random_);
    best_.state(s);
    s.text("held_out", held_out_text_);
  }

  Config config_;
  const Music& music_;
  Device device_;
  Trainer trainer_;
  Windows windows_;
  Generator random_;
  StepValues values_;
  BestNetwork best_;
  std::string held_out_text_;
};

}  // namespace

double train_run(const Config& config, const Music& music, const std::filesystem::path& folder,
                 Device device) {
  Run run(config, music, folder, device);
  return run_training(folder, run.job());
}

std::unique_ptr<Trainer> load_trainer(const std::filesystem::path& path, Device device) {
  return load_network<Trainer, Config>(path, kModelName, device);
}

}  // namespace etude::performance_lstm
