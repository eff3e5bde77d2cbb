#include "eval/chroma.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <numbers>

#include "engine/error.h"
#include "eval/fft.h"

namespace etude {
namespace {

/// [bins, 12]: what the power at k * `hertz` gives to each class.
std::vector<double> filters(int bins, double hertz) {
  constexpr double a0 = 27.5, centre = 5, deviation = 2;  // Hz, octaves above it, octaves
  std::vector<double> semitone(bins + 1);                 // above A0
  for (int k = 1; k <= bins; ++k) semitone[k] = 12 * std::log2(k * hertz / a0);
  std::vector<double> weights(size_t(bins) * chroma_bins);
  for (int k = 1; k < bins; ++k) {  // a constant has no pitch
    const double width = std::max(semitone[k + 1] - semitone[k], 1.0);
    double* row = &weights[size_t(k) * chroma_bins];
    double squares = 0;
    for (int c = 0; c < chroma_bins; ++c) {
      const double distance = std::remainder(semitone[k] + 9 - c, 12.0);  // A is C + 9
      row[c] = std::exp(-2 * distance * distance / (width * width));
      squares += row[c] * row[c];
    }
    const double octaves = (semitone[k] / 12 - centre) / deviation;
    const double scale = std::exp(-0.5 * octaves * octaves) / std::sqrt(squares);
    for (int c = 0; c < chroma_bins; ++c) row[c] *= scale;
  }
  return weights;
}

std::vector<double> mono(const Audio& audio) {
  require(audio.channels >= 1 && audio.samples.size() % audio.channels == 0,
          "chroma: ", audio.samples.size(), " samples of ", audio.channels, " channels");
  std::vector<double> mean(audio.frames());
  for (size_t i = 0; i < audio.samples.size(); ++i) {
    require(std::isfinite(audio.samples[i]), "chroma: sample ", i, " is not finite");
    mean[i / audio.channels] += static_cast<double>(audio.samples[i]) / audio.channels;
  }
  return mean;
}

/// Scales a row to length 1; returns the length it had.
double normalise(double* row) {
  double squares = 0;
  for (int c = 0; c < chroma_bins; ++c) squares += row[c] * row[c];
  const double length = std::sqrt(squares);
  for (int c = 0; c < chroma_bins && length > 0; ++c) row[c] /= length;
  return length;
}

}  // namespace

std::vector<double> chroma(const Audio& audio) {
  require(audio.rate > 0 && audio.rate % chroma_rate == 0, "chroma: ", audio.rate,
          " frames per second, which is no multiple of ", chroma_rate);
  const std::vector<double> sound = mono(audio);
  const std::int64_t hop = audio.rate / chroma_rate, window = 2 * hop, bins = hop + 1;
  const auto length = static_cast<std::int64_t>(sound.size());
  require(length >= window, "chroma: ", audio.seconds(), " s of sound, less than 0.2");
  const Fft fft(static_cast<int>(window));
  const std::vector<double> weights =
      filters(static_cast<int>(bins), static_cast<double>(audio.rate) / window);
  const std::int64_t frames = 1 + length / hop;
  std::vector<double> rows(frames * chroma_bins);
#pragma omp parallel
  {
    std::vector<std::complex<double>> in(window), out(window);
#pragma omp for schedule(static)
    for (std::int64_t f = 0; f < frames; ++f) {
      for (std::int64_t i = 0; i < window; ++i) {
        const std::int64_t at = std::abs((f - 1) * hop + i);
        const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / window);
        in[i] = hann * sound[at < length ? at : 2 * (length - 1) - at];
      }
      fft(in, out);
      double* row = &rows[f * chroma_bins];
      for (std::int64_t k = 0; k < bins; ++k) {
        const double power = std::norm(out[k]);
        for (int c = 0; c < chroma_bins; ++c) row[c] += power * weights[k * chroma_bins + c];
      }
      normalise(row);
    }
  }
  return rows;
}

std::vector<double> structure_features(std::span<const double> chroma) {
  constexpr std::int64_t step = chroma_rate / structure_rate, half = 10;
  constexpr double silence = 1e-3;
  require(!chroma.empty() && chroma.size() % chroma_bins == 0, "structure features: of ",
          chroma.size(), " values, no rows of 12");
  const auto frames = static_cast<std::int64_t>(chroma.size()) / chroma_bins;
  std::vector<double> features((1 + (frames - 1) / step) * chroma_bins);
  for (std::int64_t f = 0; f < frames; f += step) {
    double* row = &features[f / step * chroma_bins];
    for (std::int64_t i = std::max(f - half, std::int64_t{0}); i <= std::min(f + half, frames - 1);
         ++i) {
      for (int c = 0; c < chroma_bins; ++c) row[c] += chroma[i * chroma_bins + c] / (2 * half + 1);
    }
    if (normalise(row) <= silence) std::fill_n(row, chroma_bins, 1 / std::sqrt(chroma_bins));
  }
  return features;
}

}  // namespace etude
