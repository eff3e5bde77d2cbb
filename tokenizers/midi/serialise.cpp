#include <algorithm>

#include "engine/error.h"
#include "engine/io/atomic_file.h"
#include "tokenizers/midi/midi.h"

namespace etude::midi {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t max_number = 0x0fffffff;  // what a variable-length number can hold

void put_word(Bytes& bytes, std::uint64_t value, int num_bytes) {
  for (int shift = 8 * (num_bytes - 1); shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// Seven bits per byte, most significant first, the high bit set on all but the last.
void put_number(Bytes& bytes, std::uint32_t value) {
  for (int shift = 21; shift > 0; shift -= 7)
    if (value >> shift != 0) bytes.push_back(static_cast<std::uint8_t>(0x80 | (value >> shift)));
  bytes.push_back(value & 0x7f);
}

/// Appends one track chunk to `bytes`.
class TrackWriter {
 public:
  TrackWriter(Bytes& bytes, std::size_t index) : bytes_(bytes), index_(index) {}

  void write(const Track& track) {
    bytes_.insert(bytes_.end(), {'M', 'T', 'r', 'k', 0, 0, 0, 0});
    const std::size_t start = bytes_.size();
    for (const Event& event : track.events) {
      advance_to(event.tick);
      put(event);
    }
    advance_to(std::max(tick_, track.end));
    bytes_.insert(bytes_.end(), {0xff, meta_end_of_track, 0});

    const std::size_t length = bytes_.size() - start;
    require_here(length >> 32 == 0, "the track has ", length, " bytes, a file's less than 2^32");
    for (int i = 0; i < 4; ++i)
      bytes_[start - 4 + i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
  }

 private:
  template <class... Parts>
  void require_here(bool condition, const Parts&... parts) const {
    require(condition, "midi: cannot write track ", index_, ": tick ", tick_, ": ", parts...);
  }

  void advance_to(std::uint32_t tick) {
    require_here(tick >= tick_ && tick - tick_ <= max_number, "the next is ", tick,
                 ": ticks ascend, by at most ", max_number);
    put_number(bytes_, tick - tick_);
    tick_ = tick;
  }

  void put(const Event& event) {
    const auto status = static_cast<std::uint8_t>(event.kind);
    if (status >= 0x80 && status < 0xf0 && status % 16 == 0) return put_channel_event(event);
    const bool known =
        event.kind == Kind::sysex || event.kind == Kind::escape || event.kind == Kind::meta;
    require_here(known, "there is no kind ", int{status});
    running_status_ = 0;  // the standard ends it here
    bytes_.push_back(status);
    if (event.kind == Kind::meta) {
      require_here(event.data1 != meta_end_of_track, "the end of a track is Track::end");
      bytes_.push_back(event.data1);
    }
    require_here(event.payload.size() <= max_number, "the payload has ", event.payload.size(),
                 " bytes, a file's at most ", max_number);
    put_number(bytes_, static_cast<std::uint32_t>(event.payload.size()));
    bytes_.insert(bytes_.end(), event.payload.begin(), event.payload.end());
  }

  void put_channel_event(const Event& event) {
    require_here(event.channel < 16 && event.data1 < 128 && event.data2 < 128,
                 "channels go to 15 and values to 127, not ", int{event.channel}, ": ",
                 int{event.data1}, ", ", int{event.data2});
    const auto status = static_cast<std::uint8_t>(static_cast<int>(event.kind) | event.channel);
    if (status != running_status_) bytes_.push_back(status);
    running_status_ = status;
    bytes_.push_back(event.data1);
    if (event.kind != Kind::program && event.kind != Kind::channel_pressure)
      bytes_.push_back(event.data2);
  }

  Bytes& bytes_;
  std::size_t index_;
  std::uint32_t tick_ = 0;
  std::uint8_t running_status_ = 0;
};

std::uint32_t division_word(const Division& division) {
  check(division);
  const unsigned fps = division.frames_per_second;
  return fps == 0 ? division.ticks : (256 - fps) << 8 | division.ticks;
}

}  // namespace

void check(const Division& division) {
  const int fps = division.frames_per_second;
  require(fps == 0 || fps == 24 || fps == 25 || fps == 29 || fps == 30,
          "midi: a division has 24, 25, 29 or 30 frames per second, not ", fps);
  require(division.ticks >= 1 && division.ticks <= (fps == 0 ? 0x7fff : 0xff),
          "midi: a division has 1 to 32767 ticks per quarter note or 1 to 255 per frame, not ",
          division.ticks);
}

std::vector<std::uint8_t> serialise(const File& file) {
  require(file.format >= 0 && file.format <= 2, "midi: formats are 0, 1 and 2, not ", file.format);
  require(file.tracks.size() <= 0xffff, "midi: a file has at most 65535 tracks, not ",
          file.tracks.size());
  Bytes bytes = {'M', 'T', 'h', 'd', 0, 0, 0, 6};
  put_word(bytes, file.format, 2);
  put_word(bytes, file.tracks.size(), 2);
  put_word(bytes, division_word(file.division), 2);
  for (std::size_t i = 0; i < file.tracks.size(); ++i) TrackWriter(bytes, i).write(file.tracks[i]);
  return bytes;
}

void write(const File& file, const std::filesystem::path& path) {
  const Bytes bytes = serialise(file);
  AtomicFile output(path);
  output.write(bytes.data(), bytes.size());
  output.commit();
}

}  // namespace etude::midi
