#include <algorithm>

#include "engine/error.h"
#include "tokenizers/midi/score.h"

namespace etude::midi {
namespace {

/// The last of `spans` that does not start after `value`, or the first of all.
template <class Span, class T, class Member>
const Span& span_at(const std::vector<Span>& spans, T value, Member start) {
  const auto next = std::upper_bound(spans.begin(), spans.end(), value,
                                     [&](T v, const Span& span) { return v < span.*start; });
  return next == spans.begin() ? *next : *(next - 1);
}

double ticks_per_second(const Division& division) {
  const int fps = division.frames_per_second;
  return division.ticks * (fps == 29 ? 30000.0 / 1001.0 : fps);
}

}  // namespace

TimeMap::TimeMap(const Score& score) {
  check(score);
  if (score.division.frames_per_second != 0) {
    tempos_.push_back({0, 0, 1 / ticks_per_second(score.division)});
    return;
  }
  ticks_per_whole_ = 4u * score.division.ticks;
  // Time in microseconds times ticks per quarter note is whole, and below 2^56: so no error grows.
  std::uint64_t time = 0;
  Tempo last;
  const double scale = 1e6 * score.division.ticks;
  const auto add_tempo = [&](const Tempo& tempo) {
    time += std::uint64_t{tempo.tick - last.tick} * last.microseconds_per_quarter;
    tempos_.push_back({static_cast<double>(tempo.tick), static_cast<double>(time) / scale,
                       tempo.microseconds_per_quarter / scale});
    last = tempo;
  };
  if (score.tempos.empty() || score.tempos.front().tick != 0) add_tempo({});
  for (const Tempo& tempo : score.tempos) add_tempo(tempo);
  if (score.time_signatures.empty() || score.time_signatures.front().tick != 0) add_bars({});
  for (const TimeSignature& signature : score.time_signatures) add_bars(signature);
}

void TimeMap::add_bars(const TimeSignature& signature) {
  std::int64_t bar = 0;
  if (!bars_.empty()) {
    const BarSpan& last = bars_.back();
    const std::uint64_t length = last.numerator * ticks_per_whole_;  // in ticks / denominator
    const std::uint64_t ticks = (signature.tick - last.tick) * last.denominator;
    bar = last.bar + static_cast<std::int64_t>((ticks + length - 1) / length);
  }
  bars_.push_back({signature.tick, bar, signature.numerator, signature.denominator});
}

double TimeMap::seconds(double tick) const {
  const TempoSpan& span = span_at(tempos_, tick, &TempoSpan::tick);
  return span.seconds + (tick - span.tick) * span.seconds_per_tick;
}

double TimeMap::tick(double seconds) const {
  const TempoSpan& span = span_at(tempos_, seconds, &TempoSpan::seconds);
  return span.tick + (seconds - span.seconds) / span.seconds_per_tick;
}

Position TimeMap::position(std::uint32_t tick) const {
  require(!bars_.empty(), "midi: bars need a division in ticks per quarter note, not in frames");
  const BarSpan& span = span_at(bars_, tick, &BarSpan::tick);
  const std::uint64_t length = span.numerator * ticks_per_whole_;
  const std::uint64_t ticks = (tick - span.tick) * span.denominator;
  return {span.bar + static_cast<std::int64_t>(ticks / length),
          static_cast<double>(ticks % length) / static_cast<double>(ticks_per_whole_)};
}

double TimeMap::tick(const Position& position) const {
  require(!bars_.empty(), "midi: bars need a division in ticks per quarter note, not in frames");
  const BarSpan& span = span_at(bars_, position.bar, &BarSpan::bar);
  const double bars = static_cast<double>(position.bar) - static_cast<double>(span.bar);
  const double beats = bars * static_cast<double>(span.numerator) + position.beat;
  return span.tick +
         beats * static_cast<double>(ticks_per_whole_) / static_cast<double>(span.denominator);
}

}  // namespace etude::midi
