#pragma once
// The settings that REMI and MIDILike share, under MidiTok's names and with its defaults.
// Source: MidiTok 3.0.4 (Fradet et al., "MidiTok: A Python Package for MIDI File Tokenization",
// ISMIR 2021 late-breaking), `TokenizerConfig` and the JSON file it is kept in.

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace etude::miditok {

/// Key order as written.
using Json = nlohmann::ordered_json;

/// A time in beats: `beats` + `positions` / `resolution`, written "beats.positions.resolution".
struct BeatTime {
  int beats = 0, positions = 0, resolution = 1;
  std::string text() const;
  std::int64_t ticks(std::int64_t ticks_per_beat) const {
    return (std::int64_t{beats} * resolution + positions) * ticks_per_beat / resolution;
  }
  bool operator==(const BeatTime&) const = default;
};

/// From beat `first` up to `last` times are multiples of 1 / `positions` of a beat.
struct BeatRange {
  int first = 0, last = 0, positions = 0;
  bool operator==(const BeatRange&) const = default;
};

/// The bars of `numerators[i]` beats that are each a 1 / `denominator` note.
struct Meters {
  int denominator = 4;
  std::vector<int> numerators;
  bool operator==(const Meters&) const = default;
};

struct Config {
  std::array<int, 2> pitch_range = {21, 109};  // the second is the first that is out of it
  std::array<int, 2> drums_pitch_range = {27, 88};
  std::vector<BeatRange> beat_res = {{0, 4, 8}, {4, 12, 4}};
  std::vector<BeatRange> beat_res_rest = {{0, 1, 8}, {1, 2, 4}, {2, 12, 2}};
  int num_velocities = 32;
  std::vector<std::string> special_tokens = {"PAD_None", "BOS_None", "EOS_None", "MASK_None"};
  bool use_velocities = true, use_chords = false, use_rests = false, use_tempos = false,
       use_time_signatures = false, use_programs = false;
  bool use_pitchdrum_tokens = true;
  bool one_token_stream_for_programs = true;  // of no effect without use_programs
  bool chord_tokens_with_root_note = false;
  int num_tempos = 32;
  std::array<int, 2> tempo_range = {40, 250};  // beats per minute
  bool log_tempos = false;
  bool remove_duplicated_notes = false;
  bool delete_equal_successive_tempo_changes = false;
  std::vector<Meters> time_signature_range = {{8, {3, 12, 6}}, {4, {5, 6, 3, 2, 1, 4}}};
  /// MIDILike: notes that have no end last so long, longer ones are cut when decoded.
  std::optional<BeatTime> max_duration;
  bool operator==(const Config&) const = default;

  /// All tracks in one sequence.
  bool one_stream() const { return use_programs && one_token_stream_for_programs; }
  /// Positions per beat, the most of `beat_res`.
  int positions_per_beat() const;
};

/// Throws Error for settings of which no vocabulary can be made.
void check(const Config& config);

/// `base` with the settings of MidiTok's JSON: a tokenizer's file ("config" inside) or a config
/// alone. Throws Error that names the key for what is no setting of MidiTok's, has the wrong type,
/// or asks for what Etude has not: pedals, pitch bends, pitch intervals, attribute controls, other
/// lists of programs or chords, program changes, notes without duration, trained vocabularies.
/// `tokenization` ("REMI", "MIDILike") must be the file's, if it names one.
Config from_json(const Json& json, const std::string& tokenization, Config base = {});

/// The file that MidiTok 3.0.4 reads, with all of its settings.
Json to_json(const Config& config, const std::string& tokenization);

/// `base` with settings "key=value"; the values are written as in the JSON, strings also bare, e.g.
/// "use_chords=true" or "pitch_range=[21,109]". Throws Error as from_json().
Config with_settings(Config base, const std::vector<std::string>& settings);

/// Those in which it differs from `base`, as with_settings() reads them, separated by blanks.
std::string settings_text(const Config& config, const Config& base);

}  // namespace etude::miditok
