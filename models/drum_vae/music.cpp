#include "models/drum_vae/music.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/random.h"
#include "eval/synth.h"
#include "tokenizers/midi/score.h"

namespace etude::drum_vae {
namespace {

constexpr int kTicksPerQuarter = 480, kStepsPerBeat = kSteps / 4;
constexpr int kStepTicks = kTicksPerQuarter / kStepsPerBeat, kBarTicks = kSteps * kStepTicks;
constexpr int kTickSd = kStepTicks / 10, kMaxTicks = kStepTicks / 4;  // of humanise = 1
constexpr int kVelocitySd = 12;
constexpr std::int64_t kMaxBars = 10'000;

int accent(int step) {
  if (step == 0) return 112;
  if (step % kStepsPerBeat == 0) return 104;
  return step % 2 == 0 ? 92 : 80;
}

/// Adds the hits of a bar that starts at `start`. deviations: [144, 2] in standard deviations, of
/// ticks and velocity; none without `humanise`.
void add_bar(std::vector<midi::Note>& notes, const Pattern& bar, std::int64_t start,
             double humanise, std::span<const float> deviations) {
  const auto deviation = [&](int cell, int which, int sd) {
    if (deviations.empty()) return 0;
    return static_cast<int>(std::lround(humanise * sd * deviations[2 * cell + which]));
  };
  for (int cell = 0; cell < kCells; ++cell) {
    if (!bar[cell]) continue;
    const int step = cell / kInstruments;
    const int late = std::clamp(deviation(cell, 0, kTickSd), -kMaxTicks, kMaxTicks);
    const int velocity = std::clamp(accent(step) + deviation(cell, 1, kVelocitySd), 1, 127);
    const std::int64_t tick = std::max<std::int64_t>(0, start + step * kStepTicks + late);
    notes.push_back({.tick = static_cast<std::uint32_t>(tick),
                     .duration = kStepTicks / 2,
                     .pitch = kDrumNotes[cell % kInstruments],
                     .velocity = static_cast<std::uint8_t>(velocity),
                     .channel = midi::drum_channel});
  }
}

}  // namespace

std::vector<std::uint8_t> to_midi(std::span<const Pattern> bars, const MusicOptions& options) {
  const auto [bpm, repeats, humanise, seed] = options;
  require(!bars.empty(), "to_midi: there are no bars");
  require(bpm >= 20 && bpm <= 400, "to_midi: bpm is 20 to 400, not ", bpm);
  require(repeats >= 0, "to_midi: repeats is at least 0, not ", repeats);
  require(humanise >= 0 && humanise <= 1, "to_midi: humanise is 0 to 1, not ", humanise);
  const auto num_bars = static_cast<std::int64_t>(bars.size());
  const std::int64_t times = repeats > 0 ? repeats : num_bars == 1 ? 4 : 1;
  require(num_bars <= kMaxBars && num_bars * times <= kMaxBars, "to_midi: ", num_bars, " x ", times,
          " bars are more than ", kMaxBars);

  Generator generator(seed, 2);  // 1 draws patterns (samples.cpp)
  midi::Score score{.division = {.ticks = kTicksPerQuarter},
                    .end = static_cast<std::uint32_t>(num_bars * times * kBarTicks)};
  score.tempos = {
      {.microseconds_per_quarter = static_cast<std::uint32_t>(std::lround(60e6 / bpm))}};
  score.time_signatures = {{.numerator = 4, .denominator = 4}};
  for (std::int64_t i = 0; i < num_bars * times; ++i) {
    std::vector<float> deviations;
    if (humanise > 0) deviations = normal(generator, {kCells, 2}).to_vector<float>();
    add_bar(score.notes, bars[i % num_bars], i * kBarTicks, humanise, deviations);
  }
  return midi::serialise(midi::to_file(score));
}

bool sound_available() { return synth_available() && wav_available(); }

Audio to_audio(std::span<const std::uint8_t> midi_bytes) {
  const midi::Score score = midi::score(midi::parse(midi_bytes, "to_audio"));
  const double seconds = midi::TimeMap(score).seconds(score.end) + kRingSeconds;
  // The synthesiser ends in steps of 64 frames: it fades early enough that nothing is cut here.
  const RenderOptions options{.tail_seconds = kRingSeconds - 0.01};
  Audio audio{render_midi(midi_bytes, options), 2, options.rate};
  audio.samples.resize(2 * static_cast<std::size_t>(std::llround(seconds * audio.rate)));
  return audio;
}

std::vector<std::uint8_t> to_wav(std::span<const std::uint8_t> midi_bytes) {
  return encode_wav(to_audio(midi_bytes)).bytes;
}

Image piano_roll(std::span<const Pattern> patterns, const RollOptions& options) {
  std::vector<float> probabilities;
  probabilities.reserve(patterns.size() * kCells);
  for (const Pattern& pattern : patterns) {
    for (const std::uint8_t hit : pattern) probabilities.push_back(hit ? 1.0f : 0.0f);
  }
  return piano_roll(probabilities, options);
}

Image piano_roll(std::span<const float> probabilities, const RollOptions& options) {
  constexpr float kWhite = 1, kLine = 0.75f, kBeatLine = 0;  // black is -1
  constexpr int kMargin = 4;
  const auto [columns, cell] = options;
  require(columns > 0 && cell > 0, "piano_roll: columns ", columns, ", cell ", cell,
          "; both are at least 1");
  require(!probabilities.empty() && probabilities.size() % kCells == 0,
          "piano_roll: ", probabilities.size(), " cells are no whole number of patterns of ",
          kCells);
  const int pitch = cell + 1, right = kSteps * pitch, bottom = kInstruments * pitch;
  const auto shade = [&](const float* pattern, int x, int y) {
    if (x < 0 || y < 0 || x > right || y > bottom) return kWhite;
    if (x % (kStepsPerBeat * pitch) == 0 || y % bottom == 0) return kBeatLine;
    if (x % pitch == 0 || y % pitch == 0) return kLine;
    const float p = pattern[x / pitch * kInstruments + kInstruments - 1 - y / pitch];
    require(p >= 0 && p <= 1, "piano_roll: the probability ", p, " is not in [0, 1]");
    return 1 - 2 * p;
  };
  const int width = right + 1 + 2 * kMargin, height = bottom + 1 + 2 * kMargin;
  const std::size_t num_rolls = probabilities.size() / kCells;
  std::vector<float> rolls;
  for (std::size_t i = 0; i < num_rolls; ++i) {
    for (int y = -kMargin; y < height - kMargin; ++y) {
      for (int x = -kMargin; x < width - kMargin; ++x)
        rolls.push_back(shade(&probabilities[i * kCells], x, y));
    }
  }
  // White rolls fill the last row.
  const std::size_t in_last = num_rolls % columns;
  const std::size_t missing =
      num_rolls > static_cast<std::size_t>(columns) && in_last > 0 ? columns - in_last : 0;
  rolls.insert(rolls.end(), missing * width * height, kWhite);
  return grid(rolls, 1, height, width, {.columns = columns, .padding = 0});
}

}  // namespace etude::drum_vae
