#include <algorithm>
#include <cmath>
#include <tuple>

#include "tokenizers/miditok/preprocess.h"

namespace etude::miditok {
namespace {

constexpr std::uint8_t kChannels = 16;
constexpr double kMicrosecondsPerMinute = 60e6;

std::uint32_t to_ticks(std::int64_t ticks) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, ticks));
}

/// Sorted by tick; of several at one tick the last stays.
template <class T>
void settle(std::vector<T>& changes) {
  std::ranges::stable_sort(changes, {}, &T::tick);
  std::vector<T> settled;
  for (const T& change : changes) {
    if (!settled.empty() && settled.back().tick == change.tick) settled.pop_back();
    settled.push_back(change);
  }
  changes = std::move(settled);
}

}  // namespace

midi::Score to_score(const Piece& piece, const Vocabulary& vocabulary) {
  midi::Score score;
  score.division.ticks = static_cast<std::uint16_t>(piece.ticks_per_quarter);
  for (const auto& [time, tempo] : piece.tempos) {
    const double beats_per_minute = vocabulary.tempos[static_cast<std::size_t>(tempo)];
    const long microseconds = std::lround(kMicrosecondsPerMinute / beats_per_minute);
    score.tempos.push_back({to_ticks(time), static_cast<std::uint32_t>(microseconds)});
  }
  if (score.tempos.empty()) score.tempos.push_back({});
  for (const auto& [time, meter] : piece.meters)
    score.time_signatures.push_back({to_ticks(time), static_cast<std::uint8_t>(meter.numerator),
                                     static_cast<std::uint16_t>(meter.denominator)});
  settle(score.tempos);
  settle(score.time_signatures);
  score.track_names = {""};
  std::uint8_t next_channel = 0;
  for (const Track& track : piece.tracks) {
    const bool drums = track.program == drum_program;
    if (next_channel == midi::drum_channel) ++next_channel;
    const std::uint8_t channel = drums ? midi::drum_channel : next_channel;
    if (!drums) next_channel = static_cast<std::uint8_t>((next_channel + 1) % kChannels);
    const auto index = static_cast<std::uint16_t>(score.track_names.size());
    for (const Note& note : track.notes)
      score.notes.push_back({.tick = to_ticks(note.time),
                             .duration = to_ticks(note.duration),
                             .pitch = static_cast<std::uint8_t>(note.pitch),
                             .velocity = static_cast<std::uint8_t>(note.velocity),
                             .channel = channel,
                             .program = static_cast<std::uint8_t>(drums ? 0 : track.program),
                             .track = index});
    score.track_names.emplace_back();
  }
  std::ranges::stable_sort(score.notes, {}, [](const midi::Note& note) {
    return std::tuple(note.tick, note.track, note.channel, note.pitch);
  });
  for (const auto& changes : {score.tempos.back().tick, score.time_signatures.back().tick})
    score.end = std::max(score.end, changes);
  for (const midi::Note& note : score.notes)
    score.end = std::max(score.end, note.tick + note.duration);
  return score;
}

}  // namespace etude::miditok
