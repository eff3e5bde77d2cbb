#pragma once
// What must hold for REMI, REMI+ and MIDILike and any bytes, taken as ids and as a MIDI file.

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/error.h"
#include "tokenizers/miditok/midilike.h"
#include "tokenizers/miditok/remi.h"

namespace etude::miditok {

using Ids = MidiTokTokenizer::Ids;
using Row = std::array<std::int64_t, 5>;

/// Throws std::logic_error, which neither the fuzzer nor doctest takes for an answer.
inline void expect(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// The tokenizers with all their tokens, and as they are by default.
inline const std::vector<std::unique_ptr<const MidiTokTokenizer>>& tokenizers() {
  static const auto list = [] {
    const Config plain;
    Config all;
    all.use_programs = all.use_time_signatures = all.use_tempos = all.use_chords = true;
    Config tracks = all;
    tracks.one_token_stream_for_programs = false;
    tracks.use_velocities = false;
    Config rests = all;
    rests.use_rests = true;
    std::vector<std::unique_ptr<const MidiTokTokenizer>> made;
    for (const Config& config : {plain, all, tracks, rests}) {
      made.push_back(std::make_unique<RemiTokenizer>("remi", config, plain));
      made.push_back(std::make_unique<MidiLikeTokenizer>("midilike", config, plain));
    }
    return made;
  }();
  return list;
}

/// Notes, tempos and meters as sorted rows; times by `factor`. What MIDILike does not keep is left
/// out: which of the ends of one pitch belongs to which start.
inline std::vector<Row> rows_of(const midi::Score& score, const MidiTokTokenizer& tokenizer,
                                std::int64_t factor) {
  std::vector<Row> rows;
  const bool paired = tokenizer.name() == "remi";
  for (const midi::Note& note : score.notes) {
    const bool drums = note.channel == midi::drum_channel;
    const int velocity = tokenizer.config().use_velocities ? note.velocity : 0;
    const std::int64_t who = (drums ? 1000 : note.program) + 10'000 * note.track;
    const std::int64_t start = note.tick * factor, length = note.duration * factor;
    rows.push_back({start, who, note.pitch, velocity, paired ? length : 0});
    if (!paired) rows.push_back({start + length, who, note.pitch, -1, 0});
  }
  for (const auto& [tick, microseconds] : score.tempos)
    if (tokenizer.config().use_tempos) rows.push_back({tick * factor, -1, microseconds, 0, 0});
  for (const auto& [tick, numerator, denominator] : score.time_signatures)
    rows.push_back({tick * factor, -2, numerator, denominator, 0});
  std::ranges::sort(rows);
  return rows;
}

/// Programs of the tracks, which the ids of one track need not have.
inline std::vector<int> programs_of(const midi::Score& score) {
  std::map<int, int> programs;
  for (const midi::Note& note : score.notes)
    programs[note.track] = note.channel == midi::drum_channel ? drum_program : note.program;
  std::vector<int> list;
  for (const auto& [track, program] : programs) list.push_back(program);
  return list;
}

/// Where MidiTok's slips lose no notes. They do where beats change their length (sections.h), and
/// where MIDILike with rests changes the meter in silence (the silence is said twice) or with
/// chords ends notes of no length (before they start).
inline bool is_regular(const midi::Score& score, const MidiTokTokenizer& tokenizer) {
  const std::vector<midi::TimeSignature>& meters = score.time_signatures;
  const Config& config = tokenizer.config();
  const auto lasts = [](const midi::Note& note) { return note.duration > 0; };
  if (tokenizer.name() == "midilike" &&
      ((config.use_rests && meters.size() > 1) ||
       (config.use_chords && !std::ranges::all_of(score.notes, lasts))))
    return false;
  return std::ranges::adjacent_find(meters, std::ranges::not_equal_to{},
                                    &midi::TimeSignature::denominator) == meters.end();
}

inline void check_round_trip(const MidiTokTokenizer& tokenizer, const midi::Score& score) {
  const std::vector<Ids> sequences = tokenizer.encode_tracks(score);
  const midi::Score kept = tokenizer.preprocess(score);
  std::vector<int> programs = programs_of(kept);
  if (tokenizer.config().one_stream() || kept.notes.empty()) programs.clear();
  const midi::Score again = tokenizer.decode_tracks(sequences, programs);
  if (!is_regular(score, tokenizer) || !is_regular(kept, tokenizer)) return;
  // In one sequence tracks are in the order of their first notes.
  const auto one_track = [&](midi::Score music) {
    for (midi::Note& note : music.notes)
      if (tokenizer.config().one_stream()) note.track = 0;
    return music;
  };
  const std::int64_t factor = again.division.ticks / kept.division.ticks;
  expect(rows_of(one_track(again), tokenizer, 1) == rows_of(one_track(kept), tokenizer, factor),
         "decode(encode(x)) is preprocess(x)");
  std::int64_t num_notes = 0;
  for (const Ids& ids : sequences) num_notes += tokenizer.num_notes(ids);
  expect(num_notes == std::ssize(kept.notes), "every note is one in the ids");
  const midi::Score twice = tokenizer.preprocess(kept);
  expect(rows_of(twice, tokenizer, 1) == rows_of(kept, tokenizer, 1),
         "preprocess(preprocess(x)) is preprocess(x)");
}

inline void check_ids(const MidiTokTokenizer& tokenizer, const Ids& ids) {
  const midi::Score score = tokenizer.decode(ids);
  midi::check(score);
  const midi::File file = midi::to_file(score);
  expect(midi::parse(midi::serialise(file), "decoded") == file, "any ids give a MIDI file");
  expect(std::ssize(score.notes) == tokenizer.num_notes(ids), "num_notes() counts them");
  const std::vector<std::int64_t> bars = tokenizer.bars(ids);
  expect(bars.size() == ids.size() && std::ranges::is_sorted(bars), "bars never go back");
  check_round_trip(tokenizer, score);
}

/// `bytes` as ids, two for each, and as a file. The first says which tokenizer.
inline void check_miditok(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const MidiTokTokenizer& tokenizer = *tokenizers()[bytes[0] % tokenizers().size()];
  const std::span<const std::uint8_t> rest = bytes.subspan(1);
  Ids ids;
  for (std::size_t i = 0; i + 1 < rest.size(); i += 2)
    ids.push_back((rest[i] << 8 | rest[i + 1]) % tokenizer.vocabulary_size());
  check_ids(tokenizer, ids);
  midi::Score score;
  try {
    score = midi::score(midi::parse(rest, "fuzz"));
    // Bars without notes are tokens: a note at the last tick that a file can have would be
    // millions.
    if (score.end / (score.division.ticks + 1) > 10'000) return;
    tokenizer.encode_tracks(score);
  } catch (const Error&) {
    return;  // no MIDI file, or one in frames
  }
  check_round_trip(tokenizer, score);
}

}  // namespace etude::miditok
