#include "tokenizers/miditok/midilike.h"

#include <algorithm>
#include <deque>
#include <map>

namespace etude {

using miditok::Event;
using miditok::Meter;
using miditok::Type;

MidiTokTokenizer::Ids MidiLikeTokenizer::with_time(const std::vector<Event>& events,
                                                   std::int64_t ticks_per_quarter) const {
  const miditok::Vocabulary& words = vocabulary();
  Ids ids;
  std::int64_t previous = 0, sounds_until = 0;
  std::int64_t beat = miditok::ticks_per_beat(Meter{}, ticks_per_quarter);
  const auto step = [&](std::int32_t id, std::int64_t ticks) {
    ids.push_back(id);
    previous += ticks;
  };
  for (const Event& event : events) {
    if (event.time != previous) {
      if (config().use_rests && event.time - sounds_until >= words.rests.front().ticks(beat)) {
        previous = sounds_until;
        each_step(event.time - previous, beat, words.rests, Type::rest, words, step);
      }
      each_step(event.time - previous, beat, words.durations, Type::time_shift, words, step);
      previous = event.time;
    }
    if (event.type == Type::time_signature)
      beat = miditok::ticks_per_beat(event.meter, ticks_per_quarter);
    ids.push_back(event.id);
    sounds_until = std::max(sounds_until, event.sounds_until);
  }
  return ids;
}

MidiTokTokenizer::Reading MidiLikeTokenizer::read(std::span<const std::int32_t> ids) const {
  const miditok::Vocabulary& words = vocabulary();
  Reading reading;
  std::map<std::pair<int, int>, std::deque<ReadNote>> sounding;  // by program and pitch
  std::int64_t tick = 0, bar_of_meter = 0, tick_of_meter = 0;
  Meter meter;
  const auto longest = [&] {
    const auto& limit = config().max_duration;
    return limit ? limit->ticks(ticks_per_beat(meter)) : kLastTick;
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto [type, value] = words.token(ids[i]);
    const auto index = static_cast<std::size_t>(value);
    if (type == Type::time_shift) {
      tick += words.durations[index].ticks(ticks_per_beat(meter));
    } else if (type == Type::rest) {
      tick += words.rests[index].ticks(ticks_per_beat(meter));
    } else if (type == Type::note_on || type == Type::drum_on) {
      const int velocity = velocity_after(ids, i);
      if (velocity > 0 && is_sounding(value))
        sounding[{reading.program, value}].push_back(
            {reading.program, type == Type::drum_on, {tick, 0, value, velocity}});
    } else if (type == Type::note_off || type == Type::drum_off) {
      if (auto& notes = sounding[{reading.program, value}]; !notes.empty()) {
        miditok::Note& note = reading.notes.emplace_back(notes.front()).note;
        note.duration = std::min(tick - note.time, longest());
        notes.pop_front();
      }
    } else if (type == Type::program) {
      reading.set_program(value);
    } else if (type == Type::tempo) {
      reading.tempos.push_back({tick, value});
    } else if (type == Type::time_signature) {
      const std::int64_t bar = ticks_per_bar(meter);
      bar_of_meter += (tick - tick_of_meter + bar - 1) / bar;
      tick_of_meter = tick;
      meter = words.meters[index];
      reading.meters.push_back({tick, meter});
    }
    tick = std::min(tick, kLastTick);
    reading.bars.push_back(bar_of_meter + (tick - tick_of_meter) / ticks_per_bar(meter));
  }
  for (auto& [key, notes] : sounding)
    for (ReadNote& unended : notes) {
      if (!config().max_duration) break;
      unended.note.duration = longest();
      reading.notes.push_back(unended);
    }
  return reading;
}

}  // namespace etude
