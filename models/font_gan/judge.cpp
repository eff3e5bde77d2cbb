#include "models/font_gan/judge.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "engine/io/safetensors.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "engine/optim/schedule.h"
#include "engine/run/console.h"
#include "engine/run/machine.h"
#include "eval/birthday.h"
#include "eval/metrics.h"
#include "eval/precision_recall.h"

namespace etude::font_gan {
namespace {

constexpr int kRecipe = 1;  // changes with the network and its training
constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kRealSamples = 2000;
constexpr int kNeighbours = 3;

// JSON has no infinity.
Json number_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(); }
double number_or_infinity(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

}  // namespace

Tensor images_tensor(const std::vector<float>& images) {
  return Tensor::from(images, {static_cast<std::int64_t>(images.size()) / (kPixels * kPixels), 1,
                               kPixels, kPixels});
}

Json Scores::to_json() const {
  Json json{{"samples", samples},     {"coverage_any", coverage_any},
            {"coverage", coverage},   {"kl", kl},
            {"top_share", top_share}, {"confident", confident},
            {"precision", precision}, {"recall", recall},
            {"missing", missing},     {"uncovered", uncovered},
            {"histogram", histogram}, {"confident_histogram", confident_histogram}};
  json["support"] = number_or_null(support);
  json["real_support"] = number_or_null(real_support);
  return json;
}

std::vector<bool> Scores::covered() const {
  std::vector<bool> covered(kLetters, true);
  for (char letter : uncovered) {
    if (letter != ' ') covered[letter - 'A'] = false;
  }
  return covered;
}

Scores Scores::from_json(const Json& json) {
  Scores s;
  s.samples = json.at("samples");
  s.coverage_any = json.at("coverage_any");
  s.coverage = json.at("coverage");
  s.kl = json.at("kl");
  s.top_share = json.at("top_share");
  s.confident = json.at("confident");
  s.precision = json.at("precision");
  s.recall = json.at("recall");
  s.missing = json.at("missing");
  s.uncovered = json.at("uncovered");
  s.histogram = json.at("histogram").get<std::vector<std::int64_t>>();
  s.confident_histogram = json.at("confident_histogram").get<std::vector<std::int64_t>>();
  s.support = number_or_infinity(json.at("support"));
  s.real_support = number_or_infinity(json.at("real_support"));
  return s;
}

Json SecondOpinion::to_json() const {
  return {
      {"agreement", agreement},
      {"agreement_confident", std::isnan(agreement_confident) ? Json() : Json(agreement_confident)},
      {"coverage", coverage}};
}

SecondOpinion SecondOpinion::from_json(const Json& json) {
  const Json& confident = json.at("agreement_confident");
  return {.agreement = json.at("agreement"),
          .agreement_confident = confident.is_null() ? NAN : confident.get<double>(),
          .coverage = json.at("coverage")};
}

SecondOpinion second_opinion(const Judgement& first, const Judgement& second) {
  double same = 0, sure = 0, same_sure = 0;
  for (std::size_t i = 0; i < first.labels.size(); ++i) {
    const bool agree = first.labels[i] == second.labels.at(i);
    const bool confident = first.confidences[i] >= CoverageRule().confidence;
    same += agree, sure += confident, same_sure += agree && confident;
  }
  return {.agreement = same / static_cast<double>(first.labels.size()),
          .agreement_confident = same_sure / sure,
          .coverage = coverage(second.labels, second.confidences, kLetters)};
}

double obeyed_share(const Judgement& seen) {
  double obeyed = 0;
  for (std::size_t i = 0; i < seen.labels.size(); ++i)
    obeyed += seen.labels[i] == static_cast<int>(i % kLetters);
  return obeyed / static_cast<double>(seen.labels.size());
}

Judge::Judge(const FontData& data, const Config& config, const std::filesystem::path& data_dir,
             Device device, std::uint64_t seed)
    : device_(device), seed_(seed), weights_(seed, 0), dropout_(seed, 1) {
  make_network();
  // Whatever its bits depend on is in the name, so that a run's do not depend on what ran before.
  std::ostringstream name;
  name << "classifier-v" << kRecipe << "-" << seed << "-" << data.hash << "-"
       << config.classifier_epochs << "-" << config.train_images << "-" << name_of(device)
       << num_threads() << ".safetensors";
  const std::filesystem::path file = data_dir / name.str();
  bool trained = false;
  if (std::filesystem::exists(file)) {
    try {
      const Checkpoint checkpoint = load_safetensors(file);
      State s = State::restore(checkpoint, file.string());
      network_->state(s, "classifier");
      s.finish();
      trained = true;
    } catch (const Error& error) {
      note(std::string(error.what()) + "; training the classifier again");
      make_network();  // it may be restored in part
    }
  }
  if (!trained) {
    train(data, config);
    make_folder(data_dir);
    Checkpoint checkpoint;
    State s = State::collect(checkpoint);
    network_->state(s, "classifier");
    save_safetensors(file, checkpoint);
  }
  network_->train(false);
  network_->set_requires_grad(false);
  validate(data);
  // What nobody can read is no fault of the classifier.
  require(accuracy_ >= config.classifier_target || !data.defects.empty(),
          "letter classifier (seed ", seed_, ") of ", data.name, ": validation accuracy ",
          accuracy_, " is below classifier_target = ", config.classifier_target,
          "; raise classifier_epochs");
  Generator choice(kJudgeSeed, 3);
  std::vector<std::int64_t> rows =
      choice.permutation(static_cast<std::int64_t>(data.train_labels.size()));
  rows.resize(std::min<std::size_t>(rows.size(), kRealSamples));
  real_features_ = judge(take_rows(images_tensor(data.train_images), rows)).features;
}

void Judge::make_network() {
  weights_ = Generator(seed_, 0);
  dropout_ = Generator(seed_, 1);
  network_ =
      std::make_unique<LetterClassifier>(dropout_, Init{.generator = weights_, .device = device_});
}

void Judge::train(const FontData& data, const Config& config) {
  const Tensor images = images_tensor(data.train_images);
  const Tensor labels =
      Tensor::from(std::vector<std::int32_t>(data.train_labels.begin(), data.train_labels.end()),
                   {static_cast<std::int64_t>(data.train_labels.size())});
  // The images lie letter by letter; a part of them is a fixed random choice.
  std::vector<std::int64_t> subset = Generator(seed_, 4).permutation(images.dim(0));
  if (config.train_images > 0) {
    subset.resize(std::min(subset.size(), static_cast<std::size_t>(config.train_images)));
  }
  const auto n = static_cast<std::int64_t>(subset.size());
  require(n >= kBatch, "font_gan: train_images = ", n, " is less than the classifier's batch of ",
          kBatch);
  const std::int64_t batches = n / kBatch;
  const std::int64_t steps = batches * config.classifier_epochs;
  Adam optimizer(*network_, {.lr = 2e-3, .weight_decay = 1e-2});
  Generator order(seed_, 2);
  std::vector<std::int64_t> rows;
  Progress progress("letter classifier", steps);
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step % batches == 0) {
      rows.clear();
      for (std::int64_t i : order.permutation(n)) rows.push_back(subset[i]);
    }
    const std::span batch(rows.data() + step % batches * kBatch, kBatch);
    const Tensor x = to_device(take_rows(images, batch), device_);
    const Tensor t = to_device(take_rows(labels, batch), device_);
    optimizer.set_lr(warmup_cosine(step, 20, steps, 2e-3));
    optimizer.zero_grad();
    const Tensor loss = cross_entropy((*network_)(x), t);
    backward(loss);
    optimizer.step();
    progress.update(step + 1);
    leave_if_stopped();
  }
}

void Judge::validate(const FontData& data) {
  const Judgement seen = judge(images_tensor(data.val_images));
  confusion_ = confusion_matrix(data.val_labels, seen.labels, kLetters);
  accuracy_ = etude::accuracy(confusion_);
}

Judgement Judge::judge(const Tensor& images) {
  const NoGrad no_grad;
  Judgement result;
  constexpr std::int64_t kChunk = 512;
  for (std::int64_t begin = 0; begin < images.dim(0); begin += kChunk) {
    const Tensor x =
        to_device(slice(images, 0, begin, std::min(images.dim(0), begin + kChunk)), device_);
    const Tensor features = network_->features(x);
    const Tensor probabilities = softmax(network_->logits(features));
    for (std::int32_t label : argmax(probabilities).to_vector<std::int32_t>()) {
      result.labels.push_back(label);
    }
    const auto best = max(probabilities, {1}).to_vector<float>();
    result.confidences.insert(result.confidences.end(), best.begin(), best.end());
    const auto rows = features.to_vector<float>();
    result.features.insert(result.features.end(), rows.begin(), rows.end());
  }
  return result;
}

Tensor Judge::loss(const Tensor& images, const Tensor& letters) {
  return cross_entropy((*network_)(images), letters);
}

Scores Judge::score(const Judgement& seen) const {
  Scores s;
  s.samples = static_cast<std::int64_t>(seen.labels.size());
  s.histogram = class_histogram(seen.labels, kLetters);
  s.coverage_any = coverage_any(s.histogram);
  const std::vector<bool> covered = covered_classes(seen.labels, seen.confidences, kLetters);
  s.coverage = static_cast<int>(std::count(covered.begin(), covered.end(), true));
  s.missing = missing_letters(s.histogram);
  s.uncovered = missing_letters(covered);
  s.kl = kl_to_uniform(s.histogram);
  s.top_share = top_share(s.histogram);
  s.confident = confident_share(seen.confidences);
  // Precision and recall compare sets of equal size.
  const std::size_t dims = seen.features.size() / seen.labels.size();
  const std::size_t n = std::min(seen.labels.size(), real_features_.size() / dims) * dims;
  const PrecisionRecall pr =
      precision_recall(std::span(real_features_).first(n), std::span(seen.features).first(n),
                       static_cast<int>(dims), kNeighbours);
  s.precision = pr.precision;
  s.recall = pr.recall;
  s.confident_histogram.resize(kLetters);
  for (std::size_t i = 0; i < seen.labels.size(); ++i) {
    s.confident_histogram[seen.labels[i]] += seen.confidences[i] >= CoverageRule().confidence;
  }
  const std::span real = std::span(real_features_).first(n);
  const double distance = duplicate_distance(real, static_cast<int>(dims));
  s.support =
      birthday_support(std::span(seen.features).first(n), static_cast<int>(dims), distance).support;
  s.real_support = birthday_support(real, static_cast<int>(dims), distance).support;
  return s;
}

}  // namespace etude::font_gan
