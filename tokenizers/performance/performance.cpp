#include "tokenizers/performance/performance.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <sstream>
#include <tuple>

#include "engine/error.h"

namespace etude {
namespace {

using Performance = PerformanceTokenizer;

// A quarter note at 120 beats per minute is half a second.
constexpr double ticks_per_second = 2 * Performance::ticks_per_quarter;

// Seconds. Differences of times are exact to less than this: a shift that fits on paper fits here.
constexpr double rounding = 1e-9;

const std::array<double, Performance::num_shifts>& shifts() {
  static const auto table = [] {
    std::array<double, Performance::num_shifts> seconds{};
    for (int k = 0; k < Performance::num_shifts; ++k)
      seconds[static_cast<std::size_t>(k)] = std::pow(1.15, k) / 65;
    return seconds;
  }();
  return table;
}

/// -1 if none fits.
int longest_shift_in(double seconds) {
  const auto above = std::ranges::upper_bound(shifts(), seconds + rounding);
  return static_cast<int>(above - shifts().begin()) - 1;
}

void check_id(std::int32_t id) {
  require(id >= 0 && id < Performance::num_ids, "performance: ", id, " is no id; they are 0 to ",
          Performance::num_ids - 1);
}

struct TimedId {
  std::uint32_t tick;
  std::int32_t id;
};

std::vector<TimedId> timed_events(const midi::Score& score) {
  std::vector<const midi::Note*> notes;
  for (const midi::Note& note : score.notes) {
    const bool on_piano =
        note.pitch >= Performance::lowest_pitch && note.pitch <= Performance::highest_pitch;
    if (note.channel != midi::drum_channel && on_piano) notes.push_back(&note);
  }
  std::ranges::stable_sort(notes, {}, &midi::Note::tick);
  std::vector<TimedId> events;
  for (const midi::Note* note : notes) {
    const int key = note->pitch - Performance::lowest_pitch;
    events.push_back(
        {note->tick, Performance::velocity + Performance::velocity_index(note->velocity)});
    events.push_back({note->tick, Performance::note_on + key});
    events.push_back({note->tick + note->duration, Performance::note_off + key});
  }
  std::ranges::stable_sort(events, {}, &TimedId::tick);
  return events;
}

struct TimedNote {
  double start, end;  // seconds; end is below start until a note_off was seen
  int pitch, velocity;
};

std::vector<TimedNote> timed_notes(std::span<const std::int32_t> ids) {
  constexpr std::size_t none = -1;
  std::array<std::size_t, Performance::num_keys> sounding;  // by key, the index in `notes`
  sounding.fill(none);
  std::vector<TimedNote> notes;
  double seconds = 0;
  int velocity = Performance::first_velocity;
  for (const std::int32_t id : ids) {
    check_id(id);
    if (id >= Performance::time_shift) {
      seconds += Performance::shift_seconds(id - Performance::time_shift);
      seconds = std::min(seconds, Performance::longest_piece);
    } else if (id >= Performance::velocity) {
      velocity = Performance::velocity_value(id - Performance::velocity);
    } else if (id >= Performance::note_off) {
      std::size_t& note = sounding[static_cast<std::size_t>(id - Performance::note_off)];
      if (note == none) continue;
      notes[note].end = std::max(seconds, notes[note].start + Performance::shortest_note);
      note = none;
    } else {
      sounding[static_cast<std::size_t>(id)] = notes.size();
      notes.push_back({seconds, -1, id + Performance::lowest_pitch, velocity});
    }
  }
  for (TimedNote& note : notes)
    if (note.end < note.start) note.end = note.start + Performance::unended_note;
  return notes;
}

}  // namespace

int PerformanceTokenizer::velocity_index(int midi_velocity) {
  // The edges are 88 / 31 apart: round up in whole numbers.
  return ((std::clamp(midi_velocity, 21, 108) - 21) * 31 + 87) / 88;
}

int PerformanceTokenizer::velocity_value(int k) { return 21 + std::min(k, 30) * 88 / 31; }

double PerformanceTokenizer::shift_seconds(int k) { return shifts()[static_cast<std::size_t>(k)]; }

std::string PerformanceTokenizer::options() const {
  return std::string("carry_residual=") + (options_.carry_residual ? "true" : "false");
}

std::vector<std::int32_t> PerformanceTokenizer::encode(const midi::Score& score) const {
  midi::check(score);
  const std::vector<TimedId> events = timed_events(score);
  if (events.empty()) return {};
  const midi::TimeMap map(score);
  double clock = map.seconds(events.front().tick);
  const double seconds = map.seconds(events.back().tick) - clock;
  require(seconds <= longest_piece + unended_note + rounding, "performance: the piece lasts ",
          seconds, " s from its first note to its last, at most ", longest_piece,
          " s can be encoded; cut it, or mend its tempos");
  std::vector<std::int32_t> ids;
  for (const TimedId& event : events) {
    const double now = map.seconds(event.tick);
    double rest = now - clock;
    for (int k = longest_shift_in(rest); k >= 0; k = longest_shift_in(rest)) {
      ids.push_back(time_shift + k);
      rest -= shift_seconds(k);
    }
    ids.push_back(event.id);
    clock = options_.carry_residual ? now - rest : now;
  }
  return ids;
}

midi::Score PerformanceTokenizer::decode(std::span<const std::int32_t> ids) const {
  midi::Score score;
  score.division.ticks = ticks_per_quarter;
  score.tempos = {midi::Tempo{}};
  score.time_signatures = {midi::TimeSignature{}};
  const auto tick = [](double seconds) {
    return static_cast<std::uint32_t>(std::llround(seconds * ticks_per_second));
  };
  for (const TimedNote& note : timed_notes(ids)) {
    const std::uint32_t start = tick(note.start), end = tick(note.end);
    score.notes.push_back({.tick = start,
                           .duration = end - start,
                           .pitch = static_cast<std::uint8_t>(note.pitch),
                           .velocity = static_cast<std::uint8_t>(note.velocity),
                           .track = 1});
    score.end = std::max(score.end, end);
  }
  std::ranges::stable_sort(
      score.notes, {}, [](const midi::Note& note) { return std::tuple(note.tick, note.pitch); });
  score.track_names = {"", ""};  // the tempos' and the notes'
  if (score.notes.empty()) score.track_names.pop_back();
  return score;
}

std::string PerformanceTokenizer::describe(std::int32_t id) const {
  check_id(id);
  std::ostringstream text;
  if (id >= time_shift) {
    text << "time_shift " << std::fixed << std::setprecision(3)
         << 1000 * shift_seconds(id - time_shift) << " ms";
  } else if (id >= velocity) {
    text << "velocity " << velocity_value(id - velocity);
  } else {
    text << (id >= note_off ? "note_off " : "note_on ") << lowest_pitch + id % num_keys;
  }
  return text.str();
}

}  // namespace etude
