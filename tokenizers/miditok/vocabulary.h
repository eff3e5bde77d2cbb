#pragma once
// The tokens of REMI and MIDILike: names and ids in MidiTok's order, and what they stand for.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tokenizers/miditok/config.h"

namespace etude::miditok {

enum class Type : std::uint8_t {
  special,
  bar,
  pitch,
  note_on,
  note_off,
  velocity,
  duration,
  time_shift,
  position,
  drum_pitch,
  drum_on,
  drum_off,
  chord,
  rest,
  tempo,
  program,
  time_signature,
};

struct Meter {
  int numerator = 4, denominator = 4;
  bool operator==(const Meter&) const = default;
};

/// Which family of tokens says notes and time.
enum class Layout : std::uint8_t {
  remi,       // Bar, Position, Pitch, Duration
  midi_like,  // TimeShift, NoteOn, NoteOff
};

/// `value` of a token: the MIDI pitch, velocity or program (-1 is the drums), the position; else
/// the index in the list below that the type has.
struct Token {
  Type type = Type::special;
  int value = 0;
  bool operator==(const Token&) const = default;
};

class Vocabulary {
 public:
  /// Throws Error as check(), and where two tokens have one name.
  Vocabulary(const Config& config, Layout layout);

  std::int32_t size() const { return static_cast<std::int32_t>(tokens_.size()); }
  /// Throws Error for a number that is no id.
  const Token& token(std::int32_t id) const;
  /// As MidiTok prints it, e.g. "Pitch_60".
  const std::string& name(std::int32_t id) const;
  /// Throws Error if it is not in the vocabulary.
  std::int32_t id(Type type, int value) const;
  std::int32_t id(const Meter& meter) const;

  /// MIDI velocities, ascending; the vocabulary has them all, or none without use_velocities.
  std::vector<int> velocities;
  std::vector<BeatTime> durations;  // ascending, of Duration and TimeShift
  std::vector<BeatTime> rests;
  std::vector<double> tempos;  // beats per minute, ascending
  std::vector<Meter> meters;   // at least 4/4

  /// Ticks of a quarter note in what decode() makes: a position in the shortest beats is one tick.
  std::int64_t ticks_per_quarter() const { return ticks_per_quarter_; }
  /// Index of the tempo nearest to 120 beats per minute.
  int default_tempo() const;
  /// Index of the tempo nearest in microseconds per quarter note, the slower one of two.
  int nearest_tempo(double microseconds_per_quarter) const;

 private:
  void add(Type type, int value, const std::string& name);
  void add_pitches(Type type, const std::string& name, const std::array<int, 2>& range);
  void add_notes(const Config& config, Layout layout);
  void add_extras(const Config& config, Layout layout);

  std::int64_t ticks_per_quarter_ = 0;
  std::vector<Token> tokens_;
  std::vector<std::string> names_;
  std::map<std::pair<Type, int>, std::int32_t> ids_;
};

/// Of ascending `values` the index of the nearest to `value`, the higher one of two, and of equal
/// ones the last.
template <class T>
int nearest(const std::vector<T>& values, T value) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const T below = value > values[best] ? value - values[best] : values[best] - value;
    const T here = value > values[i] ? value - values[i] : values[i] - value;
    if (here <= below) best = i;
  }
  return static_cast<int>(best);
}

/// Ticks of a beat, and of a bar, in a score of `ticks_per_quarter`.
inline std::int64_t ticks_per_beat(const Meter& meter, std::int64_t ticks_per_quarter) {
  return ticks_per_quarter * 4 / meter.denominator;
}
inline std::int64_t ticks_per_bar(const Meter& meter, std::int64_t ticks_per_quarter) {
  return ticks_per_beat(meter, ticks_per_quarter) * meter.numerator;
}

}  // namespace etude::miditok
