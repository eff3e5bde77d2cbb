#include "tokenizers/miditok/events.h"

#include <algorithm>
#include <map>
#include <utility>

#include "tokenizers/miditok/chords.h"

namespace etude::miditok {
namespace {

/// MIDILike's order at one time, of pieces with chords.
enum Order { global = 0, note_offs = 1, others = 10 };

struct Ordered {
  Event event;
  Order order = others;
};

class Writer {
 public:
  Writer(const Config& config, Layout layout, const Vocabulary& vocabulary)
      : config_(config), remi_(layout == Layout::remi), vocabulary_(vocabulary) {}

  void add_global(const Piece& piece) {
    for (const auto& [time, meter] : piece.meters)
      if (config_.use_time_signatures)
        events.push_back(
            {{time, Type::time_signature, vocabulary_.id(meter), remi_ ? time : 0, meter}, global});
    for (const auto& [time, tempo] : piece.tempos)
      events.push_back({{time, Type::tempo, vocabulary_.id(Type::tempo, tempo), time}, global});
  }

  void add_chords(const Track& track, const std::vector<Span>& beats) {
    for (const Chord& chord : find_chords(track.notes, beats, config_.beat_res.front().positions,
                                          config_.chord_tokens_with_root_note)) {
      add_program(track, chord.time, chord.time, others);
      add(chord.time, Type::chord, chord.name, chord.time);
    }
  }

  void add_notes(const Track& track, const std::vector<Span>& beats) {
    const bool drums = track.program == drum_program && config_.use_pitchdrum_tokens;
    for (const Note& note : track.notes) {
      add_program(track, note.time, note.time, others);
      const Type on = drums ? (remi_ ? Type::drum_pitch : Type::drum_on)
                            : (remi_ ? Type::pitch : Type::note_on);
      add(note.time, on, note.pitch, note.end());
      if (config_.use_velocities) add(note.time, Type::velocity, note.velocity, 0);
      if (remi_) {
        add(note.time, Type::duration, duration_of(note, beats), 0);
        continue;
      }
      add_program(track, note.end(), note.end(), note_offs);
      add(note.end(), drums ? Type::drum_off : Type::note_off, note.pitch, 0, note_offs);
    }
  }

  std::vector<Ordered> events;

 private:
  void add(std::int64_t time, Type type, int value, std::int64_t sounds_until,
           Order order = others) {
    events.push_back({{time, type, vocabulary_.id(type, value), sounds_until}, order});
  }

  void add_program(const Track& track, std::int64_t time, std::int64_t sounds_until, Order order) {
    if (config_.use_programs) add(time, Type::program, track.program, sounds_until, order);
  }

  int duration_of(const Note& note, const std::vector<Span>& beats) const {
    const auto beat =
        std::ranges::find_if(beats, [&](const Span& span) { return note.time < span.end; })->value;
    std::vector<std::int64_t>& ticks = duration_ticks_[beat];
    if (ticks.empty())
      for (const BeatTime& duration : vocabulary_.durations) ticks.push_back(duration.ticks(beat));
    return nearest(ticks, note.duration);
  }

  const Config& config_;
  const bool remi_;
  const Vocabulary& vocabulary_;
  mutable std::map<std::int64_t, std::vector<std::int64_t>> duration_ticks_;  // by ticks per beat
};

}  // namespace

std::vector<Event> events_of(const Piece& piece, std::span<const Track> tracks,
                             const Config& config, Layout layout, const Vocabulary& vocabulary) {
  Writer writer(config, layout, vocabulary);
  writer.add_global(piece);
  const std::vector<Span> beats = beats_of(piece);
  for (const Track& track : tracks) {
    if (config.use_chords && track.program != drum_program) writer.add_chords(track, beats);
    writer.add_notes(track, beats);
  }
  const bool ordered = layout == Layout::midi_like && config.use_chords;
  std::ranges::stable_sort(writer.events, {}, [&](const Ordered& entry) {
    return std::pair(entry.event.time, ordered ? entry.order : others);
  });
  std::vector<Event> events;
  for (const Ordered& entry : writer.events) events.push_back(entry.event);
  return events;
}

}  // namespace etude::miditok
