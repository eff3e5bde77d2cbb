#include "eval/wav.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <numbers>
#include <string>

#include "tests/error_text.h"

namespace etude {
namespace {

struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "etude_wav_test.wav";
  ~TemporaryFile() { std::filesystem::remove(path); }

  void write(const std::vector<std::uint8_t>& bytes) const {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
};

/// A sine of 440 Hz on the left or only channel, the same at half the amplitude on the right.
Audio sine(int channels, int rate, double seconds, double amplitude) {
  Audio audio{{}, channels, rate};
  for (int i = 0; i < seconds * rate; ++i)
    for (int c = 0; c < channels; ++c)
      audio.samples.push_back(static_cast<float>(amplitude / (c + 1) *
                                                 std::sin(2 * std::numbers::pi * 440 * i / rate)));
  return audio;
}

std::uint32_t little_endian(const std::vector<std::uint8_t>& bytes, size_t at, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= static_cast<std::uint32_t>(bytes.at(at + i)) << (8 * i);
  return value;
}

const auto no_library = doctest::skip(!wav_available());

TEST_CASE("wav: levels of a sine, of silence and of nothing") {
  const Audio audio = sine(1, 48000, 0.5, 0.5);
  CHECK(audio.frames() == 24000);
  CHECK(audio.seconds() == doctest::Approx(0.5));
  CHECK(sine(2, 48000, 0.5, 0.5).seconds() == doctest::Approx(0.5));
  CHECK(peak(audio.samples) == doctest::Approx(0.5).epsilon(1e-3));
  CHECK(dbfs(rms(audio.samples)) == doctest::Approx(-9.0309).epsilon(1e-4));
  CHECK(dbfs(1) == 0);
  CHECK(peak(std::vector<float>{0.25f, -0.75f}) == 0.75f);
  CHECK(dbfs(rms(std::vector<float>(10))) == -std::numeric_limits<double>::infinity());
  CHECK(peak({}) == 0);
  CHECK(rms({}) == 0);
}

TEST_CASE("wav: a sine survives the round trip to within a step of 16 bits" * no_library) {
  const TemporaryFile file;
  for (const int channels : {1, 2})
    for (const int rate : {8000, 44100}) {
      CAPTURE(channels);
      CAPTURE(rate);
      const Audio audio = sine(channels, rate, 0.25, 1);
      CHECK(write_wav(file.path, audio) == 0);
      const Audio back = read_audio(file.path);
      CHECK(back.channels == channels);
      CHECK(back.rate == rate);
      REQUIRE(back.samples.size() == audio.samples.size());
      float error = 0;
      for (size_t i = 0; i < audio.samples.size(); ++i)
        error = std::max(error, std::abs(back.samples[i] - audio.samples[i]));
      CHECK(error <= 1.0f / 32768);
    }
}

TEST_CASE("wav: the header of an encoded sound" * no_library) {
  const WavFile file = encode_wav(sine(2, 44100, 0.01, 1));
  const auto text = [&](size_t at) { return std::string(&file.bytes[at], &file.bytes[at + 4]); };
  REQUIRE(file.bytes.size() == 44 + 441 * 4);
  CHECK(text(0) == "RIFF");
  CHECK(little_endian(file.bytes, 4, 4) == file.bytes.size() - 8);
  CHECK(text(8) == "WAVE");
  CHECK(little_endian(file.bytes, 20, 2) == 1);  // PCM
  CHECK(little_endian(file.bytes, 22, 2) == 2);
  CHECK(little_endian(file.bytes, 24, 4) == 44100);
  CHECK(little_endian(file.bytes, 34, 2) == 16);
  CHECK(little_endian(file.bytes, 40, 4) == 441 * 4);
  CHECK(encode_wav({}).bytes.size() == 44);  // no sound at all
}

TEST_CASE("wav: what is beyond full scale is clipped and counted" * no_library) {
  const TemporaryFile file;
  const float above = std::nextafter(1.0f, 2.0f);
  CHECK(write_wav(file.path, {{1, -1, above, -above, 3, -1e30f, 0, 0.5f}, 2, 8000}) == 4);
  const float top = 32767.0f / 32768;
  CHECK(read_audio(file.path).samples == std::vector<float>{top, -1, top, -1, top, -1, 0, 0.5f});
}

TEST_CASE("wav: sounds that do not add up are refused and leave the file alone" * no_library) {
  const TemporaryFile file;
  CHECK(write_wav(file.path, {{0.5f}, 1, 8000}) == 0);
  const auto error = [&](const Audio& audio) {
    return message_of([&] { static_cast<void>(write_wav(file.path, audio)); });
  };
  CHECK(contains(error({{0, std::nanf("")}, 1, 8000}), "sample 1 is nan"));
  CHECK(contains(error({{-std::numeric_limits<float>::infinity()}, 1, 8000}), "sample 0 is -inf"));
  CHECK(contains(error({{0, 0, 0}, 2, 8000}), "3 samples"));
  CHECK(contains(error({{0, 0, 0}, 3, 8000}), "1 or 2 channels, not 3"));
  CHECK(contains(error({{0}, 1, 0}), "rate of 0 Hz"));
  CHECK(read_audio(file.path).samples == std::vector<float>{0.5f});
  CHECK_THROWS_AS(static_cast<void>(write_wav("/nowhere/a.wav", {{0}, 1, 8000})), Error);
}

TEST_CASE("wav: other widths and more channels are read" * no_library) {
  const TemporaryFile file;
  // 8 bits without sign, three channels, two frames at 4000 Hz.
  file.write({'R', 'I', 'F', 'F', 42,  0,   0, 0,    'W',  'A', 'V', 'E',  'f',  'm', 't', ' ', 16,
              0,   0,   0,   1,   0,   3,   0, 0xa0, 0x0f, 0,   0,   0xe0, 0x2e, 0,   0,   3,   0,
              8,   0,   'd', 'a', 't', 'a', 6, 0,    0,    0,   128, 0,    255,  64,  192, 128});
  const Audio audio = read_audio(file.path);
  CHECK(audio.rate == 4000);
  CHECK(audio.channels == 3);
  CHECK(audio.samples == std::vector<float>{0, -1, 127.0f / 128, -0.5f, 0.5f, 0});
}

TEST_CASE("wav: missing and other files are errors that name them" * no_library) {
  const TemporaryFile file;
  file.write({'G', 'I', 'F', '8', '9', 'a', 0, 0, 0, 0, 0, 0, 0, 0});
  const std::string error = message_of([&] { read_audio(file.path); });
  CHECK(contains(error, file.path.string()));
  CHECK(contains(error, "no sound file"));
  CHECK(message_of([] { read_audio("/nowhere/a.wav"); }) == "read /nowhere/a.wav: no such file");
}

TEST_CASE("wav: a build without libsndfile names the package" * doctest::skip(wav_available())) {
  CHECK(contains(message_of([] { encode_wav({}); }), "libsndfile1-dev"));
  CHECK(contains(message_of([] { static_cast<void>(write_wav("a.wav", {})); }), "libsndfile1-dev"));
  CHECK(contains(message_of([] { read_audio("a.wav"); }), "libsndfile1-dev"));
}

}  // namespace
}  // namespace etude
