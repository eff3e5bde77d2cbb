#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "engine/error.h"
#include "models/drum_vae/decode.h"
#include "models/drum_vae/groove.h"
#include "models/drum_vae/music.h"
#include "tokenizers/midi/score.h"

namespace etude::drum_vae {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kBarTicks = 4 * 480;

Pattern full_pattern() {
  Pattern pattern;
  pattern.fill(1);
  return pattern;
}

/// Cells hit with probability `density`, each on its own.
std::vector<Pattern> random_patterns(int count, double density, std::uint64_t seed) {
  Generator generator(seed, 1);
  const auto u = uniform(generator, {count, kCells}).to_vector<float>();
  std::vector<Pattern> patterns(count);
  for (std::size_t i = 0; i < u.size(); ++i) patterns[i / kCells][i % kCells] = u[i] < density;
  return patterns;
}

midi::Score read(const Bytes& bytes) { return midi::score(midi::parse(bytes, "test")); }

/// The bars of a file by its nearest sixteenths, as load_groove() reads them, and the clap.
std::vector<Pattern> bars_of(const Bytes& bytes) {
  const midi::Score score = read(bytes);
  const midi::TimeMap time(score);
  std::vector<Pattern> bars(score.end / kBarTicks);
  for (const midi::Note& note : score.notes) {
    const int instrument = note.pitch == 39 ? int{clap} : instrument_of_note(note.pitch);
    REQUIRE(instrument >= 0);
    const midi::Position at = time.position(note.tick);
    const auto step = static_cast<int>(std::nearbyint(at.beat * 4));
    bars.at(at.bar + step / kSteps)[step % kSteps * kInstruments + instrument] += 1;
  }
  return bars;  // a cell that was hit twice is 2, and equals no pattern's
}

double hits_in(const std::vector<Pattern>& patterns) {
  double sum = 0;
  for (const Pattern& pattern : patterns)
    sum = std::accumulate(pattern.begin(), pattern.end(), sum);
  return sum;
}

struct Moments {
  double mean, sd;
};
Moments moments(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double x : values) {
    sum += x;
    squares += x * x;
  }
  const double n = static_cast<double>(values.size()), mean = sum / n;
  return {mean, std::sqrt(squares / n - mean * mean)};
}

TEST_SUITE("drum_music") {
  TEST_CASE("the notes are the inverse of Groove's, the clap is General MIDI's") {
    for (int instrument = 0; instrument < clap; ++instrument) {
      CAPTURE(kInstrumentNames[instrument]);
      CHECK(instrument_of_note(kDrumNotes[instrument]) == instrument);
    }
    CHECK(kDrumNotes[clap] == 39);
    CHECK(instrument_of_note(39) == -1);
  }

  TEST_CASE("MIDI: one hit, byte for byte") {
    Pattern pattern{};
    pattern[5 * kInstruments + snare] = 1;  // at tick 600, to 660; the bar ends at 1920
    const Bytes expected = {'M',  'T',  'h',  'd',  0,    0,    0,    6,  0,
                            1,    0,    2,    0x01, 0xe0,                  // two tracks, 480 ticks
                            'M',  'T',  'r',  'k',  0,    0,    0,    20,  //
                            0x00, 0xff, 0x51, 3,    0x09, 0x27, 0xc0,      // 600000 us: 100 bpm
                            0x00, 0xff, 0x58, 4,    4,    2,    24,   8,   // 4/4
                            0x8f, 0x00, 0xff, 0x2f, 0,                     // end after 1920
                            'M',  'T',  'r',  'k',  0,    0,    0,    17,  //
                            0x00, 0xc9, 0,                                 // standard kit
                            0x84, 0x58, 0x99, 38,   80,   0x3c, 0x89, 38, 64,  // after 600, for 60
                            0x89, 0x6c, 0xff, 0x2f, 0};                        // after 1260
    CHECK(to_midi(std::span(&pattern, 1), {.bpm = 100, .repeats = 1}) == expected);
  }

  TEST_CASE("MIDI: reading back gives the bars, however humanised") {
    for (const double density : {0.03, 0.2, 0.9}) {
      const std::vector<Pattern> patterns = random_patterns(30, density, 5);
      for (const double humanise : {0.0, 0.4, 1.0}) {
        for (const double bpm : {20.0, 120.0, 400.0}) {
          CAPTURE(density);
          CAPTURE(humanise);
          CAPTURE(bpm);
          const Bytes bytes = to_midi(patterns, {.bpm = bpm, .humanise = humanise});
          CHECK(bars_of(bytes) == patterns);
          const midi::Score score = read(bytes);
          CHECK(score.end == 30 * kBarTicks);
          CHECK(score.tempos[0].beats_per_minute() == doctest::Approx(bpm).epsilon(1e-5));
          for (const midi::Note& note : score.notes) {
            CHECK(note.channel == midi::drum_channel);
            CHECK(note.duration == 60);
          }
        }
      }
    }
    CHECK(bars_of(to_midi(std::vector{Pattern{}, full_pattern(), Pattern{}})) ==
          std::vector{Pattern{}, full_pattern(), Pattern{}});
  }

  TEST_CASE("MIDI: a bar alone is played four times, several once, or as often as asked") {
    const std::vector<Pattern> bars = random_patterns(2, 0.2, 6);
    const Pattern &a = bars[0], &b = bars[1];
    CHECK(bars_of(to_midi(std::span(&a, 1))) == std::vector{a, a, a, a});
    CHECK(midi::TimeMap(read(to_midi(std::span(&a, 1)))).seconds(4 * kBarTicks) == 8);
    CHECK(bars_of(to_midi(bars)) == bars);
    CHECK(bars_of(to_midi(bars, {.repeats = 2})) == std::vector{a, b, a, b});
    CHECK(bars_of(to_midi(std::span(&a, 1), {.repeats = 1})) == std::vector{a});
  }

  TEST_CASE("MIDI: velocities accent the beats") {
    const Pattern pattern = full_pattern();
    const midi::Score score = read(to_midi(std::span(&pattern, 1), {.repeats = 1}));
    REQUIRE(score.notes.size() == kCells);
    for (const midi::Note& note : score.notes) {
      const int step = static_cast<int>(note.tick) / 120;
      CAPTURE(step);
      CHECK(note.tick == step * 120);
      CHECK(note.velocity == (step == 0 ? 112 : step % 4 == 0 ? 104 : step % 2 == 0 ? 92 : 80));
    }
  }

  TEST_CASE("MIDI: humanise strays as far as it says, the same for the same seed") {
    const std::vector<Pattern> bars(60, full_pattern());
    for (const double humanise : {0.5, 1.0}) {
      CAPTURE(humanise);
      const Bytes bytes = to_midi(bars, {.humanise = humanise});
      std::vector<double> late, louder;
      for (const midi::Note& note : read(bytes).notes) {
        const auto step = static_cast<int>(std::lround(note.tick / 120.0));
        if (step % 4 != 1) continue;  // accent 80; and away from the start
        late.push_back(static_cast<double>(note.tick) - step * 120);
        louder.push_back(note.velocity - 80.0);
      }
      REQUIRE(late.size() == 60 * 4 * kInstruments);
      CHECK(std::abs(moments(late).mean) < 1);
      CHECK(std::abs(moments(louder).mean) < 1);
      CHECK(moments(late).sd == doctest::Approx(12 * humanise).epsilon(0.05));
      CHECK(moments(louder).sd == doctest::Approx(12 * humanise).epsilon(0.05));
      const double product = std::inner_product(late.begin(), late.end(), louder.begin(), 0.0) /
                             static_cast<double>(late.size());
      CHECK(std::abs(product) < 0.1 * moments(late).sd * moments(louder).sd);  // independent
      CHECK(std::ranges::all_of(late, [](double ticks) { return std::abs(ticks) <= 30; }));
      CHECK(to_midi(bars, {.humanise = humanise}) == bytes);
      CHECK(to_midi(bars, {.humanise = humanise, .seed = 2}) != bytes);
    }
    CHECK(to_midi(bars, {.seed = 2}) == to_midi(bars));
  }

  TEST_CASE("MIDI: errors") {
    const std::vector<Pattern> bars(2, full_pattern());
    CHECK_THROWS_WITH_AS(to_midi({}), "to_midi: there are no bars", Error);
    CHECK_THROWS_WITH_AS(to_midi(bars, {.bpm = 19}), "to_midi: bpm is 20 to 400, not 19", Error);
    CHECK_THROWS_WITH_AS(to_midi(bars, {.bpm = 401}), "to_midi: bpm is 20 to 400, not 401", Error);
    CHECK_THROWS_AS(to_midi(bars, {.bpm = kNan}), Error);
    CHECK_THROWS_WITH_AS(to_midi(bars, {.repeats = -1}), "to_midi: repeats is at least 0, not -1",
                         Error);
    CHECK_THROWS_WITH_AS(to_midi(bars, {.repeats = 5001}),
                         "to_midi: 2 x 5001 bars are more than 10000", Error);
    CHECK_THROWS_WITH_AS(to_midi(bars, {.humanise = 1.5}), "to_midi: humanise is 0 to 1, not 1.5",
                         Error);
    CHECK_THROWS_AS(to_midi(bars, {.humanise = -0.1}), Error);
    CHECK_THROWS_AS(to_midi(bars, {.humanise = kNan}), Error);
  }

  TEST_CASE("sound: exactly as long as the bars and the ring, loud, not clipped" *
            doctest::skip(!sound_available())) {
    const std::vector<Pattern> patterns = random_patterns(3, 0.14, 7);
    const Audio audio = to_audio(to_midi(std::span(patterns).first(1)));
    CHECK(audio.channels == 2);
    CHECK(audio.samples.size() == 2 * 9 * 44100);
    CHECK(peak(audio.samples) > 0.05f);
    CHECK(peak(audio.samples) < 0.9f);
    CHECK(audio.samples.back() == 0);
    // 3 bars of 4 beats at 133 per minute, the beat to the microsecond, and 1 s
    const Audio fast = to_audio(to_midi(patterns, {.bpm = 133}));
    CHECK(fast.frames() == std::llround((12 * 0.451128 + 1) * 44100));

    const Pattern loudest = full_pattern(), empty{};
    const Bytes loudest_wav = to_wav(to_midi(std::span(&loudest, 1), {.repeats = 1}));
    CHECK(loudest_wav.size() == 44 + 2 * 2 * 3 * 44100);
    CHECK(peak(to_audio(to_midi(std::span(&loudest, 1), {.repeats = 1})).samples) < 0.9f);
    const Audio silence = to_audio(to_midi(std::span(&empty, 1), {.repeats = 1}));
    CHECK(silence.frames() == 3 * 44100);
    CHECK(peak(silence.samples) < 1e-6f);
    CHECK_THROWS_AS(to_audio(Bytes{'M', 'T', 'h', 'd'}), Error);
  }

  TEST_CASE("sound: without synthesiser or soundfont it is an error" *
            doctest::skip(sound_available())) {
    MESSAGE("no synthesiser, soundfont or libsndfile here: no sound is tested");
    const Pattern pattern = full_pattern();
    CHECK_THROWS_AS(to_wav(to_midi(std::span(&pattern, 1))), Error);
  }

  TEST_CASE("piano roll: kick at the bottom, time to the right, lines between") {
    Pattern pattern{};
    pattern[kick] = pattern[15 * kInstruments + clap] = 1;
    const std::vector<Pattern> patterns{pattern, Pattern{}, Pattern{}};
    const Image image = piano_roll(patterns, {.columns = 2, .cell = 3});
    // Two rolls of 65 x 37 beside each other, one below, margins of 4.
    CHECK(image.width == 2 * (65 + 8));
    CHECK(image.height == 2 * (37 + 8));
    CHECK(image.channels == 1);
    const auto at = [&](int x, int y) { return int{image.bytes[(y + 4) * image.width + x + 4]}; };
    CHECK(at(65 + 8 + 32, 37 + 8 + 18) == 255);  // no fourth roll
    CHECK(at(-1, -1) == 255);
    int black = 0;
    for (const std::uint8_t value : image.bytes) black += value == 0;
    CHECK(black == 2 * 9);
    CHECK(at(1, 35) == 0);
    CHECK(at(3, 33) == 0);
    CHECK(at(63, 1) == 0);
    CHECK(at(5, 35) == 255);
    CHECK(at(1, 31) == 255);
    const int line = at(4, 2), beat = at(16, 2);
    CHECK(beat < line);
    CHECK(line < 255);
    CHECK(at(2, 4) == line);
    for (const int x : {0, 32, 48, 64}) CHECK(at(x, 2) == beat);
    for (const int y : {0, 36}) CHECK(at(2, y) == beat);
  }

  TEST_CASE("piano roll: probabilities are grey") {
    std::vector<float> p(2 * kCells, 0);
    p[0] = 0.2f;
    p[kCells + 1] = 1;
    const Image image = piano_roll(p, {.columns = 2, .cell = 1});
    const auto at = [&](int x, int y) { return int{image.bytes[(y + 4) * image.width + x + 4]}; };
    CHECK(at(1, 17) == 204);
    CHECK(at(1, 15) == 255);
    CHECK(at(33 + 8 + 1, 17) == 255);
    CHECK(at(33 + 8 + 1, 15) == 0);

    p[3] = 1.5f;
    CHECK_THROWS_WITH_AS(piano_roll(p), "piano_roll: the probability 1.5 is not in [0, 1]", Error);
    p[3] = static_cast<float>(kNan);
    CHECK_THROWS_AS(piano_roll(p), Error);
    CHECK_THROWS_WITH_AS(piano_roll(std::span(p).first(100)),
                         "piano_roll: 100 cells are no whole number of patterns of 144", Error);
    CHECK_THROWS_AS(piano_roll(std::span<const Pattern>{}), Error);
    CHECK_THROWS_AS(piano_roll(std::vector{Pattern{}}, {.columns = 0}), Error);
    CHECK_THROWS_AS(piano_roll(std::vector{Pattern{}}, {.cell = 0}), Error);
  }
}

/// Logits around -2, where drum patterns lie: [n, 16, 9].
Tensor some_logits(int n) {
  Generator generator(8, 1);
  return normal(generator, {n, kSteps, kInstruments}, -2, 2);
}

double sum_of_probabilities(const std::vector<float>& logits, double temperature) {
  double sum = 0;
  for (const float logit : logits) sum += 1 / (1 + std::exp(-logit / temperature));
  return sum;
}

TEST_SUITE("drum_decode") {
  TEST_CASE("temperature 0 is the likelier value of each cell, and takes no draws") {
    const Tensor logits = some_logits(20);
    Generator draws(1, 1);
    const std::vector<Pattern> patterns = to_patterns(logits, {}, &draws);
    CHECK(draws.offset() == 0);
    CHECK(to_patterns(logits) == patterns);
    REQUIRE(patterns.size() == 20);
    const std::vector<float> values = logits.to_vector<float>();
    bool right = true;
    for (std::size_t i = 0; i < values.size(); ++i)
      right = right && patterns[i / kCells][i % kCells] == (values[i] > 0);
    CHECK(right);
    const Tensor zeros = Tensor::zeros({1, kSteps, kInstruments});
    CHECK(to_patterns(zeros)[0] == Pattern{});
    CHECK(to_patterns(Tensor::empty({0, kSteps, kInstruments})).empty());
  }

  TEST_CASE("temperature: draws have the probabilities of the divided logits") {
    const int n = 400;
    const Tensor logits = some_logits(n);
    for (const double temperature : {0.5, 1.0, 2.0}) {
      CAPTURE(temperature);
      Generator draws(2, 1), again(2, 1);
      const auto patterns = to_patterns(logits, {.temperature = temperature}, &draws);
      const double expected = sum_of_probabilities(logits.to_vector<float>(), temperature);
      CHECK(std::abs(hits_in(patterns) - expected) < 4 * std::sqrt(expected));
      CHECK(to_patterns(logits, {.temperature = temperature}, &again) == patterns);
      CHECK(to_patterns(logits, {.temperature = temperature}, &again) != patterns);
    }
    Generator draws(3, 1);
    CHECK(to_patterns(logits, {.temperature = 1e-6}, &draws) == to_patterns(logits));
  }

  TEST_CASE("complexity multiplies the expected hits of each pattern") {
    const int copies = 400;
    const std::vector<float> one = some_logits(1).to_vector<float>();
    std::vector<float> values;
    for (int i = 0; i < copies; ++i) values.insert(values.end(), one.begin(), one.end());
    const Tensor logits = Tensor::from(values, {copies, kSteps, kInstruments});
    for (const double temperature : {0.7, 1.0}) {
      const double before = sum_of_probabilities(one, temperature);
      for (const double complexity : {0.1, 0.5, 2.0, 3.0}) {
        CAPTURE(temperature);
        CAPTURE(complexity);
        Generator draws(4, 1);
        const DecodeOptions options{.temperature = temperature, .complexity = complexity};
        const double mean = hits_in(to_patterns(logits, options, &draws)) / copies;
        // The variance of a sum of Bernoulli draws is below its mean.
        CHECK(std::abs(mean - complexity * before) < 4 * std::sqrt(complexity * before / copies));
      }
    }
  }

  TEST_CASE("complexity keeps the likeliest hits") {
    const Tensor logits = some_logits(30);
    const std::vector<float> values = logits.to_vector<float>();
    std::vector<Pattern> fewer(30);
    double fewer_hits = 0;
    for (const double complexity : {0.2, 0.6, 1.0, 1.5, 4.0}) {
      CAPTURE(complexity);
      const std::vector<Pattern> patterns = to_patterns(logits, {.complexity = complexity});
      bool nested = true, likeliest = true;
      for (std::size_t n = 0; n < patterns.size(); ++n) {
        float least_hit = 1e9f, greatest_rest = -1e9f;
        for (int i = 0; i < kCells; ++i) {
          nested = nested && patterns[n][i] >= fewer[n][i];
          float& bound = patterns[n][i] ? least_hit : greatest_rest;
          const float logit = values[n * kCells + i];
          bound = patterns[n][i] ? std::min(bound, logit) : std::max(bound, logit);
        }
        likeliest = likeliest && least_hit > greatest_rest;
      }
      CHECK(nested);
      CHECK(likeliest);
      CHECK(hits_in(patterns) > fewer_hits);
      fewer = patterns;
      fewer_hits = hits_in(patterns);
    }
    CHECK(to_patterns(logits, {.complexity = 1}) == to_patterns(logits));
    const Tensor barely = Tensor::full({1, kSteps, kInstruments}, 1e-30);
    CHECK(to_patterns(barely, {.complexity = 1})[0] == full_pattern());
  }

  TEST_CASE("complexity: empty and full patterns, and targets out of reach") {
    const Dims shape{1, kSteps, kInstruments};
    const Tensor none = Tensor::full(shape, -60), all = Tensor::full(shape, 60);
    Generator draws(5, 1);
    for (const double complexity : {0.5, 1.0, 2.0}) {
      CAPTURE(complexity);
      for (const double temperature : {0.0, 1.0}) {
        const DecodeOptions options{.temperature = temperature, .complexity = complexity};
        CHECK(to_patterns(none, options, &draws)[0] == Pattern{});
        if (complexity >= 1) CHECK(to_patterns(all, options, &draws)[0] == full_pattern());
      }
    }
    const DecodeOptions half{.temperature = 1, .complexity = 0.5};
    CHECK(hits_in(to_patterns(all, half, &draws)) == doctest::Approx(72).epsilon(0.35));
    const DecodeOptions most{.temperature = 1, .complexity = 1000}, least{1, 1e-30};
    CHECK(to_patterns(some_logits(1), most, &draws)[0] == full_pattern());
    CHECK(to_patterns(some_logits(1), least, &draws)[0] == Pattern{});
    const Tensor even = Tensor::zeros({20, kSteps, kInstruments});
    CHECK(to_patterns(even, most, &draws) == std::vector(20, full_pattern()));
    CHECK(to_patterns(even, least, &draws) == std::vector(20, Pattern{}));
  }

  TEST_CASE("errors") {
    const Tensor logits = some_logits(2);
    CHECK_THROWS_WITH_AS(to_patterns(logits, {.temperature = -1}),
                         "to_patterns: temperature is at least 0, not -1", Error);
    CHECK_THROWS_AS(to_patterns(logits, {.temperature = kNan}), Error);
    CHECK_THROWS_WITH_AS(to_patterns(logits, {.temperature = 1}),
                         "to_patterns: temperature 1 needs a generator", Error);
    for (const double complexity : {0.0, -1.0, kNan, HUGE_VAL})
      CHECK_THROWS_AS(to_patterns(logits, {.complexity = complexity}), Error);
    CHECK_THROWS_WITH_AS(to_patterns(Tensor::zeros({2, 9, 16})),
                         "to_patterns: logits are [N, 16, 9], not [2, 9, 16]", Error);
    CHECK_THROWS_WITH_AS(to_patterns(Tensor::full({1, kSteps, kInstruments}, kNan)),
                         "to_patterns: a logit is not finite", Error);
  }
}

}  // namespace
}  // namespace etude::drum_vae
