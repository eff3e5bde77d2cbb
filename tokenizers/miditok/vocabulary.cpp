#include "tokenizers/miditok/vocabulary.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "engine/error.h"
#include "tokenizers/miditok/chords.h"

namespace etude::miditok {
namespace {

constexpr double kMicrosecondsPerMinute = 60e6;

/// All times but 0, and the end of the last range with its resolution.
std::vector<BeatTime> times_of(const std::vector<BeatRange>& ranges) {
  std::vector<BeatTime> times;
  for (const auto& [first, last, positions] : ranges)
    for (int beat = first; beat < last; ++beat)
      for (int position = 0; position < positions; ++position)
        times.push_back({beat, position, positions});
  times.push_back({ranges.back().last, 0, ranges.back().positions});
  times.erase(times.begin());
  return times;
}

/// Evenly spaced, or in even ratios, to two digits after the point.
std::vector<double> tempos_of(const Config& config) {
  const double first = config.tempo_range[0], last = config.tempo_range[1];
  const int n = config.num_tempos;
  std::vector<double> tempos;
  for (int i = 0; i < n; ++i) {
    const double part = n == 1 ? 0 : static_cast<double>(i) / (n - 1);
    const double tempo =
        config.log_tempos ? first * std::pow(last / first, part) : first + part * (last - first);
    tempos.push_back(std::nearbyint(tempo * 100) / 100);
  }
  return tempos;
}

/// As Python prints it: the fewest digits that are read back as the same, with a point.
std::string text_of(double value) {
  char text[32];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  const std::string digits(text, end);
  return digits.find('.') == std::string::npos ? digits + ".0" : digits;
}

}  // namespace

Vocabulary::Vocabulary(const Config& config, Layout layout) {
  check(config);
  for (int i = 1; config.use_velocities && i <= config.num_velocities; ++i)
    velocities.push_back(127 * i / config.num_velocities);
  durations = times_of(config.beat_res);
  if (config.use_rests) rests = times_of(config.beat_res_rest);
  if (config.use_tempos) tempos = tempos_of(config);
  if (config.use_time_signatures) {
    for (const auto& [denominator, numerators] : config.time_signature_range)
      for (const int numerator : numerators) meters.push_back({numerator, denominator});
  } else {
    meters = {Meter{}};
  }
  const int shortest = std::ranges::max(meters, {}, &Meter::denominator).denominator;
  ticks_per_quarter_ = std::int64_t{config.positions_per_beat()} * shortest / 4;

  for (const std::string& token : config.special_tokens)
    add(Type::special, static_cast<int>(tokens_.size()), token);
  add_notes(config, layout);
  add_extras(config, layout);
}

void Vocabulary::add_notes(const Config& config, Layout layout) {
  const bool remi = layout == Layout::remi;
  if (remi) add(Type::bar, 0, "Bar_None");
  add_pitches(remi ? Type::pitch : Type::note_on, remi ? "Pitch_" : "NoteOn_", config.pitch_range);
  if (!remi) add_pitches(Type::note_off, "NoteOff_", config.pitch_range);
  for (const int velocity : velocities)
    add(Type::velocity, velocity, "Velocity_" + std::to_string(velocity));
  for (std::size_t i = 0; i < durations.size(); ++i)
    add(remi ? Type::duration : Type::time_shift, static_cast<int>(i),
        (remi ? "Duration_" : "TimeShift_") + durations[i].text());
  if (!remi) return;
  const int most_beats = std::ranges::max(meters, {}, &Meter::numerator).numerator;
  for (int i = 0; i < most_beats * config.positions_per_beat(); ++i)
    add(Type::position, i, "Position_" + std::to_string(i));
}

void Vocabulary::add_extras(const Config& config, Layout layout) {
  const auto& drums = config.drums_pitch_range;
  if (config.use_pitchdrum_tokens && layout == Layout::remi) {
    add_pitches(Type::drum_pitch, "PitchDrum_", drums);
  } else if (config.use_pitchdrum_tokens) {
    add_pitches(Type::drum_on, "DrumOn_", drums);
    add_pitches(Type::drum_off, "DrumOff_", drums);
  }
  if (config.use_chords) {
    const std::vector<std::string> chords = chord_names(config.chord_tokens_with_root_note);
    for (std::size_t i = 0; i < chords.size(); ++i)
      add(Type::chord, static_cast<int>(i), "Chord_" + chords[i]);
  }
  for (std::size_t i = 0; i < rests.size(); ++i)
    add(Type::rest, static_cast<int>(i), "Rest_" + rests[i].text());
  for (std::size_t i = 0; i < tempos.size(); ++i)
    add(Type::tempo, static_cast<int>(i), "Tempo_" + text_of(tempos[i]));
  for (int program = 0; config.use_programs && program < 128; ++program)
    add(Type::program, program, "Program_" + std::to_string(program));
  if (config.use_programs) add(Type::program, -1, "Program_-1");
  for (std::size_t i = 0; config.use_time_signatures && i < meters.size(); ++i)
    add(Type::time_signature, static_cast<int>(i),
        "TimeSig_" + std::to_string(meters[i].numerator) + "/" +
            std::to_string(meters[i].denominator));
}

void Vocabulary::add_pitches(Type type, const std::string& name, const std::array<int, 2>& range) {
  for (int pitch = range[0]; pitch < range[1]; ++pitch)
    add(type, pitch, name + std::to_string(pitch));
}

void Vocabulary::add(Type type, int value, const std::string& name) {
  require(std::ranges::find(names_, name) == names_.end(), "miditok: there are two tokens ", name,
          "; change the setting that they come from");
  ids_[{type, value}] = size();
  tokens_.push_back({type, value});
  names_.push_back(name);
}

const Token& Vocabulary::token(std::int32_t id) const {
  require(id >= 0 && id < size(), "miditok: ", id, " is no id; they are 0 to ", size() - 1);
  return tokens_[static_cast<std::size_t>(id)];
}

const std::string& Vocabulary::name(std::int32_t id) const {
  token(id);
  return names_[static_cast<std::size_t>(id)];
}

std::int32_t Vocabulary::id(Type type, int value) const {
  const auto found = ids_.find({type, value});
  require(found != ids_.end(), "miditok: the vocabulary has no token of type ",
          static_cast<int>(type), " and value ", value);
  return found->second;
}

std::int32_t Vocabulary::id(const Meter& meter) const {
  return id(Type::time_signature,
            static_cast<int>(std::ranges::find(meters, meter) - meters.begin()));
}

int Vocabulary::default_tempo() const {
  const auto distance = [](double tempo) { return std::abs(tempo - 120); };
  return static_cast<int>(std::ranges::min_element(tempos, {}, distance) - tempos.begin());
}

int Vocabulary::nearest_tempo(double microseconds_per_quarter) const {
  int best = 0;
  double least = INFINITY;
  for (std::size_t i = 0; i < tempos.size(); ++i) {
    const double distance = std::abs(kMicrosecondsPerMinute / tempos[i] - microseconds_per_quarter);
    if (distance >= least) continue;  // of two the slower, which comes first
    least = distance;
    best = static_cast<int>(i);
  }
  return best;
}

}  // namespace etude::miditok
