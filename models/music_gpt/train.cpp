#include "models/music_gpt/train.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "engine/optim/schedule.h"
#include "engine/run/step_values.h"
#include "models/driver.h"
#include "models/music_gpt/hugging_face.h"

namespace etude::music_gpt {
namespace {

using miditok::Type;
namespace fs = std::filesystem;

// Streams of the run's seed.
enum : std::uint64_t { kWeights = 1, kWindows, kDropout };

constexpr const char* kModelName = "music_gpt";

bool has_pitch(const miditok::Token& token) {
  return token.type == Type::pitch || token.type == Type::note_on || token.type == Type::note_off;
}

/// The ids of the same tokens `semitones` higher; -1 where there is none.
std::vector<std::int32_t> transposition(const MidiTokTokenizer& tokenizer, std::int64_t semitones) {
  const auto [low, high] = tokenizer.config().pitch_range;
  std::vector<std::int32_t> result;
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const miditok::Token& token = tokenizer.vocabulary().token(id);
    const int pitch = token.value + static_cast<int>(semitones);
    const bool there = pitch >= low && pitch < high;
    result.push_back(!has_pitch(token) ? id
                     : there           ? tokenizer.vocabulary().id(token.type, pitch)
                                       : -1);
  }
  return result;
}

/// A window's ids and targets from `start` on, into row b of a batch.
void fill(std::span<const std::int32_t> piece, std::int64_t start, std::int64_t count,
          std::int32_t* ids, std::int32_t* targets) {
  const auto inputs = static_cast<std::int64_t>(piece.size()) - 1;
  for (std::int64_t t = 0; t < std::min(count, inputs - start); ++t) {
    ids[t] = piece[start + t];
    targets[t] = piece[start + t + 1];
  }
}

}  // namespace

Windows::Windows(const Config& config, const MidiTokTokenizer& tokenizer,
                 const std::vector<Piece>& pieces)
    : config_(config) {
  std::uint64_t starts = 0;
  const std::int64_t most = config.pitch_shift;
  for (std::int64_t shift = -most; shift <= most; ++shift) {
    transposed_.push_back(transposition(tokenizer, shift));
  }
  for (const Piece& piece : pieces) {
    starts += std::max<std::uint64_t>(piece.ids.size() - 1, config.context);
    const auto fits = [&](std::int64_t shift) {
      return std::ranges::all_of(
          piece.ids, [&](std::int32_t id) { return transposed_[shift + most][id] >= 0; });
    };
    Source source{.ids = piece.ids, .starts = starts, .lowest = 0, .highest = 0};
    while (source.lowest > -most && fits(source.lowest - 1)) --source.lowest;
    while (source.highest < most && fits(source.highest + 1)) ++source.highest;
    sources_.push_back(source);
  }
}

Batch Windows::draw(Generator& random, Device device) const {
  const std::int64_t B = config_.batch, T = config_.context;
  std::vector<std::int32_t> ids(B * T, 0), targets(B * T, -1);
  for (std::int64_t b = 0; b < B; ++b) {
    const std::uint64_t place = random.below(sources_.back().starts);
    const auto source = std::ranges::upper_bound(sources_, place, {}, &Source::starts);
    const auto after = static_cast<std::int64_t>(source->starts - place);  // 1 is the last start
    const auto inputs = static_cast<std::int64_t>(source->ids.size()) - 1;
    const std::int64_t start =
        std::clamp(inputs - after - T / 2, std::int64_t{0}, std::max<std::int64_t>(inputs - T, 0));
    fill(source->ids, start, T, &ids[b * T], &targets[b * T]);
    if (config_.pitch_shift == 0) continue;
    const auto shift =
        source->lowest + static_cast<std::int64_t>(random.below(
                             static_cast<std::uint64_t>(source->highest - source->lowest + 1)));
    const auto& table = transposed_[shift + config_.pitch_shift];
    for (std::int64_t i = b * T; i < (b + 1) * T && targets[i] >= 0; ++i) {
      ids[i] = table[ids[i]];
      targets[i] = table[targets[i]];
    }
  }
  return {.ids = Tensor::from(ids, {B, T}, device),
          .targets = Tensor::from(targets, {B, T}, device)};
}

Trainer::Trainer(const Config& config, Device device)
    : config_(config),
      tokenizer_(config.make_tokenizer()),
      weights_(static_cast<std::uint64_t>(config.seed), kWeights),
      dropout_(static_cast<std::uint64_t>(config.seed), kDropout),
      model_(config_.shape(tokenizer_->vocabulary_size()), config_.options(device), dropout_,
             {.generator = weights_, .device = device}),
      optimize_(model_, {.lr = config.lr, .weight_decay = config.weight_decay}) {}

void Trainer::start_from_weights() {
  load_hugging_face(model_, config_.start_from,
                    config_.token_rows == "reused" ? TokenRows::reused : TokenRows::fresh);
}

Tensor Trainer::step(std::span<const Batch> batches, std::int64_t step) {
  const OneCycle cycle{.lr = config_.lr, .rise = config_.rise, .start = 1000};
  optimize_.set_lr(one_cycle(step, config_.iterations, cycle));
  optimize_.set_beta1(one_cycle_beta1(step, config_.iterations, cycle));
  optimize_.zero_grad();
  const double share = 1 / static_cast<double>(batches.size());
  Tensor nats;
  for (const Batch& batch : batches) {
    const Tensor loss = affine(model_.loss(batch.ids, batch.targets), share, 0);
    backward(loss);
    const NoGrad no_grad;
    nats = nats.defined() ? nats + loss.detach() : loss.detach();
  }
  const Tensor norm = optimize_.clip_gradient(config_.clip);
  optimize_.step();
  const NoGrad no_grad;
  return concat({reshape(nats, {1}), norm}, 0);
}

void Trainer::state(State& s) {
  model_.state(s, "model");  // what load_trainer() reads
  optimize_.state(s, "adam");
  s.generator("dropout", dropout_);
}

CrossEntropy cross_entropy_of(Trainer& trainer, const std::vector<Piece>& pieces,
                              std::int64_t limit) {
  const Inference inference(trainer.model());
  const std::int64_t T = trainer.config().context, B = trainer.config().batch;
  struct Window {
    std::span<const std::int32_t> piece;
    std::int64_t start, count;
  };
  std::vector<Window> windows;
  CrossEntropy all;
  for (const Piece& piece : pieces) {
    const auto inputs = static_cast<std::int64_t>(piece.ids.size()) - 1;
    for (std::int64_t start = 0; start < inputs; start += T) {
      windows.push_back({piece.ids, start, std::min(T, inputs - start)});
    }
    all.tokens += inputs;
    all.notes += trainer.tokenizer().num_notes(piece.ids);
  }
  const double notes_per_token = static_cast<double>(all.notes) / static_cast<double>(all.tokens);
  const auto there = static_cast<std::int64_t>(windows.size());
  const std::int64_t taken = std::min(limit, there);
  if (taken < there) all.tokens = 0;
  const Device device = trainer.model().parameters()[0].second.device();
  for (std::int64_t first = 0; first < taken; first += B) {
    const std::int64_t rows = std::min(B, taken - first);
    std::vector<std::int32_t> ids(rows * T, 0), targets(rows * T, -1);
    std::int64_t count = 0;
    for (std::int64_t b = 0; b < rows; ++b) {
      const Window& window = windows[(first + b) * there / taken];
      fill(window.piece, window.start, T, &ids[b * T], &targets[b * T]);
      count += window.count;
    }
    const Tensor loss = trainer.model().loss(Tensor::from(ids, {rows, T}, device),
                                             Tensor::from(targets, {rows, T}, device));
    all.nats += loss.to_vector<float>()[0] * static_cast<double>(count);
    if (taken < there) all.tokens += count;
  }
  all.notes = std::llround(notes_per_token * static_cast<double>(all.tokens));
  return all;
}

std::string milestone_file(std::int64_t percent) {
  return "at-" + std::to_string(percent) + ".safetensors";
}

namespace {

/// The run as a TrainingJob: windows and evaluation around Trainer::step.
class Run {
 public:
  Run(const Config& config, const Music& music, fs::path folder, Device device)
      : config_(config),
        music_(music),
        folder_(std::move(folder)),
        device_(device),
        milestones_(config.milestone_list()),
        trainer_(config, device),
        windows_(config, trainer_.tokenizer(), music.train),
        random_(static_cast<std::uint64_t>(config.seed), kWindows),
        values_(kModelName, {std::begin(kStepValues), std::end(kStepValues)}),
        best_(folder_ / "best.safetensors", kModelName, config_.all()) {
    const bool resumes = fs::exists(folder_ / "last.safetensors");
    if (config.start_from != "none" && !resumes) trainer_.start_from_weights();
  }

  TrainingJob job() {
    return {.label = std::string(kModelName) + " " + music_.name + " " + config_.tokenizer +
                     " seed " + std::to_string(config_.seed),
            .num_steps = config_.iterations,
            .checkpoint_every = config_.checkpoint_every,
            .config = config_.all().to_toml(),
            .step = [this](std::int64_t step, JsonLog& log) { return this->step(step, log); },
            .flush = [this](JsonLog& log) { values_.flush(log); },
            .state = [this](State& s) { state(s); }};
  }

 private:
  std::string step(std::int64_t step, JsonLog& log) {
    std::vector<Batch> batches;
    for (std::int64_t i = 0; i < config_.accumulate; ++i) {
      batches.push_back(windows_.draw(random_, device_));
    }
    values_.add(step, trainer_.step(batches, step), log);
    const std::int64_t done = step + 1;
    if (done == config_.iterations || done % config_.eval_every == 0) {
      values_.flush(log);
      validate(done, log);
    }
    for (const std::int64_t percent : milestones_) {
      if (done != (config_.iterations * percent + 99) / 100) continue;
      save_model(folder_ / milestone_file(percent), kModelName, config_.all(),
                 [&](State& s) { network(s, done); });
    }
    char text[64];
    const auto values = values_.last();
    std::snprintf(text, sizeof text, "%.3f nats", values.empty() ? 0.0 : double{values[0]});
    return text + held_out_text_;
  }

  void validate(std::int64_t step, JsonLog& log) {
    constexpr std::int64_t kWindowsEach = 64;
    const CrossEntropy held_out = cross_entropy_of(trainer_, music_.held_out, kWindowsEach);
    log.append({{"step", step},
                {"held_out_nats_per_token", held_out.per_token()},
                {"held_out_nats_per_note", held_out.per_note()}});
    char text[64];
    std::snprintf(text, sizeof text, "  held out %.3f", held_out.per_token());
    held_out_text_ = text;
    best_.offer(held_out.per_token(), [&](State& s) { network(s, step); });
  }

  void network(State& s, std::int64_t step) {
    s.number("step", step);
    trainer_.model().state(s, "model");
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
  fs::path folder_;
  Device device_;
  std::vector<std::int64_t> milestones_;
  Trainer trainer_;
  Windows windows_;
  Generator random_;
  StepValues values_;
  BestNetwork best_;
  std::string held_out_text_;
};

}  // namespace

double train_run(const Config& config, const Music& music, const fs::path& folder, Device device) {
  Run run(config, music, folder, device);
  return run_training(folder, run.job());
}

std::unique_ptr<Trainer> load_trainer(const fs::path& path, Device device) {
  return load_network<Trainer, Config>(path, kModelName, device);
}

}  // namespace etude::music_gpt
