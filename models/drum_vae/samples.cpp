#include "models/drum_vae/samples.h"

#include "engine/io/atomic_file.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "eval/png.h"
#include "eval/tsne.h"
#include "models/drum_vae/measure.h"
#include "models/drum_vae/train.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kInterpolationSteps = 10;
constexpr std::uint64_t kFigureSeed = 10;

/// Rows 0 to steps - 1 on the line from a to b, [1, D] each: [steps, D].
Tensor line(const Tensor& a, const Tensor& b, std::int64_t steps) {
  std::vector<float> share(static_cast<std::size_t>(steps));
  for (std::size_t i = 0; i < share.size(); ++i) {
    share[i] = static_cast<float>(i) / static_cast<float>(std::max<std::int64_t>(steps - 1, 1));
  }
  return a + (b - a) * Tensor::from(share, {steps, 1}, a.device());
}

/// z_low where `deviation` [1, 12] or [B, 12] stands for what the prior of z_high does not say.
Tensor low_at(DrumVae& model, const Tensor& z_high, const Tensor& deviation) {
  const Normal prior = model.prior_low(z_high);
  return prior.mean + exp(affine(prior.log_variance, 0.5, 0)) * deviation;
}

Tensor unit_noise(std::int64_t rows, Generator& random, Device device) {
  return normal(random, {rows, kLow}, 0, 1, DType::f32, device);
}

Tensor style_middle(const DrumVae& model, int style) {
  return contiguous(slice(model.style_mean, 0, style, style + 1));
}

void write_probabilities(const fs::path& file, const Tensor& logits, int columns) {
  const std::vector<float> p = sigmoid(logits).to_vector<float>();
  write_png(file, piano_roll(p, {.columns = columns, .cell = 5}));
}

/// One row of pictures for each dimension of z_high, from -3 to 3, the others 0.
void write_sweep(DrumVae& model, const fs::path& file, Device device) {
  constexpr std::int64_t kColumns = 9;
  std::vector<float> z(kHigh * kColumns * kHigh);
  for (std::int64_t d = 0; d < kHigh; ++d) {
    for (std::int64_t i = 0; i < kColumns; ++i) {
      z[(d * kColumns + i) * kHigh + d] = -3 + 6 * static_cast<float>(i) / (kColumns - 1);
    }
  }
  const Tensor z_high = Tensor::from(z, {kHigh * kColumns, kHigh}, device);
  const Tensor z_low = model.prior_low(z_high).mean;
  write_probabilities(file, model.decode(z_low, z_high), kColumns);
}

/// From one pattern's z_low to another's of the same style, z_high that of the first: a row for
/// each style.
void write_low_interpolation(DrumVae& model, const Patterns& test, const fs::path& file,
                             Device device) {
  std::vector<Tensor> rows;
  for (int style = 0; style < kStyles; ++style) {
    Patterns pair;
    for (std::int64_t i = 0; i < test.size() && pair.size() < 2; ++i) {
      if (test.styles[i] == style) pair.hits.push_back(test.hits[i]);
    }
    if (pair.size() < 2) continue;
    Generator noise(kFigureSeed, 2);
    const Encoding e = model.encode(to_tensor(pair, device), noise);
    const auto row = [](const Tensor& t, int i) { return contiguous(slice(t, 0, i, i + 1)); };
    const Tensor z_low = line(row(e.low.mean, 0), row(e.low.mean, 1), kInterpolationSteps);
    const Tensor z_high = contiguous(expand(row(e.high.mean, 0), {kInterpolationSteps, kHigh}));
    rows.push_back(model.decode(z_low, z_high));
  }
  write_probabilities(file, concat(rows, 0), kInterpolationSteps);
}

void write_embedding(DrumVae& model, const Patterns& test, const fs::path& file, Device device) {
  constexpr std::size_t kPoints = 1000;
  Patterns some = test;  // its order is random
  some.hits.resize(std::min(kPoints, some.hits.size()));
  some.styles.resize(some.hits.size());
  const PosteriorMeans means = posterior_means(model, to_tensor(some, device));
  Json result{{"styles", some.styles}};
  const auto add = [&](const std::string& name, const std::vector<float>& points, int dim) {
    const std::vector<float> map = tsne(points, dim);
    Json positions = Json::array();
    for (std::size_t i = 0; i < map.size(); i += 2) positions.push_back({map[i], map[i + 1]});
    result[name] = positions;
    result[name + "_kept"] = neighbourhood_preservation(points, dim, map, 2, 10);
  };
  add("z_high", means.high, kHigh);
  add("z_low", means.low, kLow);
  write_json(file, result);
}

}  // namespace

Tensor draw_high(const DrumVae& model, int style, std::int64_t count, Generator& random) {
  const Device device = model.style_mean.device();
  const Tensor unit = normal(random, {count, kHigh}, 0, 1, DType::f32, device);
  if (style < 0) return unit;
  return style_middle(model, style) +
         unit * contiguous(slice(model.style_deviation, 0, style, style + 1));
}

Tensor decode_high(DrumVae& model, const Tensor& z_high, Generator& random) {
  const Tensor noise = unit_noise(z_high.dim(0), random, z_high.device());
  return model.decode(low_at(model, z_high, noise), z_high);
}

Tensor blend(DrumVae& model, int from, int to, std::int64_t steps, Generator& random) {
  const Tensor z_high = line(style_middle(model, from), style_middle(model, to), steps);
  const Tensor noise = unit_noise(1, random, z_high.device());
  return model.decode(low_at(model, z_high, noise), z_high);
}

void write_music(const fs::path& folder, const std::string& name,
                 const std::vector<Pattern>& patterns, const MusicOptions& music) {
  write_png(folder / (name + ".png"), piano_roll(patterns));
  const std::vector<std::uint8_t> midi = to_midi(patterns, music);
  const auto write = [&](const char* extension, const std::vector<std::uint8_t>& bytes) {
    write_file_atomically(
        folder / (name + extension),
        std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  };
  write(".mid", midi);
  if (sound_available()) write(".wav", to_wav(midi));
}

void write_samples(DrumVae& model, const SampleConfig& config, std::uint64_t seed,
                   const fs::path& folder) {
  const Inference inference(model);
  Generator random(seed, 1);
  const DecodeOptions decode{.temperature = config.temperature, .complexity = config.complexity};
  const MusicOptions music{.bpm = config.bpm, .humanise = config.humanise, .seed = seed};
  const auto write = [&](const std::string& name, const Tensor& logits) {
    write_music(folder, name, to_patterns(logits, decode, &random), music);
  };
  if (config.blend != "none") {
    require(config.style != "all" && config.style != "any", "--blend ", config.blend,
            ": name the first style with --style, e.g. --style jazz");
    write(
        config.style + "-" + config.blend,
        blend(model, style_number(config.style), style_number(config.blend), config.count, random));
    return;
  }
  const auto draw = [&](const std::string& name, int style) {
    write(name, decode_high(model, draw_high(model, style, config.count, random), random));
  };
  if (config.style == "any") {
    draw("any", -1);
  } else if (config.style != "all") {
    draw(config.style, style_number(config.style));
  } else {
    for (int style = 0; style < kStyles; ++style) draw(kStyleNames[style], style);
  }
}

void write_figures(DrumVae& model, const Patterns& test, const fs::path& folder, Device device) {
  const Inference inference(model);
  Generator random(kFigureSeed, 1);
  const DecodeOptions natural{.temperature = 1};
  for (int style = 0; style < kStyles; ++style) {
    const Tensor logits = decode_high(model, draw_high(model, style, 10, random), random);
    write_music(folder, std::string("samples-") + kStyleNames[style],
                to_patterns(logits, natural, &random), {});
  }
  write_sweep(model, folder / "sweep.png", device);
  std::vector<Tensor> rows;
  for (int style = 0; style < kStyles; ++style) {
    rows.push_back(blend(model, style, (style + 1) % kStyles, kInterpolationSteps, random));
  }
  write_probabilities(folder / "interpolation-high.png", concat(rows, 0), kInterpolationSteps);
  write_low_interpolation(model, test, folder / "interpolation-low.png", device);
  write_music(folder, "blend-jazz-rock",
              to_patterns(blend(model, style_number("jazz"), style_number("rock"),
                                kInterpolationSteps, random)),
              {});
  const Tensor logits =
      decode_high(model, draw_high(model, -1, kInterpolationSteps, random), random);
  std::vector<Pattern> complexities;
  for (const double complexity : {0.5, 1.0, 1.5}) {
    const auto row = to_patterns(logits, {.complexity = complexity});
    complexities.insert(complexities.end(), row.begin(), row.end());
  }
  write_png(folder / "complexity.png",
            piano_roll(complexities, {.columns = kInterpolationSteps, .cell = 5}));
  write_embedding(model, test, folder / "embedding.json", device);
}

}  // namespace etude::drum_vae
