#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/run/config.h"

namespace etude::font_gan {

/// The settings of one run, by default the reference reports' training with 10,000 samples for the
/// final table instead of their 1000; and what `reproduce` compares.
struct Config {
  std::string data = "typefaces";
  std::int64_t seed = 1;
  std::int64_t epochs = 100;
  std::int64_t batch = 64;
  std::int64_t train_images = 0;
  double lr = 2e-4, residual_lr = 1e-3, beta1 = 0.5, beta2 = 0.999;

  bool feature_matching = false;
  double adversarial_weight = 0;
  bool conditional = false;
  bool projection = false;
  bool minibatch_discrimination = false;
  bool unrolled = false;
  std::int64_t unroll_steps = 5;
  bool unroll_gradient = true;
  bool packing = false;
  std::int64_t pack_size = 2;
  bool r1_r2 = false;
  double gamma = 0.5;
  bool wgan_gp = false;
  std::int64_t critic_steps = 5;
  double gradient_penalty = 10;
  bool spectral_norm = false;

  std::string networks = "reference";
  std::int64_t width = 32;
  bool average = false;
  double average_decay = 0.999;
  bool augment = false;

  std::int64_t eval_every = 10;
  std::int64_t eval_samples = 1000;
  std::int64_t final_samples = 10000;
  std::string image_epochs = "10,30,50,100";
  std::int64_t checkpoint_every = 200;

  std::int64_t classifier_epochs = 12;
  double classifier_target = 0.995;

  std::string variants = "vanilla,feature_matching,best";
  std::int64_t num_seeds = 5;
  std::string others;
  std::int64_t other_seeds = 2, other_epochs = 0;
  std::string ee641_variants;
  std::int64_t ee641_seeds = 5;

  void fields(Fields& f) {
    f.choice("data", data, "images", "typefaces|ee641");
    f("seed", &seed, "of every random number of the run", 0);
    f("epochs", &epochs, "passes over the training images", 1);
    f("batch", &batch, "images per step", 2);
    f("train_images", &train_images, "train only on so many of them, the classifier too (0: all)",
      0);
    f("lr", &lr, "learning rate of both reference networks", 0);
    f("residual_lr", &residual_lr, "learning rate of both residual networks", 0);
    f("beta1", &beta1, "of Adam; with r1_r2 and wgan_gp it is 0, as in their papers", 0, 1);
    f("beta2", &beta2, "of Adam", 0, 1);
    f("feature_matching", &feature_matching,
      "the generator matches mean discriminator features (Salimans et al. 2016, section 3.1)");
    f("adversarial_weight", &adversarial_weight,
      "weight of the adversarial loss beside feature matching (0: none)", 0);
    f("conditional", &conditional, "both networks are given the letter");
    f("projection", &projection,
      "each letter has its own weights for the discriminator's features (Miyato & Koyama 2018)");
    stabilisers(f);
    f("eval_every", &eval_every, "epochs between evaluations", 1);
    f("eval_samples", &eval_samples, "samples per evaluation", 26);
    f("final_samples", &final_samples, "samples for the final table", 26);
    f("image_epochs", &image_epochs, "epochs after which an alphabet is drawn");
    f("checkpoint_every", &checkpoint_every, "steps between checkpoints", 1);
    f("classifier_epochs", &classifier_epochs, "passes over the images for the letter classifier",
      1);
    f("classifier_target", &classifier_target,
      "least validation accuracy of the letter classifier, on images without known defects", 0, 1);
    f("variants", &variants, "reproduce: runs to compare, switches joined by +");
    f("num_seeds", &num_seeds, "reproduce: runs of each variant", 1);
    f("others", &others, "reproduce: further variants, of fewer runs");
    f("other_seeds", &other_seeds, "reproduce: runs of each of the others", 1);
    f("other_epochs", &other_epochs, "reproduce: epochs of the others (0: as many)", 0);
    f("ee641_variants", &ee641_variants,
      "reproduce: variants trained on the reports' own images too, where these are at hand");
    f("ee641_seeds", &ee641_seeds, "reproduce: runs of each of those", 1);
  }

  void stabilisers(Fields& f) {
    f("minibatch_discrimination", &minibatch_discrimination,
      "the discriminator sees how near the samples of a batch are (Salimans et al. 2016, 3.2)");
    f("unrolled", &unrolled,
      "the generator plays against the discriminator of unroll_steps later (Metz et al. 2017)");
    f("unroll_steps", &unroll_steps, "updates of the discriminator ahead", 1, 100);
    f("unroll_gradient", &unroll_gradient,
      "whether the generator's gradient flows through those updates");
    f("packing", &packing, "the discriminator judges pack_size images at once (Lin et al. 2018)");
    f("pack_size", &pack_size, "images per input of the discriminator", 2, 4);
    f("r1_r2", &r1_r2, "relativistic loss with gradient penalties (Huang et al. 2024, R3GAN)");
    f("gamma", &gamma, "of the penalties: gamma / 2 times the squared gradient norms", 0);
    f("wgan_gp", &wgan_gp, "Wasserstein loss with gradient penalty (Gulrajani et al. 2017)");
    f("critic_steps", &critic_steps, "wgan_gp: critic updates per generator update", 1, 100);
    f("gradient_penalty", &gradient_penalty, "wgan_gp: weight of the penalty", 0);
    f("spectral_norm", &spectral_norm,
      "the discriminator's weights have largest singular value 1 (Miyato et al. 2018)");
    f.choice("networks", networks, "of the game", "reference|residual");
    f("width", &width, "channels of the residual networks at 28 x 28", 1, 1024);
    f("average", &average, "samples come from a moving average of the generator's weights");
    f("average_decay", &average_decay, "of that average, per step", 0, 1);
    f("augment", &augment,
      "the discriminator sees shifted images with a hole (Zhao et al. 2020, DiffAugment)");
  }

  Fields all() {
    Fields f;
    fields(f);
    return f;
  }
  /// Sets the switches that a variant's name lists: "vanilla" (none), "feature_matching",
  /// "feature_matching+conditional", ... "unrolled_values" is unrolled without unroll_gradient,
  /// "residual" the residual networks, "best" conditional+projection+r1_r2+residual+average. Error
  /// lists the switches, or names two that exclude each other.
  void choose_variant(const std::string& variant);
  /// What `reproduce` compares, each in the spelling of variant().
  struct Variants {
    std::vector<std::string> main, others, ee641;
  };
  /// Error for an unknown or empty variant, one that is named twice, and none at all.
  Variants variant_lists() const;
  /// `image_epochs`. Error for what is not a list of whole numbers.
  std::vector<std::int64_t> image_epoch_list() const;
  /// The name that choose_variant would take.
  std::string variant() const;
  /// Error, with the remedy, for settings that exclude each other.
  void check() const;

  /// Discriminator updates, each with a batch of its own, per generator update.
  std::int64_t discriminator_updates() const { return wgan_gp ? critic_steps : 1; }
  /// Whether its discriminator gives scores that mean something only beside each other, and no
  /// probabilities.
  bool scores() const { return r1_r2 || wgan_gp; }
  /// Whether a bound on its gradient takes the place of the discriminator's batch norm and dropout.
  bool bounded_discriminator() const { return r1_r2 || wgan_gp || spectral_norm; }
};

/// "a,b,c" -> {"a", "b", "c"}.
std::vector<std::string> split(const std::string& text, char separator);

}  // namespace etude::font_gan
