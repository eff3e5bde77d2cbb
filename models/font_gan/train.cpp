#include "models/font_gan/train.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/run/console.h"
#include "engine/run/step_values.h"
#include "eval/png.h"
#include "models/driver.h"
#include "models/font_gan/history.h"

namespace etude::font_gan {
namespace {

// Streams of the run's seed.
enum : std::uint64_t { kWeights = 1, kLatents, kDropout, kFixedLatents, kSubset };

constexpr const char* kModelName = "font_gan";

}  // namespace

Gan::Gan(const Config& config, Device device)
    : config_(config),
      device_(device),
      sample_seed_(static_cast<std::uint64_t>(config.seed)),
      weights_(static_cast<std::uint64_t>(config.seed), kWeights),
      latents_(static_cast<std::uint64_t>(config.seed), kLatents),
      dropout_(static_cast<std::uint64_t>(config.seed), kDropout),
      g_(config.conditional, {.generator = weights_, .device = device}),
      d_(config.conditional, dropout_, {.generator = weights_, .device = device}),
      optimize_g_(g_, {.lr = config.lr, .beta1 = config.beta1, .beta2 = config.beta2}),
      optimize_d_(d_, {.lr = config.lr, .beta1 = config.beta1, .beta2 = config.beta2}) {}

/// -log D(x) - log(1 - D(G(z))), means over the batch (Goodfellow et al. 2014, Algorithm 1).
Tensor Gan::discriminator_loss(const Tensor& real, const Tensor& fake, const Tensor& letters,
                               std::vector<Tensor>& values) {
  const Tensor on_real = d_(real, letters);
  const Tensor on_fake = d_(fake.detach(), letters);
  const NoGrad no_grad;
  values.push_back(mean(sigmoid(on_real)));
  values.push_back(mean(sigmoid(on_fake)));
  const GradMode recording(true);
  return bce_with_logits(on_real, 1) + bce_with_logits(on_fake, 0);
}

/// -log D(G(z)), the non-saturating loss (Goodfellow et al. 2014, section 3), or
/// |mean f(x) - mean f(G(z))|^2 with f the layer before the logit (Salimans et al. 2016, 3.1).
Tensor Gan::generator_loss(const Tensor& real, const Tensor& fake, const Tensor& letters) {
  const Tensor features = d_.features(fake);
  if (!config_.feature_matching) return bce_with_logits(d_.logits(features, letters), 1);
  Tensor target;
  {
    const NoGrad no_grad;
    target = mean(d_.features(real), {0});
  }
  const Tensor matching = sum(square(mean(features, {0}) - target));
  if (config_.adversarial_weight == 0) return matching;
  return matching + bce_with_logits(d_.logits(features, letters), 1) * config_.adversarial_weight;
}

Tensor Gan::step(const Tensor& real, const Tensor& letters) {
  const Tensor z = normal(latents_, {real.dim(0), kLatent}, 0, 1, DType::f32, device_);
  const Tensor fake = g_(z, letters);

  std::vector<Tensor> probabilities;
  optimize_d_.zero_grad();
  const Tensor d_loss = discriminator_loss(real, fake, letters, probabilities);
  backward(d_loss);
  const Tensor d_norm = optimize_d_.gradient_norm();
  optimize_d_.step();

  d_.set_requires_grad(false);
  optimize_g_.zero_grad();
  const Tensor g_loss = generator_loss(real, fake, letters);
  backward(g_loss);
  const Tensor g_norm = optimize_g_.gradient_norm();
  optimize_g_.step();
  d_.set_requires_grad(true);

  const NoGrad no_grad;
  const auto one = [](const Tensor& t) { return reshape(t, {1}); };
  return concat(
      {one(d_loss), one(g_loss), one(probabilities[0]), one(probabilities[1]), d_norm, g_norm}, 0);
}

Tensor Gan::samples(std::int64_t count) {
  const NoGrad no_grad;
  Generator fixed(sample_seed_, kFixedLatents);
  g_.train(false);
  std::vector<Tensor> parts;
  constexpr std::int64_t kChunk = 500;
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const std::int64_t n = std::min(kChunk, count - begin);
    const Tensor z = normal(fixed, {n, kLatent}, 0, 1, DType::f32, device_);
    Tensor letters;
    if (config_.conditional) {
      std::vector<std::int32_t> turn(static_cast<std::size_t>(n));
      for (std::int64_t i = 0; i < n; ++i) turn[i] = static_cast<std::int32_t>((begin + i) % 26);
      letters = one_hot(Tensor::from(turn, {n}, device_), kLetters);
    }
    parts.push_back(g_(z, letters));
  }
  g_.train(true);
  return concat(parts, 0);
}

void Gan::state(State& s) {
  g_.state(s, "generator");
  d_.state(s, "discriminator");
  optimize_g_.state(s, "adam_g");
  optimize_d_.state(s, "adam_d");
  s.generator("latents", latents_);
  s.generator("dropout", dropout_);
}

namespace {

/// The run as a TrainingJob: batches, evaluation and pictures around Gan::step.
class Run {
 public:
  Run(const Config& config, const FontData& data, Judge& judge, const std::filesystem::path& folder,
      Device device)
      : config_(config),
        judge_(judge),
        folder_(folder),
        device_(device),
        gan_(config, device),
        batches_(static_cast<std::uint64_t>(config.seed), training_images(config, data),
                 config.batch),
        values_(kModelName, {std::begin(kStepValues), std::end(kStepValues)}) {
    const auto n = static_cast<std::int64_t>(data.train_labels.size());
    images_ = Tensor::from(data.train_images, {n, 1, kPixels, kPixels});
    labels_ = Tensor::from(
        std::vector<std::int32_t>(data.train_labels.begin(), data.train_labels.end()), {n});
    image_epochs_ = config.image_epoch_list();
  }

  TrainingJob job() {
    return {.label = "font_gan " + config_.variant() + " seed " + std::to_string(config_.seed),
            .num_steps = batches_.steps_per_epoch() * config_.epochs,
            .checkpoint_every = config_.checkpoint_every,
            .config = config_.all().to_toml(),
            .step = [this](std::int64_t step, JsonLog& log) { return this->step(step, log); },
            .flush = [this](JsonLog& log) { flush(log); },
            .state = [this](State& s) { state(s); }};
  }

 private:
  /// The images lie letter by letter; a part of them is a fixed random choice.
  static std::vector<std::int64_t> training_images(const Config& config, const FontData& data) {
    auto n = static_cast<std::int64_t>(data.train_labels.size());
    auto rows = Generator(static_cast<std::uint64_t>(config.seed), kSubset).permutation(n);
    if (config.train_images > 0) n = std::min(n, config.train_images);
    rows.resize(static_cast<std::size_t>(n));
    return rows;
  }

  std::string step(std::int64_t step, JsonLog& log) {
    const std::span batch = batches_.rows(step);
    const Tensor real = to_device(take_rows(images_, batch), device_);
    Tensor letters;
    if (config_.conditional) {
      letters = to_device(one_hot(take_rows(labels_, batch), kLetters), device_);
    }
    values_.add(step, gan_.step(real, letters), log);
    if (batches_.ends_epoch(step)) end_epoch(batches_.epoch(step) + 1, log);
    return status();
  }

  void flush(JsonLog& log) { values_.flush(log); }

  std::string status() const {
    if (values_.last().empty()) return "";
    char text[64];
    std::snprintf(text, sizeof text, "D %.3f  G %.3f", values_.last()[0], values_.last()[1]);
    return text + scores_text_;
  }

  void end_epoch(std::int64_t epoch, JsonLog& log) {
    flush(log);
    const bool last = epoch == config_.epochs;
    if (epoch % config_.eval_every == 0 || last) evaluate(epoch, log);
    const bool chosen =
        std::find(image_epochs_.begin(), image_epochs_.end(), epoch) != image_epochs_.end();
    if (chosen || last) draw(epoch);
  }

  void evaluate(std::int64_t epoch, JsonLog& log) {
    const Scores scores = judge_.score(gan_.samples(config_.eval_samples));
    Json entry{{"epoch", epoch}};
    entry.update(scores.to_json());
    log.append(entry);
    scores_text_ = "  coverage " + std::to_string(scores.coverage) + "/26";
    // Coverage first, evenness decides among equals.
    const double rank = scores.coverage - scores.kl / 10;
    if (rank > best_rank_) {
      best_rank_ = rank;
      save_model(folder_ / "best.safetensors", kModelName, config_.all(), [&](State& s) {
        s.number("epoch", epoch);
        gan_.generator().state(s, "generator");
      });
    }
  }

  void draw(std::int64_t epoch) {
    char number[16];
    std::snprintf(number, sizeof number, "%04d", static_cast<int>(epoch));
    const Tensor samples = gan_.samples(config_.eval_samples);
    write_alphabet(folder_ / ("alphabet-" + std::string(number) + ".png"), samples, judge_);
    const std::vector<float> first =
        slice(samples, 0, 0, 26 * 4 <= samples.dim(0) ? 26 * 4 : 26).to_vector<float>();
    write_png(folder_ / ("samples-" + std::string(number) + ".png"),
              grid(first, 1, kPixels, kPixels, {.columns = 26, .padding = 2, .invert = true}));
  }

  void state(State& s) {
    name_model(s, kModelName);
    gan_.state(s);
    s.number("best_rank", best_rank_);
    s.text("scores", scores_text_);
  }

  Config config_;
  Judge& judge_;
  std::filesystem::path folder_;
  Device device_;
  Gan gan_;
  Tensor images_, labels_;  // on the CPU
  std::vector<std::int64_t> image_epochs_;
  EpochBatches batches_;
  StepValues values_;
  double best_rank_ = -1;
  std::string scores_text_;
};

}  // namespace

void train_run(const Config& config, const FontData& data, Judge& judge,
               const std::filesystem::path& folder, Device device) {
  Run run(config, data, judge, folder, device);
  run_training(folder, run.job());
  write_json(folder / "coverage.json", History::read(folder / "log.jsonl").to_json());
}

LoadedGan load_gan(const std::filesystem::path& path, Device device) {
  LoadedGan loaded;
  const Checkpoint checkpoint = load_model(path, kModelName, loaded.config.all());
  loaded.gan = std::make_unique<Gan>(loaded.config, device);
  State s = State::restore(checkpoint, path.string());
  loaded.gan->generator().state(s, "generator");
  return loaded;
}

void write_alphabet(const std::filesystem::path& path, const Tensor& samples, Judge& judge,
                    int rows) {
  const Judgement seen = judge.judge(samples);
  const std::vector<float> pixels = samples.to_vector<float>();
  constexpr int kSize = kPixels * kPixels;
  std::vector<float> cells(static_cast<std::size_t>(rows) * kLetters * kSize, -1.0f);
  for (int letter = 0; letter < kLetters; ++letter) {
    std::vector<int> mine;
    for (int i = 0; i < static_cast<int>(seen.labels.size()); ++i) {
      if (seen.labels[i] == letter) mine.push_back(i);
    }
    std::stable_sort(mine.begin(), mine.end(),
                     [&](int a, int b) { return seen.confidences[a] > seen.confidences[b]; });
    for (int row = 0; row < std::min<int>(rows, static_cast<int>(mine.size())); ++row) {
      std::copy_n(pixels.begin() + mine[row] * kSize, kSize,
                  cells.begin() + (row * kLetters + letter) * kSize);
    }
  }
  write_png(path,
            grid(cells, 1, kPixels, kPixels, {.columns = kLetters, .padding = 2, .invert = true}));
}

}  // namespace etude::font_gan
