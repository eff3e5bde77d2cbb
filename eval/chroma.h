#pragma once
// Chroma: how strong each of the twelve pitch classes sounds, over time.

#include <span>
#include <vector>

#include "eval/wav.h"

namespace etude {

constexpr int chroma_bins = 12;    // C first
constexpr int chroma_rate = 10;    // frames of chroma() per second
constexpr int structure_rate = 2;  // frames of structure_features() per second

/// [frames, 12], frame f at f / 10 s, 1 + 10 * seconds of them, each of Euclidean length 1 (of
/// silence 0). The channels' mean, in frames of 0.2 s under a Hann window, mirrored at both ends;
/// each bin's power goes to the pitch classes near its frequency, by Gaussians a semitone (or a
/// bin, where bins are wider) wide at a deviation of half of that, less the farther it is from 880
/// Hz (deviation: two octaves). A4 is 440 Hz. Errors: a rate that is no positive multiple of 10,
/// less than 0.2 s of sound, samples that do not fill their last frame or are not finite. Source:
/// Ellis 2007, "Chroma feature analysis and synthesis"; librosa's chroma_stft with n_fft = 4410,
/// hop_length = 2205, tuning = 0, norm = 2 is the same (but for the constant) at 22,050 frames per
/// second, the rate of published values.
std::vector<double> chroma(const Audio& audio);

/// [1 + (frames - 1) / 5, 12] of chroma() [frames, 12]: means over 21 frames, 2.1 s (fewer at the
/// ends), every fifth, scaled to length 1; where nothing sounds all classes are equal.
/// Error: a size that is no positive multiple of 12.
std::vector<double> structure_features(std::span<const double> chroma);

}  // namespace etude
