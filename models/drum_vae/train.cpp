#include "models/drum_vae/train.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/optim/average.h"
#include "engine/optim/schedule.h"
#include "engine/run/step_values.h"
#include "models/driver.h"

namespace etude::drum_vae {
namespace {

// Streams of the run's seed.
enum : std::uint64_t { kWeights = 1, kNoise, kDropout };
constexpr std::uint64_t kEvaluationSeed = 7;  // the same latents for every model and epoch

constexpr const char* kModelName = "drum_vae";

}  // namespace

Tensor to_tensor(const Patterns& patterns, Device device) {
  std::vector<float> cells;
  cells.reserve(static_cast<std::size_t>(patterns.size()) * kCells);
  for (const Pattern& pattern : patterns.hits) {
    cells.insert(cells.end(), pattern.begin(), pattern.end());
  }
  return Tensor::from(cells, {patterns.size(), kSteps, kInstruments}, device);
}

namespace {

/// From a until progress `begin`, linearly to b at `end`.
double ramp(double progress, double begin, double end, double a, double b) {
  return a + (b - a) * std::clamp((progress - begin) / (end - begin), 0.0, 1.0);
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

double beta_at(const std::string& schedule, double progress) {
  if (schedule == "linear") return progress;
  if (schedule == "cyclical") return std::min(1.0, 2 * std::fmod(4 * progress, 1.0));
  if (schedule == "sigmoid") return 1 / (1 + std::exp(-12 * (progress - 0.5)));
  if (schedule == "warmup") return std::min(1.0, progress / 0.6);
  return 1;
}

double temperature_at(double progress) { return 2.0 * std::pow(0.25, progress); }

Vae::Vae(const Config& config, Device device)
    : config_(config),
      weights_(static_cast<std::uint64_t>(config.seed), kWeights),
      noise_(static_cast<std::uint64_t>(config.seed), kNoise),
      dropout_(static_cast<std::uint64_t>(config.seed), kDropout),
      model_(config_, dropout_, {.generator = weights_, .device = device}),
      optimize_(model_, {.lr = config.lr, .weight_decay = config.weight_decay}) {
  if (config.average == 0) return;
  averaged_ =
      std::make_unique<DrumVae>(config_, dropout_, Init{.generator = weights_, .device = device});
  averaged_->train(false);
  move_towards(*averaged_, model_, 1);
}

Tensor Vae::step(const Tensor& x, double progress) {
  const double begin = config_.lr_schedule == "cosine" ? 0
                       : config_.lr_schedule == "tail" ? 0.7
                                                       : 1;
  if (begin < 1) optimize_.set_lr(cosine_between(config_.lr, 0, (progress - begin) / (1 - begin)));
  if (config_.train_temperature) {
    model_.logit_scale.fill_(1 / temperature_at(progress));
    model().logit_scale.copy_(model_.logit_scale);
  }
  optimize_.zero_grad();
  const Elbo e = elbo(model_, x, noise_);
  const Tensor low = sum(e.kl_low), high = sum(e.kl_high);
  // Below the free bits a dimension's mean KL over the batch has no gradient (Kingma et al. 2016,
  // section C.8).
  const Tensor charged =
      config_.free_bits > 0 ? sum(clamp(e.kl_high, config_.free_bits, kInfinity)) : high;
  const double beta = beta_at(config_.beta, progress);
  const double low_weight = ramp(progress, 0.3, 0.7, config_.low_weight, 1);
  Tensor loss = e.reconstruction + affine(low, beta * low_weight, 0) + affine(charged, beta, 0);
  if (const double weight = ramp(progress, 0.5, 0.7, 0, config_.spread_penalty); weight > 0) {
    const Tensor distance = abs(e.logits - mean(e.logits, {0}, true));
    loss = loss + affine(sum(distance), weight / static_cast<double>(x.dim(0)), 0);
  }
  backward(loss);
  optimize_.step();
  constexpr std::int64_t kAverageEvery = 10;
  if (averaged_ && optimize_.steps() % kAverageEvery == 0) {
    // At first the average forgets faster: it is of all steps so far.
    const auto updates = static_cast<double>(optimize_.steps() / kAverageEvery);
    move_towards(*averaged_, model_, std::max(1 - config_.average, 1 / updates));
  }

  const NoGrad no_grad;
  const auto one = [](const Tensor& t) { return reshape(t, {1}); };
  return concat({one(e.reconstruction + low + high), one(e.reconstruction), one(low), one(high)},
                0);
}

void Vae::state(State& s) {
  // Under the name "model" is what load_vae() reads.
  model().state(s, "model");
  if (averaged_) model_.state(s, "trained");
  optimize_.state(s, "adam");
  s.generator("noise", noise_);
  s.generator("dropout", dropout_);
}

double Evaluation::low() const { return std::accumulate(kl_low.begin(), kl_low.end(), 0.0); }
double Evaluation::high() const { return std::accumulate(kl_high.begin(), kl_high.end(), 0.0); }

Json Evaluation::to_json() const {
  return {{"negative_elbo", negative_elbo()},
          {"reconstruction", reconstruction},
          {"kl_low", low()},
          {"kl_high", high()},
          {"kl_low_by_dimension", kl_low},
          {"kl_high_by_dimension", kl_high}};
}

Evaluation evaluate(DrumVae& model, const Tensor& x, int draws) {
  const NoGrad no_grad;
  const bool was_training = model.training();
  model.train(false);
  Generator noise(kEvaluationSeed, kNoise);
  Evaluation mean{.kl_low = std::vector<double>(kLow), .kl_high = std::vector<double>(kHigh)};
  const auto add = [draws](std::vector<double>& to, const Tensor& from) {
    const auto values = from.to_vector<float>();
    for (std::size_t d = 0; d < to.size(); ++d) to[d] += values[d] / draws;
  };
  for (int i = 0; i < draws; ++i) {
    const Elbo e = elbo(model, x, noise);
    mean.reconstruction += e.reconstruction.item() / draws;
    add(mean.kl_low, e.kl_low);
    add(mean.kl_high, e.kl_high);
  }
  model.train(was_training);
  return mean;
}

void learn_styles(DrumVae& model, const Patterns& patterns, Device device) {
  const NoGrad no_grad;
  const bool was_training = model.training();
  model.train(false);
  Generator noise(kEvaluationSeed, kNoise);
  const std::vector<float> z =
      model.encode(to_tensor(patterns, device), noise).z_high.to_vector<float>();
  model.train(was_training);
  std::vector<float> mean(kStyles * kHigh), deviation(kStyles * kHigh, 1);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const int style = static_cast<int>(i / kHigh);
    double count = 0, sum = 0, squares = 0;
    for (std::size_t n = 0; n < patterns.styles.size(); ++n) {
      if (patterns.styles[n] != style) continue;
      const double value = z[n * kHigh + i % kHigh];
      ++count;
      sum += value;
      squares += value * value;
    }
    if (count == 0) continue;
    mean[i] = static_cast<float>(sum / count);
    deviation[i] =
        static_cast<float>(std::sqrt(std::max(squares / count - mean[i] * mean[i], 0.0)));
  }
  model.style_mean.copy_(Tensor::from(mean, {kStyles, kHigh}, device));
  model.style_deviation.copy_(Tensor::from(deviation, {kStyles, kHigh}, device));
}

namespace {

/// The run as a TrainingJob: batches and evaluation around Vae::step.
class Run {
 public:
  Run(const Config& config, const DrumData& data, const std::filesystem::path& folder,
      Device device)
      : config_(config),
        device_(device),
        vae_(config, device),
        data_(data),
        train_(to_tensor(data.train, Device::cpu)),
        validation_(to_tensor(data.validation, device)),
        batches_(static_cast<std::uint64_t>(config.seed), every_row(data.train), config.batch),
        values_(kModelName, {std::begin(kStepValues), std::end(kStepValues)}),
        best_(folder / "best.safetensors", kModelName, config_.all()) {}

  TrainingJob job() {
    return {.label = "drum_vae " + config_.beta + " seed " + std::to_string(config_.seed),
            .num_steps = num_steps(),
            .checkpoint_every = config_.checkpoint_every,
            .config = config_.all().to_toml(),
            .step = [this](std::int64_t step, JsonLog& log) { return this->step(step, log); },
            .flush = [this](JsonLog& log) { values_.flush(log); },
            .state = [this](State& s) { state(s); }};
  }

 private:
  static std::vector<std::int64_t> every_row(const Patterns& patterns) {
    std::vector<std::int64_t> rows(patterns.hits.size());
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }
  std::int64_t num_steps() const { return batches_.steps_per_epoch() * config_.epochs; }

  std::string step(std::int64_t step, JsonLog& log) {
    const Tensor x = to_device(take_rows(train_, batches_.rows(step)), device_);
    const double progress = static_cast<double>(step) / static_cast<double>(num_steps());
    values_.add(step, vae_.step(x, progress), log);
    const std::int64_t epoch = batches_.epoch(step) + 1;
    if (batches_.ends_epoch(step) && (epoch % config_.eval_every == 0 || epoch == config_.epochs)) {
      values_.flush(log);
      validate(epoch, log);
    }
    return status_;
  }

  void validate(std::int64_t epoch, JsonLog& log) {
    const Evaluation e = evaluate(vae_.model(), validation_);
    Json entry{{"epoch", epoch}};
    entry.update(e.to_json());
    log.append(entry);
    char text[64];
    std::snprintf(text, sizeof text, "-ELBO %.2f  KL high %.2f", e.negative_elbo(), e.high());
    status_ = text;
    learn_styles(vae_.model(), data_.train, device_);
    best_.offer(e.negative_elbo(), [&](State& s) {
      s.number("epoch", epoch);
      vae_.model().state(s, "model");
    });
  }

  void state(State& s) {
    name_model(s, kModelName);
    same_data(s, data_.hash, data_.name);
    vae_.state(s);
    best_.state(s);
    s.text("status", status_);
  }

  Config config_;
  Device device_;
  Vae vae_;
  const DrumData& data_;
  Tensor train_, validation_;
  EpochBatches batches_;
  StepValues values_;
  BestNetwork best_;
  std::string status_;
};

}  // namespace

double train_run(const Config& config, const DrumData& data, const std::filesystem::path& folder,
                 Device device) {
  Run run(config, data, folder, device);
  return run_training(folder, run.job());
}

std::unique_ptr<Vae> load_vae(const std::filesystem::path& path, Device device) {
  return load_network<Vae, Config>(path, kModelName, device);
}

}  // namespace etude::drum_vae
