#include "models/font_gan/train.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/run/console.h"
#include "engine/run/step_values.h"
#include "eval/png.h"
#include "models/driver.h"
#include "models/font_gan/history.h"

namespace etude::font_gan {
namespace {

constexpr std::uint64_t kSubset = 5;  // the stream of the run's seed that chooses images

constexpr const char* kModelName = "font_gan";

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
        data_hash_(data.hash),
        batches_(static_cast<std::uint64_t>(config.seed), training_images(config, data),
                 config.batch),
        values_(kModelName, {std::begin(kStepValues), std::end(kStepValues)}),
        best_(folder / "best.safetensors", kModelName, config_.all()) {
    const auto n = static_cast<std::int64_t>(data.train_labels.size());
    images_ = images_tensor(data.train_images);
    gan_.begin_at(std::reduce(data.train_images.begin(), data.train_images.end(), 0.0) /
                  static_cast<double>(data.train_images.size()));
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
    // More updates of the discriminator take more batches: an epoch counts the generator's.
    const std::int64_t updates = config_.discriminator_updates();
    std::vector<std::int64_t> batch;
    for (std::int64_t i = 0; i < updates; ++i) {
      const std::span rows = batches_.rows(step * updates + i);
      batch.insert(batch.end(), rows.begin(), rows.end());
    }
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
    const Judgement seen = judge_.judge(gan_.samples(config_.eval_samples));
    const Scores scores = judge_.score(seen);
    Json entry{{"epoch", epoch}};
    entry.update(scores.to_json());
    if (gan_.conditional()) entry["obeyed"] = obeyed_share(seen);
    log.append(entry);
    scores_text_ = "  coverage " + std::to_string(scores.coverage) + "/26";
    // Coverage first, sharpness decides among equals.
    best_.offer(-(scores.coverage + scores.confident), [&](State& s) {
      s.number("epoch", epoch);
      gan_.sampler_state(s);
    });
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
    same_data(s, data_hash_, config_.data);
    gan_.state(s);
    best_.state(s);
    s.text("scores", scores_text_);
  }

  Config config_;
  Judge& judge_;
  std::filesystem::path folder_;
  Device device_;
  Gan gan_;
  std::string data_hash_;
  Tensor images_, labels_;  // on the CPU
  std::vector<std::int64_t> image_epochs_;
  EpochBatches batches_;
  StepValues values_;
  BestNetwork best_;
  std::string scores_text_;
};

}  // namespace

double train_run(const Config& config, const FontData& data, Judge& judge,
                 const std::filesystem::path& folder, Device device) {
  Run run(config, data, judge, folder, device);
  const double seconds = run_training(folder, run.job());
  write_json(folder / "coverage.json", History::read(folder / "log.jsonl").to_json());
  return seconds;
}

LoadedGan load_gan(const std::filesystem::path& path, Device device) {
  LoadedGan loaded;
  const Checkpoint checkpoint = load_model(path, kModelName, loaded.config.all());
  loaded.gan = std::make_unique<Gan>(loaded.config, device);
  State s = State::restore(checkpoint, path.string());
  loaded.gan->sampler_state(s);
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
