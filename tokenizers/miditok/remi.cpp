#include "tokenizers/miditok/remi.h"

#include <algorithm>

namespace etude {
namespace {

using miditok::Event;
using miditok::Meter;
using miditok::Type;

/// Where the bars lie. `bar` is -1 before the first; `start` is its tick.
struct BarClock {
  std::int64_t bar = -1, start = 0;
  std::int64_t bar_of_meter = 0, tick_of_meter = 0;  // where the meter changed last
  std::int64_t ticks_per_bar = 0, ticks_per_beat = 0, ticks_per_position = 0;
  Meter meter;

  void set(const Meter& next, std::int64_t ticks_per_quarter, std::int64_t positions_per_beat) {
    meter = next;
    ticks_per_beat = miditok::ticks_per_beat(next, ticks_per_quarter);
    ticks_per_bar = miditok::ticks_per_bar(next, ticks_per_quarter);
    ticks_per_position = ticks_per_beat / positions_per_beat;
  }
  std::int64_t bar_at(std::int64_t tick) const {
    return bar_of_meter + (tick - tick_of_meter) / ticks_per_bar;
  }
  /// After a rest that ended at `tick`; the bars that it passed are entered without a token.
  void skip_to(std::int64_t tick) {
    const std::int64_t now = bar_at(tick);
    if (now <= bar) return;
    start += (now - std::max<std::int64_t>(bar, 0)) * ticks_per_bar;
    bar = now;
  }
};

/// Puts Bar, Position and Rest tokens between events.
class Writer {
 public:
  Writer(const miditok::Config& config, const miditok::Vocabulary& vocabulary,
         std::int64_t ticks_per_quarter)
      : config_(config), vocabulary_(vocabulary), ticks_per_quarter_(ticks_per_quarter) {}

  void set(const Meter& meter) {
    clock_.set(meter, ticks_per_quarter_, config_.positions_per_beat());
  }

  void add(const Event& event) {
    const bool is_meter = event.type == Type::time_signature;
    if (event.time != previous_) {
      if (config_.use_rests) rest_until(event.time);
      enter_bars(event.time, is_meter);
      if (!is_meter) add_position(event.time);
      previous_ = event.time;
    }
    if (is_meter) {
      clock_.bar_of_meter = clock_.bar_at(event.time);
      clock_.tick_of_meter = event.time;
      set(event.meter);
      --previous_;  // what comes next at this tick gets a Position
    }
    ids.push_back(event.id);
    sounds_until_ = std::max(sounds_until_, event.sounds_until);
  }

  std::vector<std::int32_t> ids;

 private:
  void rest_until(std::int64_t time) {
    const std::int64_t beat = clock_.ticks_per_beat;
    if (time - sounds_until_ < vocabulary_.rests.front().ticks(beat)) return;
    previous_ = sounds_until_;
    const auto add_rest = [&](std::int32_t id, std::int64_t ticks) {
      ids.push_back(id);
      previous_ += ticks;
    };
    miditok::each_step(time - previous_, beat, vocabulary_.rests, Type::rest, vocabulary_,
                       add_rest);
    clock_.skip_to(previous_);
  }

  /// A time signature at `time` follows the last of the bars itself.
  void enter_bars(std::int64_t time, bool meter_follows) {
    for (std::int64_t n = clock_.bar_at(time) - clock_.bar; n > 0; --n) {
      ++clock_.bar;
      clock_.start =
          clock_.tick_of_meter + (clock_.bar - clock_.bar_of_meter) * clock_.ticks_per_bar;
      ids.push_back(vocabulary_.id(Type::bar, 0));
      if (config_.use_time_signatures && !(meter_follows && n == 1))
        ids.push_back(vocabulary_.id(clock_.meter));
    }
  }

  void add_position(std::int64_t time) {
    const std::int64_t position = (time - clock_.start) / clock_.ticks_per_position;
    ids.push_back(vocabulary_.id(Type::position, static_cast<int>(position)));
  }

  const miditok::Config& config_;
  const miditok::Vocabulary& vocabulary_;
  const std::int64_t ticks_per_quarter_;
  BarClock clock_;
  std::int64_t previous_ = -1, sounds_until_ = 0;
};

}  // namespace

MidiTokTokenizer::Ids RemiTokenizer::with_time(const std::vector<Event>& events,
                                               std::int64_t ticks_per_quarter) const {
  Writer writer(config(), vocabulary(), ticks_per_quarter);
  const auto first = std::ranges::find(events, Type::time_signature, &Event::type);
  writer.set(first == events.end() ? Meter{} : first->meter);
  for (const Event& event : events) writer.add(event);
  return std::move(writer.ids);
}

/// The meter that a piece starts with: its first, if no note comes before it.
Meter RemiTokenizer::first_meter(std::span<const std::int32_t> ids) const {
  for (const std::int32_t id : ids) {
    const auto [type, value] = vocabulary().token(id);
    if (type == Type::time_signature) return vocabulary().meters[static_cast<std::size_t>(value)];
    if (type == Type::pitch || type == Type::drum_pitch || type == Type::velocity ||
        type == Type::duration)
      break;
  }
  return {};
}

/// Ticks of the Duration that follows the note at `at`; 0 if none does.
std::int64_t RemiTokenizer::duration_after(std::span<const std::int32_t> ids, std::size_t at,
                                           std::int64_t beat) const {
  at += config().use_velocities ? 2 : 1;
  if (at >= ids.size()) return 0;
  const auto [type, value] = vocabulary().token(ids[at]);
  if (type != Type::duration) return 0;
  return vocabulary().durations[static_cast<std::size_t>(value)].ticks(beat);
}

MidiTokTokenizer::Reading RemiTokenizer::read(std::span<const std::int32_t> ids) const {
  const miditok::Vocabulary& words = vocabulary();
  Reading reading;
  BarClock clock;
  const auto set_meter = [&](const Meter& meter, std::int64_t tick) {
    clock.set(meter, words.ticks_per_quarter(), config().positions_per_beat());
    reading.meters.push_back({tick, meter});
  };
  set_meter(first_meter(ids), 0);
  std::int64_t tick = 0, sounds_until = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto [type, value] = words.token(ids[i]);
    const auto index = static_cast<std::size_t>(value);
    if (type == Type::bar) {
      if (++clock.bar > 0) tick = clock.start + clock.ticks_per_bar;
      clock.start = tick;
    } else if (type == Type::rest) {
      tick = std::max(sounds_until, tick) + words.rests[index].ticks(clock.ticks_per_beat);
      clock.skip_to(tick);
    } else if (type == Type::position) {
      clock.bar = std::max<std::int64_t>(clock.bar, 0);
      tick = clock.start + value * clock.ticks_per_position;
    } else if (type == Type::pitch || type == Type::drum_pitch) {
      const int velocity = velocity_after(ids, i);
      const std::int64_t duration = duration_after(ids, i, clock.ticks_per_beat);
      if (velocity > 0 && duration > 0 && is_sounding(value)) {
        reading.notes.push_back(
            {reading.program, type == Type::drum_pitch, {tick, duration, value, velocity}});
        sounds_until = std::max(sounds_until, tick + duration);
      }
    } else if (type == Type::program) {
      reading.set_program(value);
    } else if (type == Type::tempo) {
      reading.tempos.push_back({tick, value});
      sounds_until = std::max(sounds_until, tick);
    } else if (type == Type::time_signature && words.meters[index] != clock.meter) {
      set_meter(words.meters[index], tick);
      clock.tick_of_meter = clock.start;
      clock.bar_of_meter = clock.bar;
    }
    tick = std::min(tick, kLastTick);
    reading.bars.push_back(clock.bar);
  }
  return reading;
}

}  // namespace etude
