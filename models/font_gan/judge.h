#pragma once
// The letter classifier and what it says of generated samples.

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/run_folder.h"
#include "models/font_gan/config.h"
#include "models/font_gan/data.h"
#include "models/font_gan/model.h"

namespace etude::font_gan {

/// What the classifier sees in a set of images.
struct Judgement {
  std::vector<int> labels;         // [N] the most probable letter
  std::vector<float> confidences;  // [N] its probability
  std::vector<float> features;     // [N, 128]
};

/// The metrics of a set of samples (eval/metrics.h says what each is).
struct Scores {
  std::int64_t samples = 0;
  int coverage_any = 0, coverage = 0;
  double kl = 0, top_share = 0, confident = 0, precision = 0, recall = 0;
  std::string missing;                  // letters without a sample
  std::string uncovered;                // letters that `coverage` does not count
  std::vector<std::int64_t> histogram;  // [26]
  /// [26], of the samples at confidence .9 or more.
  std::vector<std::int64_t> confident_histogram;
  /// Different samples there are, by the birthday paradox in the classifier's features, and the
  /// same of as many real images (eval/birthday.h); infinite without duplicates.
  double support = NAN, real_support = NAN;

  /// Whether `coverage` counts each letter.
  std::vector<bool> covered() const;

  Json to_json() const;
  static Scores from_json(const Json& json);
};

/// What a second judge, of the same design but trained from other weights in another order, says of
/// the first one's verdicts.
struct SecondOpinion {
  double agreement = 0;            // share of the samples to which both give the same letter
  double agreement_confident = 0;  // the same of those of which the first is sure; NaN if of none
  int coverage = 0;                // letters covered, by the second

  Json to_json() const;
  static SecondOpinion from_json(const Json& json);
};
SecondOpinion second_opinion(const Judgement& first, const Judgement& second);

/// Of samples that were told the letters A to Z in turn, the share called what it was told.
double obeyed_share(const Judgement& seen);

/// A data set's images, [N, 28, 28], as networks take them: [N, 1, 28, 28], on the CPU.
Tensor images_tensor(const std::vector<float>& images);

/// The classifier's seeds: of the judge, and of the one that checks it.
inline constexpr std::uint64_t kJudgeSeed = 641, kSecondJudgeSeed = 642;

/// A trained letter classifier with the real images that samples are compared with.
class Judge {
 public:
  /// Takes the classifier for these images and settings from data_dir, or trains it there. Error if
  /// its validation accuracy is below config.classifier_target, unless the images have known
  /// defects.
  Judge(const FontData& data, const Config& config, const std::filesystem::path& data_dir,
        Device device, std::uint64_t seed = kJudgeSeed);

  /// images: [N, 1, 28, 28] on any device.
  Judgement judge(const Tensor& images);
  /// Of what judge() said.
  Scores score(const Judgement& seen) const;
  /// Mean cross entropy, in nats, of the classifier's verdicts on images [N, 1, 28, 28] with
  /// letters [N] (i32), on its device: what makes an image more of its letter.
  Tensor loss(const Tensor& images, const Tensor& letters);
  Device device() const { return device_; }

  double accuracy() const { return accuracy_; }
  /// [true, predicted] on the validation images.
  const std::vector<std::int64_t>& confusion() const { return confusion_; }

 private:
  /// The network with its initial weights.
  void make_network();
  void train(const FontData& data, const Config& config);
  void validate(const FontData& data);

  Device device_;
  std::uint64_t seed_;
  Generator weights_, dropout_;
  std::unique_ptr<LetterClassifier> network_;
  std::vector<float> real_features_;  // [M, 128] of training images, a fixed random choice
  double accuracy_ = 0;
  std::vector<std::int64_t> confusion_;
};

}  // namespace etude::font_gan
