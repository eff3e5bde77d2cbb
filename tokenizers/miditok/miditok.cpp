#include "tokenizers/miditok/miditok.h"

#include <algorithm>

#include "engine/error.h"

namespace etude {

using miditok::Piece;
using miditok::Track;
using miditok::Type;

MidiTokTokenizer::MidiTokTokenizer(std::string name, miditok::Config config, miditok::Config base,
                                   miditok::Layout layout)
    : name_(std::move(name)),
      config_(std::move(config)),
      base_(std::move(base)),
      layout_(layout),
      vocabulary_(config_, layout) {}

std::string MidiTokTokenizer::options() const { return miditok::settings_text(config_, base_); }

std::vector<MidiTokTokenizer::Ids> MidiTokTokenizer::encode_tracks(const midi::Score& score) const {
  const Piece piece = miditok::preprocess(score, config_, layout_, vocabulary_);
  const std::span<const Track> tracks = piece.tracks;
  std::vector<Ids> sequences;
  const auto add = [&](std::span<const Track> part) {
    sequences.push_back(
        with_time(events_of(piece, part, config_, layout_, vocabulary_), piece.ticks_per_quarter));
  };
  if (config_.one_stream() || tracks.empty()) {
    add(tracks);
  } else {
    for (std::size_t i = 0; i < tracks.size(); ++i) add(tracks.subspan(i, 1));
  }
  return sequences;
}

MidiTokTokenizer::Ids MidiTokTokenizer::encode(const midi::Score& score) const {
  std::vector<Ids> sequences = encode_tracks(score);
  require(sequences.size() == 1, name_, ": the score has ", sequences.size(),
          " tracks with notes, each a sequence of its own; for all of them in one, set "
          "use_programs=true");
  return std::move(sequences.front());
}

Piece MidiTokTokenizer::assemble(std::span<const Reading> readings,
                                 std::span<const int> programs) const {
  Piece piece{.ticks_per_quarter = vocabulary_.ticks_per_quarter()};
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const Reading& reading = readings[i];
    if (i == 0) {
      piece.tempos = reading.tempos;
      piece.meters = reading.meters;
    }
    if (!config_.one_stream()) {
      const bool drums = !reading.notes.empty() && reading.notes.front().drum;
      int program = reading.first_program.value_or(drums ? miditok::drum_program : 0);
      if (!programs.empty()) program = programs[i];
      piece.tracks.push_back({program, {}});
    }
    for (const ReadNote& read : reading.notes) {
      if (config_.one_stream() &&
          std::ranges::count(piece.tracks, read.program, &Track::program) == 0)
        piece.tracks.push_back({read.program, {}});
      Track& track = config_.one_stream()
                         ? *std::ranges::find(piece.tracks, read.program, &Track::program)
                         : piece.tracks.back();
      track.notes.push_back(read.note);
    }
  }
  std::erase_if(piece.tracks, [](const Track& track) { return track.notes.empty(); });
  const auto starts = [](const auto& change) { return change.time == 0; };
  if (std::ranges::none_of(piece.meters, starts)) piece.meters.insert(piece.meters.begin(), {{}});
  if (config_.use_tempos && std::ranges::none_of(piece.tempos, starts))
    piece.tempos.insert(piece.tempos.begin(), {0, vocabulary_.default_tempo()});
  return piece;
}

midi::Score MidiTokTokenizer::decode(std::span<const std::int32_t> ids) const {
  const Reading reading = read(ids);
  return to_score(assemble({&reading, 1}, {}), vocabulary_);
}

midi::Score MidiTokTokenizer::decode_tracks(std::span<const Ids> sequences,
                                            std::span<const int> programs) const {
  require(programs.empty() || programs.size() == sequences.size(), name_,
          ": decode_tracks() takes ", "a program for each of the ", sequences.size(),
          " sequences, not ", programs.size());
  require(!config_.one_stream() || sequences.size() == 1, name_,
          ": all tracks are in one sequence, ", "not in ", sequences.size());
  for (const int program : programs)
    require(program >= miditok::drum_program && program < 128, name_,
            ": a program is 0 to 127, or -1 for drums, not ", program);
  std::vector<Reading> readings;
  for (const Ids& ids : sequences) readings.push_back(read(ids));
  return to_score(assemble(readings, programs), vocabulary_);
}

midi::Score MidiTokTokenizer::preprocess(const midi::Score& score) const {
  return to_score(miditok::preprocess(score, config_, layout_, vocabulary_), vocabulary_);
}

std::vector<std::int64_t> MidiTokTokenizer::bars(std::span<const std::int32_t> ids) const {
  return read(ids).bars;
}

std::int64_t MidiTokTokenizer::num_notes(std::span<const std::int32_t> ids) const {
  return std::ssize(read(ids).notes);
}

int MidiTokTokenizer::velocity_after(std::span<const std::int32_t> ids, std::size_t at) const {
  if (!config_.use_velocities) return kDefaultVelocity;
  if (at + 1 >= ids.size()) return 0;
  const miditok::Token& next = vocabulary_.token(ids[at + 1]);
  return next.type == Type::velocity ? next.value : 0;
}

}  // namespace etude
