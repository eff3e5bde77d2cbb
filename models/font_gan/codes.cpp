#include "models/font_gan/codes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <ranges>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "engine/run/console.h"
#include "eval/latent.h"
#include "eval/png.h"

namespace etude::font_gan {
namespace {

// Streams of the seed.
enum : std::uint64_t { kStarts = 21, kWays, kStyles, kShuffle };

constexpr std::int64_t kTries = 4;  // random latents per letter
constexpr double kRate = 0.1;
constexpr int kImage = kPixels * kPixels;

/// A, B, ... Z, `times` over: letter i % 26.
std::vector<std::int32_t> alphabet(std::int64_t times) {
  std::vector<std::int32_t> letters(static_cast<std::size_t>(times * kLetters));
  for (std::size_t i = 0; i < letters.size(); ++i)
    letters[i] = static_cast<std::int32_t>(i % kLetters);
  return letters;
}

Tensor letters_tensor(const std::vector<std::int32_t>& letters, Device device) {
  return Tensor::from(letters, {static_cast<std::int64_t>(letters.size())}, device);
}

/// What the generator is told: nothing, if it is not conditional.
Tensor given(const Gan& gan, const Tensor& letters) {
  return gan.conditional() ? one_hot(letters, kLetters) : Tensor();
}

/// The latents, as something that an optimizer can move.
struct Latents : Module {
  explicit Latents(const Tensor& start) : z(add_parameter("z", start)) {}
  Tensor z;
};

/// Each row scaled to length sqrt(100).
Tensor on_sphere(const Tensor& z) {
  const Tensor length = sqrt(sum(square(z), {1}, true));
  return z / length * std::sqrt(static_cast<double>(kLatent));
}

}  // namespace

Codes find_codes(Gan& gan, Judge& judge, std::uint64_t seed, int updates) {
  Generator random(seed, kStarts);
  const Tensor letters = letters_tensor(alphabet(kTries), judge.device());
  Latents latents(normal(random, {kTries * kLetters, kLatent}, 0, 1, DType::f32, judge.device()));
  Adam optimizer(latents, {.lr = kRate});
  for (int i = 0; i < updates; ++i) {
    leave_if_stopped();
    optimizer.zero_grad();
    backward(judge.loss(gan.images(on_sphere(latents.z), given(gan, letters)), letters));
    optimizer.step();
  }
  const NoGrad no_grad;
  const Tensor z = on_sphere(latents.z);
  const Judgement seen = judge.judge(gan.images(z, given(gan, letters)));
  Codes codes;
  std::vector<std::int64_t> best;
  for (int letter = 0; letter < kLetters; ++letter) {
    std::int64_t chosen = letter;
    float confidence = -1;
    for (std::int64_t i = letter; i < kTries * kLetters; i += kLetters) {
      const float own = seen.labels[i] == letter ? seen.confidences[i] : 0;
      if (own > confidence) chosen = i, confidence = own;
    }
    best.push_back(chosen);
    codes.confidence.push_back(confidence);
  }
  codes.z = take_rows(to_device(z, Device::cpu), best);
  return codes;
}

Tensor spherical_path(const Tensor& a, const Tensor& b, std::int64_t steps) {
  const std::vector<float> from = a.to_vector<float>(), to = b.to_vector<float>();
  const double from_length =
      std::sqrt(std::inner_product(from.begin(), from.end(), from.begin(), 0.0));
  const double to_length = std::sqrt(std::inner_product(to.begin(), to.end(), to.begin(), 0.0));
  const double cosine =
      std::inner_product(from.begin(), from.end(), to.begin(), 0.0) / (from_length * to_length);
  const double angle = std::acos(std::clamp(cosine, -1.0, 1.0)), sine = std::sin(angle);
  std::vector<float> path;
  for (std::int64_t i = 0; i < steps; ++i) {
    const double t = steps > 1 ? static_cast<double>(i) / static_cast<double>(steps - 1) : 0;
    // Parts of one direction, and of opposite ones, have no plane to turn in.
    const bool straight = sine < 1e-6;
    const double u = straight ? 1 - t : std::sin((1 - t) * angle) / sine;
    const double v = straight ? t : std::sin(t * angle) / sine;
    for (std::size_t k = 0; k < from.size(); ++k) {
      path.push_back(static_cast<float>(u * from[k] + v * to[k]));
    }
  }
  return Tensor::from(path, {steps, static_cast<std::int64_t>(from.size())});
}

void write_interpolation(const std::filesystem::path& path, Gan& gan, const Codes& codes,
                         std::uint64_t seed) {
  constexpr int kRandomWays = 4;
  const NoGrad no_grad;
  const auto code = [&](std::int64_t i) { return reshape(slice(codes.z, 0, i, i + 1), {kLatent}); };
  std::vector<Tensor> rows{codes.z, spherical_path(code(0), code(kLetters - 1), kLetters)};
  const Tensor one_each = one_hot(letters_tensor(alphabet(1), Device::cpu), kLetters);
  std::vector<Tensor> told{one_each};
  const auto turn = [&](std::int64_t from, std::int64_t to) {
    std::vector<float> share;
    for (int i = 0; i < kLetters; ++i) share.push_back(static_cast<float>(i) / (kLetters - 1));
    const Tensor late = Tensor::from(share, {kLetters, 1});
    told.push_back((1.0 - late) * slice(one_each, 0, from, from + 1) +
                   late * slice(one_each, 0, to, to + 1));
  };
  turn(0, kLetters - 1);
  Generator random(seed, kWays);
  for (int way = 0; way < kRandomWays; ++way) {
    const Tensor from = normal(random, {kLatent}, 0, 1), to = normal(random, {kLatent}, 0, 1);
    rows.push_back(spherical_path(from, to, kLetters));
    const auto first = static_cast<std::int64_t>(random.below(kLetters));
    turn(first, static_cast<std::int64_t>(random.below(kLetters)));
  }
  const Tensor z = to_device(concat(rows, 0), gan.device());
  const Tensor images =
      gan.images(z, gan.conditional() ? to_device(concat(told, 0), gan.device()) : Tensor());
  write_png(path, grid(images.to_vector<float>(), 1, kPixels, kPixels,
                       {.columns = kLetters, .padding = 2, .invert = true}));
}

namespace {

/// Which face the training images say an image of a letter is in.
class Faces {
 public:
  explicit Faces(const FontData& data) : images_(kLetters), faces_(kLetters) {
    for (std::size_t i = 0; i < data.train_labels.size(); ++i) {
      const auto image = data.train_images.begin() + static_cast<std::int64_t>(i) * kImage;
      std::vector<float>& mine = images_[data.train_labels[i]];
      mine.insert(mine.end(), image, image + kImage);
      faces_[data.train_labels[i]].push_back(data.train_faces[i]);
    }
  }
  int of(std::span<const float> image, int letter) const {
    return nearest_labels(images_[letter], faces_[letter], image, kImage)[0];
  }

 private:
  std::vector<std::vector<float>> images_;
  std::vector<std::vector<int>> faces_;
};

/// faces: [rows, 26]. The share of a row that its commonest face has, mean over the rows.
double commonest_share(const std::vector<int>& faces) {
  double sum = 0;
  const std::size_t rows = faces.size() / kLetters;
  for (std::size_t r = 0; r < rows; ++r) {
    std::map<int, int> counts;
    for (int i = 0; i < kLetters; ++i) ++counts[faces[r * kLetters + i]];
    sum += std::ranges::max(counts | std::views::values);
  }
  return sum / static_cast<double>(rows * kLetters);
}

}  // namespace

StyleConsistency style_consistency(Gan& gan, const FontData& data, std::uint64_t seed,
                                   const std::filesystem::path& picture) {
  require(gan.conditional(),
          "style consistency: the generator is not told which letter to draw; "
          "train the variant conditional");
  constexpr std::int64_t kRows = 64, kShown = 8;
  Generator random(seed, kStyles);
  const NoGrad no_grad;
  const Tensor z = normal(random, {kRows, 1, kLatent}, 0, 1, DType::f32, gan.device());
  const Tensor each = reshape(expand(z, {kRows, kLetters, kLatent}), {kRows * kLetters, kLatent});
  const Tensor images = gan.images(each, given(gan, letters_tensor(alphabet(kRows), gan.device())));
  const std::vector<float> pixels = images.to_vector<float>();
  write_png(picture, grid(std::span(pixels).first(kShown * kLetters * kImage), 1, kPixels, kPixels,
                          {.columns = kLetters, .padding = 2, .invert = true}));
  const Faces judge(data);
  std::vector<int> faces;
  for (std::int64_t i = 0; i < kRows * kLetters; ++i) {
    faces.push_back(
        judge.of(std::span(pixels).subspan(i * kImage, kImage), static_cast<int>(i % kLetters)));
  }
  StyleConsistency result{.share = commonest_share(faces)};
  Generator shuffle(seed, kShuffle);
  std::vector<int> shuffled(faces.size());
  for (int letter = 0; letter < kLetters; ++letter) {
    const auto order = shuffle.permutation(kRows);
    for (std::int64_t r = 0; r < kRows; ++r) {
      shuffled[r * kLetters + letter] = faces[order[r] * kLetters + letter];
    }
  }
  result.chance = commonest_share(shuffled);
  double right = 0;
  for (std::size_t i = 0; i < data.val_labels.size(); ++i) {
    const std::span image = std::span(data.val_images).subspan(i * kImage, kImage);
    right += judge.of(image, data.val_labels[i]) == data.val_faces[i];
  }
  result.judge = right / static_cast<double>(data.val_labels.size());
  return result;
}

}  // namespace etude::font_gan
