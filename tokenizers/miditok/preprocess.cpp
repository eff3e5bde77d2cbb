#include "tokenizers/miditok/preprocess.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "engine/error.h"
#include "tokenizers/miditok/sections.h"

namespace etude::miditok {
namespace {

struct Context {
  const Config& config;
  Layout layout;
  const Vocabulary& vocabulary;
};

/// To the nearest, halves up.
std::int64_t scaled(std::int64_t ticks, std::int64_t from, std::int64_t to) {
  return (2 * ticks * to + from) / (2 * from);
}

std::vector<MeterChange> known_meters(const midi::Score& score, const Context& context) {
  std::vector<MeterChange> changes;
  if (!context.config.use_time_signatures) return {MeterChange{}};
  for (const auto& [tick, numerator, denominator] : score.time_signatures) {
    const Meter meter{numerator, denominator};
    if (std::ranges::count(context.vocabulary.meters, meter) > 0) changes.push_back({tick, meter});
  }
  if (changes.empty() || changes.front().time != 0) changes.insert(changes.begin(), MeterChange{});
  return changes;
}

/// The tracks by MIDI track, channel and program, notes by time, pitch and duration, resampled.
std::vector<Track> split(const midi::Score& score, std::int64_t ticks_per_quarter) {
  std::map<std::tuple<int, int, int>, std::vector<const midi::Note*>> parts;
  for (const midi::Note& note : score.notes)
    parts[{note.track, note.channel, note.program}].push_back(&note);
  const std::int64_t from = score.division.ticks;
  std::vector<Track> tracks;
  for (auto& [key, notes] : parts) {
    std::ranges::stable_sort(notes, {}, [](const midi::Note* note) {
      return std::tuple(note->tick, note->pitch, note->duration);
    });
    const bool drums = std::get<1>(key) == midi::drum_channel;
    Track& track = tracks.emplace_back(Track{drums ? drum_program : std::get<2>(key), {}});
    for (const midi::Note* note : notes) {
      Note here{note->tick, note->duration, note->pitch, note->velocity};
      if (from != ticks_per_quarter) {
        here.time = scaled(here.time, from, ticks_per_quarter);
        here.duration = std::max<std::int64_t>(1, scaled(here.duration, from, ticks_per_quarter));
      }
      track.notes.push_back(here);
    }
  }
  return tracks;
}

/// One track per program, where the first of them was; merged notes by time, duration, pitch and
/// velocity.
void merge_programs(std::vector<Track>& tracks) {
  std::vector<Track> merged;
  std::vector<bool> several;
  for (Track& track : tracks) {
    const auto found = std::ranges::find(merged, track.program, &Track::program);
    if (found == merged.end()) {
      merged.push_back(std::move(track));
      several.push_back(false);
    } else {
      found->notes.insert(found->notes.end(), track.notes.begin(), track.notes.end());
      several[static_cast<std::size_t>(found - merged.begin())] = true;
    }
  }
  for (std::size_t i = 0; i < merged.size(); ++i)
    if (several[i])
      std::ranges::sort(merged[i].notes, {}, [](const Note& note) {
        return std::tuple(note.time, note.duration, note.pitch, note.velocity);
      });
  tracks = std::move(merged);
}

void remove_duplicates(std::vector<Note>& notes) {
  std::ranges::sort(notes, {}, [](const Note& note) {
    return std::tuple(note.time, note.pitch, note.duration, note.velocity);
  });
  const auto same = [](const Note& a, const Note& b) {
    return a.time == b.time && a.pitch == b.pitch;
  };
  notes.erase(std::unique(notes.begin(), notes.end(), same), notes.end());
}

void quantise_notes(Track& track, const Context& context, const std::vector<Span>& beats,
                    const std::vector<Span>& units) {
  const auto& [config, layout, vocabulary] = context;
  const bool drums = track.program == drum_program && config.use_pitchdrum_tokens;
  const auto [first, end] = drums ? config.drums_pitch_range : config.pitch_range;
  std::erase_if(track.notes, [first = first, end = end](const Note& note) {
    return note.pitch < first || note.pitch >= end;
  });
  if (track.notes.empty()) return;
  for (Note& note : track.notes)
    if (config.use_velocities)
      note.velocity =
          vocabulary
              .velocities[static_cast<std::size_t>(nearest(vocabulary.velocities, note.velocity))];
  std::vector<Span> sections;
  if (units.size() > 1) {
    sections = index_sections(units, track.notes);
    round_times(track.notes, sections);
  }
  if (layout == Layout::remi)
    snap_durations(track.notes, beats, vocabulary.durations);
  else if (units.size() > 1)
    round_durations(track.notes, sections);
  if (config.remove_duplicated_notes) remove_duplicates(track.notes);
}

std::vector<TempoChange> quantise_tempos(const midi::Score& score, const Context& context,
                                         std::int64_t ticks_per_quarter,
                                         const std::vector<Span>& units) {
  std::vector<TempoChange> all, kept;
  for (const midi::Tempo& tempo : score.tempos)
    all.push_back({scaled(tempo.tick, score.division.ticks, ticks_per_quarter),
                   context.vocabulary.nearest_tempo(tempo.microseconds_per_quarter)});
  if (units.size() > 1) round_times(all, units);
  for (const TempoChange& change : all) {
    if (!kept.empty() && kept.back().time == change.time) kept.pop_back();
    kept.push_back(change);
  }
  if (context.config.delete_equal_successive_tempo_changes) {
    const auto same = [](const TempoChange& a, const TempoChange& b) { return a.tempo == b.tempo; };
    kept.erase(std::unique(kept.begin(), kept.end(), same), kept.end());
  }
  if (kept.empty() || kept.front().time != 0)
    kept.insert(kept.begin(), {0, context.vocabulary.default_tempo()});
  return kept;
}

}  // namespace

void align_meters(std::vector<MeterChange>& changes, std::int64_t ticks_per_quarter) {
  std::int64_t bar = ticks_per_bar(changes.front().meter, ticks_per_quarter), previous = 0;
  const auto erase = [&](std::size_t i) {
    changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(i));
  };
  for (std::size_t i = 0; i < changes.size();) {
    if (i >= 1 && changes[i].meter == changes[i - 1].meter) {
      erase(i);
      continue;
    }
    if (i >= 1) changes[i].time = std::max(changes[i].time, changes[i - 1].time);
    const std::int64_t late = (changes[i].time - previous) % bar;
    if (late > 0) changes[i].time += bar - late;
    bar = ticks_per_bar(changes[i].meter, ticks_per_quarter);
    previous = changes[i].time;
    if (i == 0 || changes[i].time != changes[i - 1].time) {
      ++i;
      continue;
    }
    erase(i - 1);  // this one is i - 1 now
    if (i < 2 || changes[i - 1].meter != changes[i - 2].meter) continue;
    erase(i - 1);
    bar = ticks_per_bar(changes[i - 2].meter, ticks_per_quarter);
    previous = changes[i - 2].time;
    --i;
  }
}

Piece preprocess(const midi::Score& score, const Config& config, Layout layout,
                 const Vocabulary& vocabulary) {
  midi::check(score);
  require(score.division.frames_per_second == 0,
          "miditok: the score counts time in frames, and so has no bars");
  const Context context{config, layout, vocabulary};
  Piece piece{.meters = known_meters(score, context)};
  const int shortest = std::ranges::max(piece.meters, {}, [](const MeterChange& change) {
                         return change.meter.denominator;
                       }).meter.denominator;
  const std::int64_t positions = config.positions_per_beat();
  piece.ticks_per_quarter = positions * shortest / 4;
  require(piece.ticks_per_quarter > 0, "miditok: the score's bars need more positions per beat");
  // As in MidiTok a product of floating-point numbers, cut off.
  const double ratio = static_cast<double>(piece.ticks_per_quarter) / score.division.ticks;
  for (MeterChange& change : piece.meters)
    change.time = static_cast<std::int64_t>(static_cast<double>(change.time) * ratio);

  piece.tracks = split(score, piece.ticks_per_quarter);
  if (config.one_stream()) merge_programs(piece.tracks);
  if (config.use_time_signatures) align_meters(piece.meters, piece.ticks_per_quarter);
  const std::vector<Span> beats = beats_of(piece);
  const std::vector<Span> units = spans_of(piece.meters, [&](const Meter& meter) {
    return 4 * piece.ticks_per_quarter / (positions * meter.denominator);
  });
  for (Track& track : piece.tracks) quantise_notes(track, context, beats, units);
  std::erase_if(piece.tracks, [](const Track& track) { return track.notes.empty(); });
  if (config.use_tempos)
    piece.tempos = quantise_tempos(score, context, piece.ticks_per_quarter, units);
  return piece;
}

}  // namespace etude::miditok
