#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <string_view>

#include "engine/error.h"
#include "tokenizers/midi/midi.h"

namespace etude::midi {
namespace {

constexpr std::size_t header_bytes = 14, chunk_head_bytes = 8;

/// Data bytes after a status byte below 0xf0.
std::size_t num_data_bytes(Kind kind) {
  return kind == Kind::program || kind == Kind::channel_pressure ? 1 : 2;
}

/// One file, read from front to back. `at_` never passes `limit_`, and `limit_` never the file.
class Parser {
 public:
  Parser(std::span<const std::uint8_t> bytes, const std::string& name)
      : bytes_(bytes), limit_(bytes.size()), name_(name) {}

  File parse();

 private:
  Division division(std::uint32_t word) const;
  Track track();
  bool event(Track& track);
  Event channel_event(std::uint8_t status);
  Event meta_event();
  Event system_event(std::uint8_t status);

  bool is_chunk(std::size_t at, std::string_view id) const {
    return bytes_.size() - at >= id.size() && std::equal(id.begin(), id.end(), bytes_.data() + at);
  }
  std::uint32_t word(std::size_t at, int num_bytes) const {
    std::uint32_t value = 0;
    for (int i = 0; i < num_bytes; ++i) value = value << 8 | bytes_[at + i];
    return value;
  }

  std::uint8_t byte(const char* expected);
  std::uint8_t data_byte();
  std::uint32_t number(const char* expected);
  std::vector<std::uint8_t> payload(const char* expected);
  template <class... Parts>
  [[noreturn]] void fail_at(std::size_t at, const Parts&... parts) const;

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0, limit_;
  const std::string& name_;
  std::size_t num_tracks_ = 0, num_read_ = 0;  // as declared, and the complete ones
  const Track* track_ = nullptr;               // the one under way
  std::uint64_t tick_ = 0;
  std::uint8_t running_status_ = 0;
};

template <class... Parts>
void Parser::fail_at(std::size_t at, const Parts&... parts) const {
  std::string progress;
  if (track_ != nullptr)
    progress = "; track " + std::to_string(num_read_ + 1) + " of " + std::to_string(num_tracks_) +
               " could be read up to tick " + std::to_string(track_->end) + " (" +
               std::to_string(track_->events.size()) + " events)";
  fail("midi: ", name_, ": byte ", at, ": ", parts..., progress,
       "; the file is truncated or damaged: fetch or export it again");
}

std::uint8_t Parser::byte(const char* expected) {
  if (at_ == limit_)
    fail_at(at_, "expected ", expected, ", but the ", limit_ == bytes_.size() ? "file" : "track",
            " ends");
  return bytes_[at_++];
}

std::uint8_t Parser::data_byte() {
  const std::uint8_t value = byte("a data byte");
  if (value > 127) fail_at(at_ - 1, "expected a data byte (0 to 127), not ", int{value});
  return value;
}

/// A variable-length number: seven bits per byte, the high bit set on all but the last.
std::uint32_t Parser::number(const char* expected) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const std::uint8_t next = byte(expected);
    value = value << 7 | (next & 0x7f);
    if (next < 0x80) return value;
  }
  fail_at(at_ - 4, "expected ", expected, " of at most 4 bytes");
}

std::vector<std::uint8_t> Parser::payload(const char* expected) {
  const std::size_t start = at_;
  const std::uint32_t size = number("a length");
  if (size > limit_ - at_)
    fail_at(start, "expected ", size, " bytes of ", expected, ", but there are only ", limit_ - at_,
            " more in the ", limit_ == bytes_.size() ? "file" : "track");
  const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
  at_ += size;
  return {first, first + size};
}

Event Parser::channel_event(std::uint8_t status) {
  Event event{.kind = Kind{static_cast<std::uint8_t>(status & 0xf0)},
              .channel = static_cast<std::uint8_t>(status & 0x0f)};
  event.data1 = data_byte();
  if (num_data_bytes(event.kind) == 2) event.data2 = data_byte();
  return event;
}

Event Parser::meta_event() {
  Event event{.kind = Kind::meta, .data1 = byte("the type of a meta event")};
  event.payload = payload("a meta event");
  return event;
}

/// Status bytes from 0xf0 to 0xfe: sysex, escapes, and messages that belong on a cable, not in a
/// file.
Event Parser::system_event(std::uint8_t status) {
  if (status == 0xf0) return {.kind = Kind::sysex, .payload = payload("a sysex")};
  Event event{.kind = Kind::escape};
  if (status == 0xf7) {
    event.payload = payload("an escape");
    return event;
  }
  if (status == 0xf4 || status == 0xf5)
    fail_at(at_ - 1, "expected an event, not the undefined status ", int{status});
  event.payload = {status};
  const int num_data = status == 0xf2 ? 2 : status == 0xf1 || status == 0xf3 ? 1 : 0;
  for (int i = 0; i < num_data; ++i) event.payload.push_back(data_byte());
  return event;
}

/// Appends the next event; false at the end-of-track.
bool Parser::event(Track& track) {
  const std::size_t start = at_;
  const std::uint64_t tick = tick_ + number("a delta time");
  if (tick > std::numeric_limits<std::uint32_t>::max())
    fail_at(start, "expected a delta time that leads to a tick below 2^32, not to ", tick);
  const std::size_t status_at = at_;
  std::uint8_t status = byte("a status byte");
  if (status < 0x80) {
    if (running_status_ == 0) fail_at(status_at, "expected a status byte, not ", int{status});
    status = running_status_;
    at_ = status_at;
  }
  Event event;
  if (status < 0xf0) {
    running_status_ = status;
    event = channel_event(status);
  } else {
    event = status == 0xff ? meta_event() : system_event(status);
  }
  tick_ = tick;
  track.end = event.tick = static_cast<std::uint32_t>(tick);
  if (event.kind == Kind::meta && event.data1 == meta_end_of_track) return false;
  track.events.push_back(std::move(event));
  return true;
}

/// The track whose chunk's content starts at `at_`; leaves `at_` where the next chunk is.
Track Parser::track() {
  const std::size_t length = word(at_ - 4, 4);
  const bool fits = length <= bytes_.size() - at_;
  const std::size_t end = fits ? at_ + length : bytes_.size();
  Track track;
  track_ = &track;
  tick_ = 0;
  running_status_ = 0;
  limit_ = end;
  bool more = true;
  while (more && (at_ < end || !fits))
    more = event(track);  // where it does not fit, up to an Error
  limit_ = bytes_.size();
  track_ = nullptr;
  // A length that is too long has been believed only up to the end-of-track.
  if (fits && !is_chunk(at_, "MTrk")) at_ = end;
  return track;
}

Division Parser::division(std::uint32_t word) const {
  Division division{.ticks = static_cast<std::uint16_t>(word)};
  if (word >= 0x8000) {
    division.frames_per_second = static_cast<std::uint8_t>(256 - (word >> 8));
    division.ticks = word & 0xff;
    const int fps = division.frames_per_second;
    if (fps != 24 && fps != 25 && fps != 29 && fps != 30)
      fail_at(12, "expected 24, 25, 29 or 30 frames per second, not ", fps);
  }
  if (division.ticks == 0) fail_at(12, "expected a division of at least 1 tick, not 0");
  return division;
}

File Parser::parse() {
  require(
      bytes_.size() >= header_bytes && is_chunk(0, "MThd"), "midi: ", name_,
      ": byte 0: expected a header chunk (MThd): it is no Standard MIDI File, or cut off before "
      "its first track");
  const std::size_t length = word(4, 4);
  if (length < 6 || length > bytes_.size() - chunk_head_bytes)
    fail_at(4, "expected a header of 6 bytes, not ", length);
  File file{.format = static_cast<int>(word(8, 2))};
  if (file.format > 2) fail_at(8, "expected format 0, 1 or 2, not ", file.format);
  num_tracks_ = word(10, 2);
  file.division = division(word(12, 2));
  at_ = chunk_head_bytes + length;

  file.tracks.reserve(std::min(num_tracks_, bytes_.size() / chunk_head_bytes));
  while ((num_read_ = file.tracks.size()) < num_tracks_) {
    const std::size_t left = bytes_.size() - at_;
    if (left < chunk_head_bytes)
      fail_at(at_, "expected track ", num_read_ + 1, " of ", num_tracks_, ", but the file ends");
    const std::size_t start = at_;
    at_ += chunk_head_bytes;
    if (is_chunk(start, "MTrk")) {
      file.tracks.push_back(track());
    } else {
      const std::size_t skipped = word(start + 4, 4);
      if (skipped > left - chunk_head_bytes)
        fail_at(start, "expected track ", num_read_ + 1, " of ", num_tracks_,
                ", not an unknown chunk that is longer than the file");
      at_ += skipped;
    }
  }
  return file;
}

}  // namespace

File parse(std::span<const std::uint8_t> bytes, const std::string& name) {
  return Parser(bytes, name).parse();
}

File read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good() && !std::filesystem::is_directory(path), "midi: cannot open ", path.string());
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  require(!file.bad(), "midi: cannot read ", path.string());
  return parse(bytes, path.string());
}

}  // namespace etude::midi
