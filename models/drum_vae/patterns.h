#pragma once
// Drum patterns: one bar of 4/4 in 16 steps, nine instruments, a hit or none in each cell.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace etude::drum_vae {

inline constexpr int kSteps = 16, kInstruments = 9, kCells = kSteps * kInstruments;
inline constexpr int kStyles = 5;

/// Columns of a pattern.
enum Instrument : int {
  kick,
  snare,
  hihat_closed,
  hihat_open,
  tom_low,
  tom_high,
  crash,
  ride,
  clap
};
inline constexpr const char* kInstrumentNames[] = {"kick",        "snare",   "closed hi-hat",
                                                   "open hi-hat", "low tom", "high tom",
                                                   "crash",       "ride",    "clap"};
inline constexpr const char* kStyleNames[] = {"rock", "jazz", "hiphop", "electronic", "latin"};

/// The number of a style. Error lists the names.
int style_number(const std::string& name);

/// hits[step * kInstruments + instrument], 0 or 1.
using Pattern = std::array<std::uint8_t, kCells>;

struct Patterns {
  std::vector<Pattern> hits;
  std::vector<int> styles;

  std::int64_t size() const { return static_cast<std::int64_t>(hits.size()); }
};

}  // namespace etude::drum_vae
