#include "eval/wav.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "engine/error.h"
#include "engine/io/atomic_file.h"

#ifdef ETUDE_HAVE_SNDFILE
#include <sndfile.h>
#endif

namespace etude {

float peak(std::span<const float> samples) {
  float largest = 0;
  for (const float sample : samples) largest = std::max(largest, std::abs(sample));
  return largest;
}

double rms(std::span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

double dbfs(double amplitude) { return 20 * std::log10(amplitude); }

std::size_t write_wav(const std::filesystem::path& path, const Audio& audio) {
  const WavFile file = encode_wav(audio);
  write_file_atomically(path,
                        {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()});
  return file.clipped;
}

#ifdef ETUDE_HAVE_SNDFILE

namespace {

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using Sound = std::unique_ptr<SNDFILE, CloseSound>;

constexpr std::size_t kMaxHeaderBytes = 4096;

/// A file that libsndfile writes into memory. All of it is reserved beforehand: nothing may throw
/// through a C library.
struct MemoryFile {
  std::vector<std::uint8_t> bytes;
  std::size_t position = 0;

  static MemoryFile& of(void* self) { return *static_cast<MemoryFile*>(self); }
  static sf_count_t size(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
  static sf_count_t tell(void* self) { return static_cast<sf_count_t>(of(self).position); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? tell(self) : size(self);
    if (base + offset < 0 || base + offset > size(self)) return -1;
    of(self).position = static_cast<std::size_t>(base + offset);
    return base + offset;
  }
  static sf_count_t read(void* target, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const std::size_t part = std::min<std::size_t>(count, file.bytes.size() - file.position);
    if (part > 0) std::memcpy(target, file.bytes.data() + file.position, part);
    file.position += part;
    return static_cast<sf_count_t>(part);
  }
  static sf_count_t write(const void* source, sf_count_t count, void* self) {
    MemoryFile& file = of(self);
    const std::size_t end = file.position + static_cast<std::size_t>(count);
    if (end > file.bytes.capacity()) return 0;
    if (end > file.bytes.size()) file.bytes.resize(end);
    if (count > 0) std::memcpy(file.bytes.data() + file.position, source, count);
    file.position = end;
    return count;
  }
};

/// One sample in 16 bits, to nearest. Full scale itself is one step above the largest number and
/// does not count as clipped.
short to_pcm16(float sample, std::size_t& clipped) {
  clipped += std::abs(sample) > 1;
  return static_cast<short>(std::clamp(std::nearbyint(sample * 32768.0f), -32768.0f, 32767.0f));
}

}  // namespace

bool wav_available() { return true; }

WavFile encode_wav(const Audio& audio) {
  const std::vector<float>& samples = audio.samples;
  require(audio.channels == 1 || audio.channels == 2,
          "encode WAV: sounds have 1 or 2 channels, not ", audio.channels);
  require(audio.rate >= 1, "encode WAV: a rate of ", audio.rate, " Hz");
  require(samples.size() % audio.channels == 0, "encode WAV: ", samples.size(),
          " samples are no whole number of frames of ", audio.channels);
  require(samples.size() < (std::size_t{1} << 31) - kMaxHeaderBytes, "encode WAV: ", samples.size(),
          " samples are more than the 4 GiB of a WAV file");

  WavFile wav;
  std::vector<short> pcm(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    require(std::isfinite(samples[i]), "encode WAV: sample ", i, " is ", samples[i]);
    pcm[i] = to_pcm16(samples[i], wav.clipped);
  }

  MemoryFile file;
  file.bytes.reserve(kMaxHeaderBytes + 2 * samples.size());
  SF_VIRTUAL_IO calls{MemoryFile::size, MemoryFile::seek, MemoryFile::read, MemoryFile::write,
                      MemoryFile::tell};
  SF_INFO info{};
  info.channels = audio.channels;
  info.samplerate = audio.rate;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  Sound sound(sf_open_virtual(&calls, SFM_WRITE, &info, &file));
  require(sound != nullptr, "encode WAV: ", sf_strerror(nullptr));
  const sf_count_t count = static_cast<sf_count_t>(pcm.size());
  require(sf_write_short(sound.get(), pcm.data(), count) == count,
          "encode WAV: ", sf_strerror(sound.get()));
  const int status = sf_close(sound.release());  // which completes the header
  require(status == 0, "encode WAV: ", sf_error_number(status));
  wav.bytes = std::move(file.bytes);
  return wav;
}

Audio read_audio(const std::filesystem::path& path) {
  require(std::filesystem::is_regular_file(path), "read ", path.string(), ": no such file");
  SF_INFO info{};
  const Sound sound(sf_open(path.c_str(), SFM_READ, &info));
  require(sound != nullptr, "read ", path.string(), ": no sound file that libsndfile knows (",
          sf_strerror(nullptr), ")");
  Audio audio{{}, info.channels, info.samplerate};
  // Block by block: a damaged header may promise more than there is memory.
  constexpr sf_count_t block_frames = 1 << 16;
  std::vector<float> block(static_cast<std::size_t>(block_frames * info.channels));
  sf_count_t frames = 0;
  while (const sf_count_t count = sf_readf_float(sound.get(), block.data(), block_frames)) {
    audio.samples.insert(audio.samples.end(), block.begin(), block.begin() + count * info.channels);
    frames += count;
  }
  require(sf_error(sound.get()) == SF_ERR_NO_ERROR && frames == info.frames, "read ", path.string(),
          ": damaged after ", frames, " of ", info.frames, " frames (", sf_strerror(sound.get()),
          ")");
  return audio;
}

#else

namespace {

[[noreturn]] void fail_without_library(const char* operation) {
  fail(operation, ": this build has no libsndfile; install libsndfile1-dev (tools/setup does) and ",
       "configure again");
}

}  // namespace

bool wav_available() { return false; }
WavFile encode_wav(const Audio&) { fail_without_library("encode WAV"); }
Audio read_audio(const std::filesystem::path&) { fail_without_library("read a sound file"); }

#endif

}  // namespace etude
