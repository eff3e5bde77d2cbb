#include "models/music_gpt/bars.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <vector>

#include "engine/error.h"

namespace etude::music_gpt {
namespace {

/// Events from `begin` on and before `end`, as if `begin` were 0; there, of each kind, the last one
/// that came until then.
template <class Event, class Kind>
std::vector<Event> part_of(const std::vector<Event>& events, std::uint32_t begin, std::uint32_t end,
                           const Kind& kind) {
  std::map<decltype(kind(events[0])), Event> in_force;
  std::vector<Event> later;
  for (Event event : events) {
    if (event.tick >= end) break;
    const bool before = event.tick <= begin;
    event.tick = before ? 0 : event.tick - begin;
    if (before) {
      in_force.insert_or_assign(kind(event), event);
    } else {
      later.push_back(event);
    }
  }
  std::vector<Event> all;
  for (const auto& [key, event] : in_force) all.push_back(event);
  all.insert(all.end(), later.begin(), later.end());
  return all;
}

}  // namespace

std::int64_t num_bars(const midi::Score& score) {
  if (score.notes.empty()) return 0;
  return midi::TimeMap(score).position(score.notes.back().tick).bar + 1;
}

midi::Score bars_of(const midi::Score& score, std::int64_t first, std::int64_t count) {
  require(first >= 0 && count >= 1, "bars of a score: ", count, " from bar ", first);
  const midi::TimeMap time(score);
  const auto tick_of = [&](std::int64_t bar) {  // the first of the bar, which may begin before
    return static_cast<std::uint32_t>(std::ceil(time.tick(midi::Position{bar, 0})));
  };
  const std::uint32_t begin = tick_of(first), end = tick_of(first + count);
  const auto one_kind = [](const auto&) { return 0; };
  midi::Score part{.division = score.division, .end = end - begin};
  part.track_names = score.track_names;
  part.tempos = part_of(score.tempos, begin, end, one_kind);
  // With that at the end, which may cut the last bar short.
  part.time_signatures = part_of(score.time_signatures, begin, end + 1, one_kind);
  part.key_signatures = part_of(score.key_signatures, begin, end, one_kind);
  part.controls = part_of(score.controls, begin, end, [](const midi::Control& c) {
    return std::tuple(c.track, c.channel, c.number);
  });
  part.pitch_bends = part_of(score.pitch_bends, begin, end, [](const midi::PitchBend& b) {
    return std::tuple(b.track, b.channel);
  });
  for (midi::Note note : score.notes) {
    if (note.tick < begin || note.tick >= end) continue;
    note.duration = std::min(note.duration, end - note.tick);
    note.tick -= begin;
    part.notes.push_back(note);
  }
  return part;
}

}  // namespace etude::music_gpt
