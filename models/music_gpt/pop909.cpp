#include "models/music_gpt/pop909.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <tuple>

#include "engine/error.h"
#include "engine/run/config.h"

namespace etude::music_gpt {
namespace {

constexpr std::uint16_t kTicksPerBeat = 480;
constexpr int kMostBeatsOfBar = 64;

/// Beats on both sides, so that the first is a downbeat, whole bars lead up to the first that is
/// known, and the seconds from 0 to `end` lie between.
std::vector<Beat> extended(const std::vector<Beat>& beats, double end) {
  const auto first = std::ranges::find_if(beats, &Beat::downbeat);
  const auto second =
      std::find_if(first + 1, beats.end(), [](const Beat& b) { return b.downbeat; });
  const std::int64_t per_bar = second - first, lead = first - beats.begin();
  const double length = beats[1].seconds - beats[0].seconds;
  std::int64_t missing = (per_bar - lead % per_bar) % per_bar;
  while (beats[0].seconds - length * static_cast<double>(missing) > 0) missing += per_bar;
  std::vector<Beat> all;
  for (std::int64_t i = missing; i > 0; --i) {
    all.push_back({.seconds = beats[0].seconds - length * static_cast<double>(i)});
  }
  all.insert(all.end(), beats.begin(), beats.end());
  for (std::int64_t i = 0; i < missing + lead; i += per_bar) all[i].downbeat = true;
  const double last = all.back().seconds - all[all.size() - 2].seconds;
  while (all.back().seconds <= end) all.push_back({.seconds = all.back().seconds + last});
  return all;
}

std::uint32_t tick_of(double seconds, const std::vector<Beat>& beats) {
  const auto next =
      std::upper_bound(beats.begin() + 1, beats.end() - 1, seconds,
                       [](double time, const Beat& beat) { return time < beat.seconds; });
  const Beat &here = next[-1], &there = *next;
  const double within = (seconds - here.seconds) / (there.seconds - here.seconds);
  return static_cast<std::uint32_t>(
      std::llround(kTicksPerBeat * (static_cast<double>(next - 1 - beats.begin()) + within)));
}

std::vector<midi::Tempo> tempos_of(const std::vector<Beat>& beats) {
  std::vector<midi::Tempo> tempos;
  for (std::size_t i = 0; i + 1 < beats.size(); ++i) {
    const auto length =
        static_cast<std::uint32_t>(std::llround(1e6 * (beats[i + 1].seconds - beats[i].seconds)));
    if (!tempos.empty() && tempos.back().microseconds_per_quarter == length) continue;
    tempos.push_back({.tick = static_cast<std::uint32_t>(i * kTicksPerBeat),
                      .microseconds_per_quarter = length});
  }
  return tempos;
}

/// What follows the last downbeat is of the meter before it.
std::vector<midi::TimeSignature> meters_of(const std::vector<Beat>& beats) {
  std::vector<midi::TimeSignature> meters;
  for (std::size_t i = 0, next = 0; i < beats.size(); i = next) {
    for (next = i + 1; next < beats.size() && !beats[next].downbeat;) ++next;
    const std::size_t n = next - i;
    if (next == beats.size() && !meters.empty()) break;
    if (!meters.empty() && meters.back().numerator == n) continue;
    meters.push_back({.tick = static_cast<std::uint32_t>(i * kTicksPerBeat),
                      .numerator = static_cast<std::uint8_t>(n)});
  }
  return meters;
}

}  // namespace

std::vector<Beat> read_beats(const std::filesystem::path& file) {
  std::istringstream text(read_text_file(file));
  std::vector<Beat> beats;
  int line_number = 0, in_bar = 0;
  for (std::string line; std::getline(text, line);) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::istringstream words(line);
    double seconds = 0, of_short_bar = 0, of_long_bar = 0;
    const bool read = static_cast<bool>(words >> seconds >> of_short_bar >> of_long_bar);
    require(read && std::isfinite(seconds), file.string(), ":", line_number,
            ": is not the seconds of a beat and two numbers, 1 for a downbeat: ", line);
    const double gap = beats.empty() ? 1 : seconds - beats.back().seconds;
    require(gap >= 1e-3 && gap < 16, file.string(), ":", line_number, ": the beat at ", seconds,
            " s is not after the one before it, or more than 16 s later");
    beats.push_back({.seconds = seconds, .downbeat = of_long_bar != 0});
    in_bar = beats.back().downbeat ? 1 : in_bar + 1;
    require(in_bar <= kMostBeatsOfBar, file.string(), ":", line_number, ": the bar has more than ",
            kMostBeatsOfBar, " beats");
  }
  const auto downbeats = std::ranges::count_if(beats, &Beat::downbeat);
  require(downbeats >= 2, file.string(), ": has ", downbeats, " downbeats; two are the least");
  return beats;
}

midi::Score with_beats(const midi::Score& score, const std::vector<Beat>& beats) {
  const midi::TimeMap time(score);
  double end = 0;
  for (const midi::Note& note : score.notes) {
    end = std::max(end, time.seconds(static_cast<double>(note.tick) + note.duration));
  }
  const std::vector<Beat> all = extended(beats, end);
  midi::Score result;
  result.division.ticks = kTicksPerBeat;
  result.track_names = score.track_names;
  result.notes = score.notes;
  for (midi::Note& note : result.notes) {
    const double tick = note.tick;
    note.tick = tick_of(time.seconds(tick), all);
    note.duration = tick_of(time.seconds(tick + note.duration), all) - note.tick;
    result.end = std::max(result.end, note.tick + note.duration);
  }
  std::ranges::stable_sort(result.notes, {}, [](const midi::Note& note) {
    return std::tuple(note.tick, note.track, note.channel, note.pitch);
  });
  result.tempos = tempos_of(all);
  result.time_signatures = meters_of(all);
  return result;
}

}  // namespace etude::music_gpt
