#include "tokenizers/miditok/config.h"

#include <algorithm>
#include <bit>

#include "engine/error.h"

namespace etude::miditok {

std::string BeatTime::text() const {
  return std::to_string(beats) + "." + std::to_string(positions) + "." + std::to_string(resolution);
}

int Config::positions_per_beat() const {
  return std::ranges::max(beat_res, {}, &BeatRange::positions).positions;
}

namespace {

void check_range(const char* key, const std::array<int, 2>& range) {
  require(range[0] >= 0 && range[0] < range[1] && range[1] <= 128, "miditok: ", key,
          " is a first pitch and one after the last, 0 to 128, not ", range[0], " and ", range[1]);
}

void check_beats(const char* key, const std::vector<BeatRange>& ranges) {
  int last = 0;
  for (const BeatRange& range : ranges) {
    require(range.first == last && range.last > last && range.last <= 1000, "miditok: ", key,
            " is ranges of beats, each from where the one before it ends, the first from 0, up to "
            "1000; not ",
            range.first, "_", range.last, " after ", last);
    require(range.positions >= 1 && range.positions <= 96, "miditok: ", key,
            " has 1 to 96 positions per beat, not ", range.positions);
    last = range.last;
  }
  require(last > 0, "miditok: ", key, " is empty");
}

void check_meters(const Config& config) {
  bool has_four = false;
  for (const Meters& meters : config.time_signature_range) {
    require(meters.denominator >= 1 && meters.denominator <= 64 &&
                std::has_single_bit(static_cast<unsigned>(meters.denominator)) &&
                meters.denominator * config.positions_per_beat() % 4 == 0,
            "miditok: time_signature_range has denominators that are powers of 2 up to 64, with "
            "whole positions per quarter note (denominator times positions per beat is a multiple "
            "of 4); not ",
            meters.denominator, " with ", config.positions_per_beat(), " positions per beat");
    for (const int numerator : meters.numerators) {
      require(numerator >= 1 && numerator <= 255,
              "miditok: time_signature_range has 1 to 255 beats in a bar, not ", numerator);
      has_four |= numerator == 4 && meters.denominator == 4;
    }
  }
  require(has_four, "miditok: time_signature_range needs 4/4, in which pieces start by default");
}

}  // namespace

void check(const Config& config) {
  check_range("pitch_range", config.pitch_range);
  check_range("drums_pitch_range", config.drums_pitch_range);
  check_beats("beat_res", config.beat_res);
  check_beats("beat_res_rest", config.beat_res_rest);
  for (const BeatRange& range : config.beat_res_rest)
    require(!config.use_rests || range.positions <= config.positions_per_beat(),
            "miditok: beat_res_rest has at most the ", config.positions_per_beat(),
            " positions per beat of beat_res, not ", range.positions);
  if (config.use_time_signatures) check_meters(config);
  require(config.num_velocities >= 1 && config.num_velocities <= 127,
          "miditok: num_velocities is 1 to 127, not ", config.num_velocities);
  const auto [slowest, fastest] = config.tempo_range;
  require(slowest >= 4 && slowest <= fastest && fastest <= 10'000,
          "miditok: tempo_range is within 4 to 10000, not ", slowest, " to ", fastest);
  require(config.num_tempos >= 1 && config.num_tempos <= 10'000,
          "miditok: num_tempos is 1 to 10000, not ", config.num_tempos);
  require(std::ranges::count(config.special_tokens, "PAD_None") == 1,
          "miditok: special_tokens needs PAD, once");
  for (const std::string& token : config.special_tokens)
    require(token.find_first_of(" \t\r\n") == std::string::npos,
            "miditok: special_tokens have no blanks, as in \"", token, "\"");
}

}  // namespace etude::miditok
