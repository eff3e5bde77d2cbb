#pragma once
// Standard MIDI Files as they are written: every event, lossless. As music: score.h.
// Source: "Standard MIDI Files 1.0", MIDI Manufacturers Association, 1996 (RP-001); what other
// programs write against it and is read all the same stands at parse().

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace etude::midi {

/// What an event is; the values are the status bytes of the format (the channel is apart).
enum class Kind : std::uint8_t {
  note_off = 0x80,
  note_on = 0x90,
  key_pressure = 0xa0,
  control = 0xb0,
  program = 0xc0,
  channel_pressure = 0xd0,
  pitch_bend = 0xe0,
  sysex = 0xf0,
  escape = 0xf7,
  meta = 0xff,
};

/// Types of meta events (Event::data1). 1 to 15 are texts.
enum Meta : std::uint8_t {
  meta_text = 0x01,
  meta_track_name = 0x03,
  meta_lyric = 0x05,
  meta_marker = 0x06,
  meta_end_of_track = 0x2f,
  meta_tempo = 0x51,
  meta_time_signature = 0x58,
  meta_key_signature = 0x59,
};

/// One event at `tick` from the start of its track.
///   note_off, note_on    data1 pitch, data2 velocity; a note_on of velocity 0 stays one
///   key_pressure         data1 pitch, data2 pressure
///   control              data1 number, data2 value; numbers 120 to 127 are the channel modes
///   program              data1
///   channel_pressure     data1
///   pitch_bend           data1 the low seven bits, data2 the high ones; 0, 0x40 is the middle
///   sysex                payload: what follows the F0, with the final F7 if it has one
///   escape               payload: bytes to send as they are, or the next part of a sysex
///   meta                 data1 type, payload; never end-of-track, which is Track::end
struct Event {
  std::uint32_t tick = 0;
  Kind kind = Kind::meta;
  std::uint8_t channel = 0;  // 0 to 15, 9 is the drums'; 0 where there is none
  std::uint8_t data1 = 0, data2 = 0;
  std::vector<std::uint8_t> payload = {};
  bool operator==(const Event&) const = default;
};

/// `events` by ascending tick; `end` is where the track ends, at its last event or later.
struct Track {
  std::vector<Event> events;
  std::uint32_t end = 0;
  bool operator==(const Track&) const = default;
};

/// The unit of ticks: `ticks` (1 to 32767) per quarter note or, where `frames_per_second` is 24,
/// 25, 29 (which means 30000/1001, drop-frame) or 30, `ticks` (1 to 255) per frame.
struct Division {
  std::uint16_t ticks = 480;
  std::uint8_t frames_per_second = 0;
  bool operator==(const Division&) const = default;
};

/// Throws Error unless a MIDI file can say it.
void check(const Division& division);

/// Format 0: one track; 1: tracks that sound together; 2: independent patterns. The number of
/// tracks is free in each of them, as in files.
struct File {
  int format = 1;
  Division division;
  std::vector<Track> tracks;
  bool operator==(const File&) const = default;
};

/// Reads a file in memory; `name` stands for it in messages. Nothing is lost but unknown chunks,
/// the encoding (running status, long lengths) and what the standard does not allow. Of that is
/// read:
///   - tracks without end-of-track; what follows one in its chunk is skipped;
///   - track lengths that reach over the next track or the end of the file, after an end-of-track;
///   - running status that continues after a meta event or a sysex;
///   - bare system messages (0xf1 to 0xfe): they become the escape they should have been;
///   - anything after the last of the tracks that the header declares, longer headers, non-minimal
///     lengths, and formats 0 with more than one track.
/// Everything else throws Error with name, byte offset, what was expected there and how far the
/// track could be read: truncated files, data bytes over 127, lengths of more than 4 bytes, formats
/// over 2, a division of 0 or of unknown frames, missing tracks, ticks over 2^32 - 1.
///
/// Memory: per event, which takes at least 2 bytes of the file, 32 bytes and its payload, and up to
/// three times that while the list grows.
File parse(std::span<const std::uint8_t> bytes, const std::string& name);

/// The same for a file on disk. Throws Error that names it, also when it cannot be read.
File read(const std::filesystem::path& path);

/// The bytes of a file, with running status and each track closed by end-of-track, at its `end` or
/// its last event, whichever is later. parse(serialise(f)) == f for every f that parse() returned.
/// Throws Error that names track and tick for what the format cannot hold: values out of range,
/// descending ticks, gaps over 2^28 - 1 ticks, tracks over 4 GiB, more than 65535 tracks.
std::vector<std::uint8_t> serialise(const File& file);

/// Writes it to disk; `path` is the old file or the whole new one at any moment.
void write(const File& file, const std::filesystem::path& path);

}  // namespace etude::midi
