#pragma once
// A piano performance as 240 events: keys down and up, loudness, and waiting in steps that grow
// geometrically. No bars, no tempo, no pedal.
// Source: Simon and Oore, "Performance RNN: Generating Music with Expressive Timing and Dynamics",
// Magenta, 2017, in the variant for the 88 keys of a piano with 32 velocities and 32 time shifts.

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizers/tokenizer.h"

namespace etude {

struct PerformanceOptions {
  /// What is left of the time between two events when no shift fits, under 1/65 s: false drops it,
  /// as the original does, so that pieces shrink; true adds it to the next time, so that every
  /// event stays within 1/65 s of its place.
  bool carry_residual = false;
};

/// ids         event       value
///   0 -  87   note_on     pitch 21 to 108
///  88 - 175   note_off    the same
/// 176 - 207   velocity    k = 0 to 31, of the notes that follow
/// 208 - 239   time_shift  1.15^k / 65 seconds for k = 0 to 31: 15.385 ms to 1171.439 ms
class PerformanceTokenizer final : public Tokenizer {
 public:
  static constexpr std::int32_t note_on = 0, note_off = 88, velocity = 176, time_shift = 208,
                                num_ids = 240;
  static constexpr int lowest_pitch = 21, highest_pitch = 108, num_keys = 88;
  static constexpr int num_velocities = 32, num_shifts = 32;
  static constexpr double smallest_shift = 1.0 / 65;       // seconds
  static constexpr double shortest_note = 0.25;            // seconds that a decoded note lasts
  static constexpr double unended_note = 1;                // seconds, without a note_off of its own
  static constexpr int first_velocity = 64;                // before the first velocity event
  static constexpr double longest_piece = 100 * 3600;      // seconds
  static constexpr std::uint16_t ticks_per_quarter = 220;  // of decoded scores

  explicit PerformanceTokenizer(PerformanceOptions options = {}) : options_(options) {}

  std::string name() const override { return "performance"; }
  std::string options() const override;
  std::int32_t vocabulary_size() const override { return num_ids; }

  /// Each note, in the order of the score, is a velocity and a note_on at its start and a note_off
  /// at its end; these are sorted by time alone. Between two of them the longest shifts that fit
  /// are taken. The first note starts at once and nothing follows the last note_off. Left out are
  /// notes on the drum channel and pitches that a piano lacks; pedal, programs and tempos are not
  /// in the vocabulary (times are in seconds), so a score without a piano note gives no ids.
  /// Throws Error for a score that check() refuses, and for one longer than `longest_piece` and
  /// `unended_note` together from the first note to the last end.
  std::vector<std::int32_t> encode(const midi::Score& score) const override;

  /// A score at 120 beats per minute with 220 ticks per quarter note, 440 per second; times go to
  /// the nearest tick. A note_off ends the last note of its pitch, if that still sounds, after
  /// `shortest_note` at the earliest. Notes that have none, or whose pitch is struck again before
  /// it, last `unended_note`. At `longest_piece` the clock stops.
  midi::Score decode(std::span<const std::int32_t> ids) const override;

  std::string describe(std::int32_t id) const override;

  /// The first k whose edge 21 + 88 k / 31 is not below the MIDI velocity, held within 21 to 108;
  /// 31 above the last edge, which is that of k = 30.
  static int velocity_index(int midi_velocity);

  /// The MIDI velocity of index k: its edge without the fraction; 31 is decoded as 30.
  static int velocity_value(int k);

  /// Seconds of shift k.
  static double shift_seconds(int k);

 private:
  PerformanceOptions options_;
};

}  // namespace etude
