#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "tokenizers/midi/score.h"

namespace etude::midi {
namespace {

/// Events of one track to be; at one tick those of lower rank come first.
struct Part {
  // Offs before ons, so that a pitch struck again is not taken for one note by simple readers.
  enum Rank { name, program, note_end, change, note_start };

  void add(Rank rank, Event event) { events.emplace_back(rank, std::move(event)); }

  Track track(std::uint32_t end) {
    std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second.tick, a.first) < std::pair(b.second.tick, b.first);
    });
    Track track{.end = end};
    for (auto& [rank, event] : events) track.events.push_back(std::move(event));
    return track;
  }

  std::vector<std::pair<Rank, Event>> events;
  int current_program = -1;
};

/// By track, then channel.
using Parts = std::map<std::pair<int, int>, Part>;

Event meta(std::uint32_t tick, std::uint8_t type, std::vector<std::uint8_t> payload) {
  return {.tick = tick, .kind = Kind::meta, .data1 = type, .payload = std::move(payload)};
}

Event text(std::uint32_t tick, std::uint8_t type, const std::string& text) {
  return meta(tick, type, {text.begin(), text.end()});
}

void add_notes(Parts& parts, std::vector<Note> notes) {
  std::stable_sort(notes.begin(), notes.end(),
                   [](const Note& a, const Note& b) { return a.tick < b.tick; });
  for (const Note& note : notes) {
    Part& part = parts[{note.track, note.channel}];
    if (part.current_program != note.program) {
      const bool first = part.current_program < 0;
      part.add(first ? Part::program : Part::note_start,
               {first ? 0 : note.tick, Kind::program, note.channel, note.program});
      part.current_program = note.program;
    }
    part.add(Part::note_start, {note.tick, Kind::note_on, note.channel, note.pitch, note.velocity});
    part.add(note.duration == 0 ? Part::note_start : Part::note_end,
             {note.tick + note.duration, Kind::note_off, note.channel, note.pitch, 64});
  }
}

void add_changes(Parts& parts, const Score& score) {
  for (const Control& control : score.controls)
    parts[{control.track, control.channel}].add(
        Part::change,
        {control.tick, Kind::control, control.channel, control.number, control.value});
  for (const PitchBend& bend : score.pitch_bends) {
    const int value = bend.value + 8192;
    parts[{bend.track, bend.channel}].add(Part::change, {bend.tick, Kind::pitch_bend, bend.channel,
                                                         static_cast<std::uint8_t>(value & 0x7f),
                                                         static_cast<std::uint8_t>(value >> 7)});
  }
}

/// Tempos and signatures.
void add_conductor(Part& conductor, const Score& score) {
  for (const auto& [tick, tempo] : score.tempos)
    conductor.add(Part::change,
                  meta(tick, meta_tempo,
                       {static_cast<std::uint8_t>(tempo >> 16),
                        static_cast<std::uint8_t>(tempo >> 8), static_cast<std::uint8_t>(tempo)}));
  for (const auto& [tick, numerator, denominator] : score.time_signatures) {
    const auto exponent = static_cast<std::uint8_t>(std::countr_zero(denominator));
    // A metronome click per quarter note, and eight 32nds to the quarter: what everyone writes.
    conductor.add(Part::change, meta(tick, meta_time_signature, {numerator, exponent, 24, 8}));
  }
  for (const auto& [tick, sharps, minor] : score.key_signatures)
    conductor.add(Part::change, meta(tick, meta_key_signature,
                                     {static_cast<std::uint8_t>(sharps), std::uint8_t{minor}}));
}

/// The last tick that anything in the score reaches.
std::uint32_t end_of(const Parts& parts, const Part& conductor, std::uint32_t end) {
  const auto extend = [&](const Part& part) {
    for (const auto& [rank, event] : part.events) end = std::max(end, event.tick);
  };
  extend(conductor);
  for (const auto& [key, part] : parts) extend(part);
  return end;
}

}  // namespace

File to_file(const Score& score) {
  check(score);
  Parts parts;
  Part conductor;
  add_notes(parts, score.notes);
  add_changes(parts, score);

  const auto name_of = [&](std::size_t track) {
    return track < score.track_names.size() ? score.track_names[track] : std::string();
  };
  const auto add_name = [&](Part& part, int track) {
    const std::string name = name_of(track);
    if (!name.empty()) part.add(Part::name, text(0, meta_track_name, name));
  };
  for (auto& [key, part] : parts) add_name(part, key.first);
  if (parts.empty() || parts.begin()->first.first != 0) add_name(conductor, 0);
  add_conductor(conductor, score);
  for (const Text& event : score.texts) {
    const auto found = parts.lower_bound({event.track, 0});
    Part& part =
        found != parts.end() && found->first.first == event.track ? found->second : conductor;
    part.add(Part::change, text(event.tick, event.type, event.text));
  }

  const std::uint32_t end = end_of(parts, conductor, score.end);
  File file{.format = 1, .division = score.division};
  file.tracks.push_back(conductor.track(end));
  for (auto& [key, part] : parts) file.tracks.push_back(part.track(end));
  return file;
}

}  // namespace etude::midi
