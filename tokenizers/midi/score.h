#pragma once
// MIDI as music: notes with durations, tempos, bars; from files and to files.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tokenizers/midi/midi.h"

namespace etude::midi {

constexpr std::uint8_t drum_channel = 9;    // General MIDI's channel 10, counted from 0
constexpr std::uint8_t sustain_pedal = 64;  // the number of its Control; values from 64 are down

/// Ticks; pitch 0 to 127 (60 is middle C); velocity 1 to 127; the channel's program at its start.
struct Note {
  std::uint32_t tick = 0, duration = 0;
  std::uint8_t pitch = 60, velocity = 64, channel = 0, program = 0;
  std::uint16_t track = 0;
  bool operator==(const Note&) const = default;
};

struct Control {
  std::uint32_t tick = 0;
  std::uint8_t number = 0, value = 0, channel = 0;
  std::uint16_t track = 0;
  bool operator==(const Control&) const = default;
};

/// `value` from -8192 to 8191, 0 is the middle.
struct PitchBend {
  std::uint32_t tick = 0;
  std::int16_t value = 0;
  std::uint8_t channel = 0;
  std::uint16_t track = 0;
  bool operator==(const PitchBend&) const = default;
};

/// From `tick` on; 500000 microseconds per quarter note are 120 beats per minute.
struct Tempo {
  std::uint32_t tick = 0;
  std::uint32_t microseconds_per_quarter = 500000;  // 1 to 2^24 - 1
  double beats_per_minute() const { return 60e6 / microseconds_per_quarter; }
  bool operator==(const Tempo&) const = default;
};

/// From `tick` on, which starts a bar.
struct TimeSignature {
  std::uint32_t tick = 0;
  std::uint8_t numerator = 4;
  std::uint16_t denominator = 4;  // a power of two up to 32768
  bool operator==(const TimeSignature&) const = default;
};

/// `sharps` from -7 (seven flats) to 7.
struct KeySignature {
  std::uint32_t tick = 0;
  std::int8_t sharps = 0;
  bool minor = false;
  bool operator==(const KeySignature&) const = default;
};

/// A text, lyric, marker or other text event; `type` is one of 1 to 15, but no track name.
struct Text {
  std::uint32_t tick = 0;
  std::uint8_t type = meta_text;
  std::uint16_t track = 0;
  std::string text;
  bool operator==(const Text&) const = default;
};

/// A file as music. Everything is sorted by tick, then track and channel (notes then by pitch),
/// else in the order of the file; of tempos and signatures there is one per tick.
struct Score {
  Division division;
  std::uint32_t end = 0;  // the last tick of all tracks
  std::vector<Note> notes;
  std::vector<Control> controls;
  std::vector<PitchBend> pitch_bends;
  std::vector<Tempo> tempos;
  std::vector<TimeSignature> time_signatures;
  std::vector<KeySignature> key_signatures;
  std::vector<Text> texts;
  std::vector<std::string> track_names;  // one per track of the file, empty where it has none
  bool operator==(const Score&) const = default;
};

/// The music of a file. A note-off, or a note-on of velocity 0, ends the oldest sounding note of
/// its pitch, channel and track; notes still sounding at their track's end last until there, and
/// notes of no length stay. Programs hold per channel within a track. Tempos and signatures count
/// in every track, the last at a tick wins, and at tick 0 there is one of each: 120 beats per
/// minute and 4/4 where the file says nothing. Tempos of 0, signatures of 0 beats and metas too
/// short for their type are ignored. Pressure, sysex and release velocities are File's alone.
/// Throws Error for format 2 with several tracks: give it a File with the one that is meant.
Score score(const File& file);
/// The music of the file at `path`. Error names it.
Score read_score(const std::filesystem::path& path);

/// A file of format 1: a track with tempos and signatures, then one for each track and channel that
/// has notes, controls or bends, each with its track's name and its programs; texts lie in the
/// first of their track's, or else with the tempos. score(to_file(s)) is s with tracks numbered
/// anew, where notes of one pitch, track and channel end in the order of their starts. Track 0's
/// name is written also when it has no notes. Throws Error as check().
File to_file(const Score& score);

/// Throws Error for the first thing in `score` that no MIDI file can hold or that has no meaning:
/// values out of range, a note past tick 2^32 - 1, tempos or signatures not in ascending order.
void check(const Score& score);

/// `bar` counted from 0; `beat` from 0 in units of the time signature's denominator.
struct Position {
  std::int64_t bar = 0;
  double beat = 0;
};

/// Ticks, seconds, bars and beats of one score. Where the division is in frames, ticks are time:
/// tempos have no effect, and asking for bars throws Error.
class TimeMap {
 public:
  /// Throws Error as check(). 120 beats per minute and 4/4 until the first that the score gives.
  explicit TimeMap(const Score& score);

  /// Seconds from the start; exact to a few units in the last place.
  double seconds(double tick) const;

  /// The inverse; fractions of a tick are kept.
  double tick(double seconds) const;

  /// Where a tick lies in the bars; exact, also where a bar is no whole number of ticks. A time
  /// signature starts a new bar, and the one before it may be cut short by it.
  Position position(std::uint32_t tick) const;

  /// The inverse, for any beat; `beat` may lie outside its bar, and is counted on from there.
  double tick(const Position& position) const;

 private:
  struct TempoSpan {
    double tick, seconds, seconds_per_tick;
  };
  struct BarSpan {
    std::uint32_t tick;
    std::int64_t bar;
    std::uint64_t numerator, denominator;
  };
  void add_bars(const TimeSignature& signature);

  std::uint64_t ticks_per_whole_ = 0;  // per whole note; 0 where the division is in frames
  std::vector<TempoSpan> tempos_;
  std::vector<BarSpan> bars_;
};

}  // namespace etude::midi
