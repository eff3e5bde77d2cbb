#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/config.h"

namespace etude::font_gan {

/// The settings of one run. Defaults are configs/full.toml: the reference reports' training, and
/// 10,000 samples for the final table instead of their 1000.
struct Config {
  std::string data = "typefaces";
  std::int64_t seed = 1;
  std::int64_t epochs = 100;
  std::int64_t batch = 64;
  std::int64_t train_images = 0;
  double lr = 2e-4, beta1 = 0.5, beta2 = 0.999;

  bool feature_matching = false;
  double adversarial_weight = 0;
  bool conditional = false;

  std::int64_t eval_every = 10;
  std::int64_t eval_samples = 1000;
  std::int64_t final_samples = 10000;
  std::string image_epochs = "10,30,50,100";
  std::int64_t checkpoint_every = 200;

  std::int64_t classifier_epochs = 12;
  double classifier_target = 0.995;

  std::string variants = "vanilla,feature_matching,conditional";
  std::int64_t num_seeds = 5;

  void fields(Fields& f) {
    f.choice("data", data, "images", "typefaces|ee641");
    f("seed", &seed, "of every random number of the run", 0);
    f("epochs", &epochs, "passes over the training images", 1);
    f("batch", &batch, "images per step", 2);
    f("train_images", &train_images, "train only on so many of them, the classifier too (0: all)",
      0);
    f("lr", &lr, "learning rate of both networks", 0);
    f("beta1", &beta1, "of Adam", 0, 1);
    f("beta2", &beta2, "of Adam", 0, 1);
    f("feature_matching", &feature_matching,
      "the generator matches mean discriminator features (Salimans et al. 2016, section 3.1)");
    f("adversarial_weight", &adversarial_weight,
      "weight of the adversarial loss beside feature matching (0: none)", 0);
    f("conditional", &conditional, "both networks are given the letter");
    f("eval_every", &eval_every, "epochs between evaluations", 1);
    f("eval_samples", &eval_samples, "samples per evaluation", 26);
    f("final_samples", &final_samples, "samples for the final table", 26);
    f("image_epochs", &image_epochs, "epochs after which an alphabet is drawn");
    f("checkpoint_every", &checkpoint_every, "steps between checkpoints", 1);
    f("classifier_epochs", &classifier_epochs, "passes over the images for the letter classifier",
      1);
    f("classifier_target", &classifier_target, "least validation accuracy of the letter classifier",
      0, 1);
    f("variants", &variants, "reproduce: runs to compare, switches joined by +");
    f("num_seeds", &num_seeds, "reproduce: runs of each variant", 1);
  }

  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
  /// Sets the switches that a variant's name lists: "vanilla" (none), "feature_matching",
  /// "feature_matching+conditional", ... Error lists the switches.
  void choose_variant(const std::string& variant);
  /// `variants`, each in the spelling of variant(). Error for an unknown, empty or repeated one.
  std::vector<std::string> variant_list() const;
  /// `image_epochs`. Error for what is not a list of whole numbers.
  std::vector<std::int64_t> image_epoch_list() const;
  /// The name that choose_variant would take.
  std::string variant() const;
};

/// "a,b,c" -> {"a", "b", "c"}.
std::vector<std::string> split(const std::string& text, char separator);

}  // namespace etude::font_gan
