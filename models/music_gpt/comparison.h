#pragma once
// Generated music beside the real one, and the report's beside ours, in numbers.

#include <optional>
#include <string>
#include <vector>

#include "models/music_gpt/run_result.h"

namespace etude::music_gpt {

/// Everything that the tables are made from.
struct Results {
  Real real;
  std::string data;  // name of the music
  std::vector<Variant> variants;

  /// Whether the report's networks learned from the same music.
  bool reported_music() const;
};

/// One way in which one variant generates.
struct Way {
  const Variant* variant;
  Measured measured;
  std::string name() const { return variant->first + ", " + measured.setting; }
};
std::vector<Way> ways_of(const std::vector<Variant>& variants);

/// Of generated music less of the whole real music, means over pieces.
struct Distance {
  double h1, h4, gs_32;
  /// The greatest of the three, whatever its sign.
  double greatest() const;
};
/// Nothing where no piece could be measured.
std::optional<Distance> distance(const Real& real, const Measured& measured);
/// The report's choice; nothing where its networks learned from other music.
std::optional<Distance> reported_distance(const Results& results);
/// The way whose greatest difference is the least, of those in which half of the pieces or more
/// came to their end; null where there is none.
const Way* nearest(const std::vector<Way>& ways, const Real& real);

/// Of the tables' numbers.
inline constexpr int kDecimals = 3;
/// With its sign; "" for NaN.
std::string signed_number(double value);

/// For summary.json: every row of the closeness tables, of the grid and of the tokenizers.
Json comparison_json(const Results& results, const std::vector<Way>& ways);

}  // namespace etude::music_gpt
