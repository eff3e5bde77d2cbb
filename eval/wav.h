#pragma once
// Sound files (libsndfile) and the levels of sounds. A build without libsndfile has the levels;
// what touches files then raises an Error that names the package.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace etude {

/// A sound: `samples` of `channels` interleaved (left, right, left, ...), `rate` frames per second.
/// Full scale is 1: what a file can hold without clipping lies in [-1, 1].
struct Audio {
  std::vector<float> samples;
  int channels = 1;
  int rate = 44100;

  std::size_t frames() const { return samples.size() / channels; }
  double seconds() const { return static_cast<double>(frames()) / rate; }
};

/// The largest absolute sample; 0 of none.
float peak(std::span<const float> samples);

/// The root of the mean square of all samples, of all channels; 0 of none.
double rms(std::span<const float> samples);

/// An amplitude in decibels relative to full scale: 1 is 0 dBFS, 0 is -infinity. (The RMS of a sine
/// at full scale is -3.01 dBFS by this, as nearly everywhere; AES17 would call it 0.)
double dbfs(double amplitude);

/// Whether this build has libsndfile.
bool wav_available();

/// A WAV file in memory. `clipped`: how many samples lay outside [-1, 1] and were cut to it.
struct WavFile {
  std::vector<std::uint8_t> bytes;
  std::size_t clipped = 0;
};

/// `audio` as a WAV file of 16-bit PCM: each sample is off by at most 1 / 32768.
/// Errors: channels other than 1 and 2, a rate below 1, samples that do not fill their last frame,
/// a sample that is no number, more than a WAV holds (4 GiB).
WavFile encode_wav(const Audio& audio);

/// Writes encode_wav(audio) to `path`, all or nothing. Returns how many samples clipped.
[[nodiscard]] std::size_t write_wav(const std::filesystem::path& path, const Audio& audio);

/// Reads a sound file of any format, width and number of channels that libsndfile knows (WAV, AIFF,
/// FLAC, Ogg, ...). Integers become [-1, 1), floats stay as they are, also beyond full scale.
/// Errors name the file: missing, no sound file, damaged. A WAV that was cut is no error: it is
/// shorter.
Audio read_audio(const std::filesystem::path& path);

}  // namespace etude
