#include "eval/structureness.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <numbers>
#include <random>
#include <string>

#include "engine/error.h"
#include "eval/chroma.h"
#include "eval/fft.h"
#include "tests/error_text.h"

namespace etude {
namespace {

using doctest::Approx;
using Values = std::vector<double>;

/// See make_structure_golden.py.
std::map<std::string, Values> read_golden() {
  std::ifstream file("tests/eval/structure_golden.txt");
  std::map<std::string, Values> golden;
  std::string name;
  size_t count = 0;
  while (file >> name >> count) {
    for (double value; golden[name].size() < count && file >> value;) {
      golden[name].push_back(value);
    }
    REQUIRE(golden[name].size() == count);
  }
  REQUIRE(golden.size() >= 5);
  return golden;
}

double greatest_difference(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  double greatest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return difference;
    greatest = std::max(greatest, difference);
  }
  return greatest;
}

/// `semitones` from middle C sound together from each start to the next, half a second.
Audio chords(const std::vector<std::vector<int>>& semitones, int rate) {
  Audio audio{{}, 1, rate};
  for (size_t i = 0; i < semitones.size() * rate / 2; ++i) {
    const double t = static_cast<double>(i) / rate;
    double sum = 0;
    for (const int s : semitones[i / (rate / 2)]) {
      sum += 0.1 * std::sin(2 * std::numbers::pi * 261.6256 * std::exp2(s / 12.0) * t);
    }
    audio.samples.push_back(static_cast<float>(sum));
  }
  return audio;
}

/// Features [N, 12] of a piece of sections, each with frames of its own.
Values sections(const std::string& form, int frames) {
  Values features;
  for (const char section : form) {
    std::mt19937 generator(section);
    std::gamma_distribution<double> gamma(0.3);
    for (int i = 0; i < frames * chroma_bins; ++i) features.push_back(gamma(generator));
  }
  for (size_t i = 0; i < features.size(); i += chroma_bins) {
    double squares = 0;
    for (int c = 0; c < chroma_bins; ++c) squares += features[i + c] * features[i + c];
    for (int c = 0; c < chroma_bins; ++c) features[i + c] /= std::sqrt(squares);
  }
  return features;
}

TEST_CASE("Fourier transform: the sum it is, of lengths with small factors and with large ones") {
  using Complex = std::complex<double>;
  for (const int n : {1, 2, 3, 8, 12, 13, 45, 98, 210}) {
    CAPTURE(n);
    std::mt19937 generator(n);
    std::normal_distribution<double> normal;
    std::vector<Complex> in(n), out(n);
    for (Complex& value : in) value = {normal(generator), normal(generator)};
    Fft transform(n);
    transform(in, out);
    for (int k = 0; k < n; ++k) {
      Complex sum = 0;
      for (int i = 0; i < n; ++i) {
        sum += in[i] * std::polar(1.0, -2 * std::numbers::pi * ((i * k) % n) / n);
      }
      CHECK(std::abs(out[k] - sum) < 1e-12 * n);
    }
  }
  CHECK_THROWS_AS(Fft(0), Error);
  std::vector<Complex> three(3), four(4);
  CHECK_THROWS_AS(Fft(4)(three, four), Error);
}

TEST_CASE("chroma: as by its definition") {
  const auto golden = read_golden();
  const Audio audio = chords(
      {{0, 4, 7}, {0, 4, 7}, {5, 9, 12}, {}, {7, 11, 14}, {-12, 12}, {3, 7, 10}, {0, 4, 7}}, 22050);
  const Values rows = chroma(audio);
  REQUIRE(rows.size() == 41 * chroma_bins);
  Values shown;
  for (const int f : {0, 7, 17, 26, 40}) {
    shown.insert(shown.end(), &rows[f * chroma_bins], &rows[f * chroma_bins] + chroma_bins);
  }
  CHECK(greatest_difference(shown, golden.at("chroma")) < 1e-6);
  CHECK(greatest_difference(structure_features(rows), golden.at("features")) < 1e-6);
}

TEST_CASE("chroma: the classes that sound, at any rate, of any channels") {
  for (const int rate : {16000, 44100}) {
    const Values rows = chroma(chords({{2, 6, 9}, {2, 6, 9}}, rate));
    const double* middle = &rows[5 * chroma_bins];
    for (int c = 0; c < chroma_bins; ++c) {
      CAPTURE(c);
      CHECK((middle[c] > 0.4) == (c == 2 || c == 6 || c == 9));
    }
  }
  const Audio left = chords({{0}}, 22050);
  Audio both{{}, 2, 22050};
  for (const float sample : left.samples) both.samples.insert(both.samples.end(), {sample, 0});
  CHECK(greatest_difference(chroma(both), chroma(left)) < 1e-6);
  const Values silence = chroma({std::vector<float>(22050), 1, 22050});
  CHECK(*std::ranges::max_element(silence) == 0);
  CHECK(structure_features(silence)[7] == Approx(std::sqrt(1 / 12.0)));
  Values hiss(chroma_bins);
  hiss[7] = 1e-3;
  CHECK(structure_features(hiss)[7] == Approx(std::sqrt(1 / 12.0)));
  hiss[7] = 1;
  CHECK(structure_features(hiss)[7] == 1);
}

TEST_CASE("self-similarity and fitness: as by their definitions") {
  const auto golden = read_golden();
  const Values& piece = golden.at("piece");
  const int count = static_cast<int>(piece.size()) / chroma_bins;
  const Values s = self_similarity(piece);
  Values shown;
  for (const int n : {0, 9, 40}) shown.insert(shown.end(), &s[n * count], &s[n * count] + count);
  CHECK(greatest_difference(shown, golden.at("similarity")) < 1e-6);
  const ScapePlot plot = scape_plot(s, count, count);
  for (const int length : {1, 6, 11, 20, 33}) {
    CAPTURE(length);
    const auto row = plot.fitness.begin() + (length - 1) * count;
    CHECK(greatest_difference(Values(row, row + count - length + 1),
                              golden.at("fitness" + std::to_string(length))) < 1e-6);
  }
}

TEST_CASE("fitness by hand") {
  // Two halves that are equal: paths on three diagonals.
  const int n = 6;
  Values s(n * n, -2);
  for (int i = 0; i < n; ++i) s[i * n + i] = s[i * n + (i + 3) % n] = 1;
  const ScapePlot plot = scape_plot(s, n, 99);
  CHECK(plot.longest == n);
  // Its first half: two paths of 3 cells. Score (6 - 3) / 6, coverage (6 - 3) / 6.
  CHECK(plot.fitness[2 * n + 0] == Approx(0.5));
  CHECK(plot.fitness[2 * n + 3] == Approx(0.5));
  CHECK(plot.fitness[2 * n + 4] == 0);        // past the end
  CHECK(plot.fitness[0] == Approx(1.0 / 4));  // one cell, twice: 1/2 and 1/6
  CHECK(plot.fitness[(n - 1) * n] == 0);      // the whole repeats nothing but itself
  CHECK(structureness(plot, 1.5, 1.5) == Approx(0.5));
  CHECK(structureness(plot, 2, 128) < 0.5);
  CHECK(structureness(plot, 3.5, 128) == 0);
  // At half the speed: (2,1) thrice over seven rows, with nothing to gain from rows between.
  const int m = 12;
  Values slow(m * m, -2);
  for (int i = 0; i < m; ++i) slow[i * m + i] = 1;
  for (int i = 0; i < 4; ++i) slow[(5 + 2 * i) * m + i] = 1;
  // Two paths of 4 cells over 4 and 7 rows: (8 - 4) / 8 and (11 - 4) / 12.
  CHECK(scape_plot(slow, m, 4).fitness[3 * m] == Approx(2 * 0.5 * (7 / 12.0) / (0.5 + 7 / 12.0)));
}

TEST_CASE("structureness: what returns, at the length at which it returns") {
  const auto si = [](const std::string& form, double from, double to) {
    const Values features = sections(form, 24);  // of 12 s
    const int count = static_cast<int>(features.size()) / chroma_bins;
    return structureness(scape_plot(self_similarity(features), count, count), from, to);
  };
  CHECK(si("ABAC", 10, 14) > si("ABCD", 10, 14) + 0.15);
  CHECK(si("ABAB", 20, 26) > si("ABAC", 20, 26) + 0.1);
  CHECK(si("AAAA", 10, 14) > 0.6);
}

TEST_CASE("structureness of sound") {
  const std::vector<std::vector<int>> a = {{0, 4, 7}, {9, 12, 16}, {5, 9, 12}, {7, 11, 14}};
  std::vector<std::vector<int>> melody, wandering;
  std::mt19937 generator(3);
  for (int i = 0; i < 80; ++i) {
    melody.push_back(a[i / 4 % 4]);
    const int root = static_cast<int>(generator() % 12);
    wandering.push_back({root, root + 1 + static_cast<int>(generator() % 11)});
  }
  const Structureness repeats = structureness(chords(melody, 22050));
  const Structureness none = structureness(chords(wandering, 22050));
  for (const auto& [more, less] :
       {std::pair{repeats.mid_term, none.mid_term}, std::pair{repeats.long_term, none.long_term}}) {
    CHECK(more > less + 0.1);
    CHECK(more <= 1);
    CHECK(less >= 0);
  }
}

TEST_CASE("scape image: a triangle, black where fit") {
  const Image image = scape_image({3, 2, {0.5, 0, 1, 0.2, 0, 0}});
  CHECK(image.height == 2);
  CHECK(image.width == 3);
  CHECK(image.bytes == std::vector<std::uint8_t>{204, 255, 255, 128, 255, 0});
}

TEST_CASE("structure measures refuse what they cannot measure; the smallest pieces have none") {
  const auto fails = [](auto&& action, const char* part) {
    const std::string message = message_of(action);
    CAPTURE(message);
    CHECK(contains(message, part));
  };
  const float bad = std::numeric_limits<float>::quiet_NaN();
  fails([] { chroma({std::vector<float>(30000), 1, 11025}); }, "11025 frames per second");
  fails([] { chroma({std::vector<float>(4409), 1, 22050}); }, "less than 0.2");
  fails([] { chroma({std::vector<float>(9999), 2, 22050}); }, "9999 samples");
  fails([&] { chroma({std::vector<float>(9999, bad), 1, 22050}); }, "sample 0");
  fails([] { structure_features(Values(13)); }, "13 values");
  fails([] { self_similarity({}); }, "0 values");
  fails([] { self_similarity(Values(24, -1)); }, "feature 0 is -1");
  fails([] { scape_plot(Values(8), 3, 1); }, "8 values");
  fails([] { scape_plot(Values(9), 3, 0); }, "0 frames");
  fails([] { structureness(ScapePlot{}, 0, 1); }, "from 0");
  fails([] { structureness(ScapePlot{}, 2, 1); }, "from 2 to 1");
  CHECK(self_similarity(Values(12, 0.1)) == Values{1});
  CHECK(scape_plot(Values{1}, 1, 5).fitness == Values{0});
  const Structureness short_sound = structureness(chords({{0}}, 22050));
  CHECK(short_sound.short_term == 0);
  CHECK(short_sound.long_term == 0);
}

}  // namespace
}  // namespace etude
