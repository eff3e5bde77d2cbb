#pragma once
// Real drumming: the bars of the Groove MIDI Dataset as patterns.
// Source: Gillick, Roberts, Engel, Eck, Bamman, "Learning to Groove with Inverse Sequence
// Transformations", ICML 2019; data, licence and pitch mapping:
// https://magenta.tensorflow.org/datasets/groove

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "models/drum_vae/patterns.h"

namespace etude::drum_vae {

/// The drummers whose bars are for validation, so that a good score there is not memory of
/// somebody's habits. These two play all five styles and 19 % of the different bars; the only one
/// who does so alone, drummer 1, would take most of jazz and dance from training.
inline constexpr std::array kHeldOutDrummers = {"drummer8", "drummer10"};

/// The column of a note of the Roland TD-11, which plays General MIDI's notes and some of its own
/// for rims and edges (the data page names each); toms by General MIDI's names, in which 45 is
/// "low" and 47 "low-mid", although both are pads of the second tom:
///   kick 36; snare 38 40 37 (head, rim, cross-stick); closed hi-hat 42 22 44 (bow, edge, pedal);
///   open hi-hat 46 26; low tom 43 58 45; high tom 47 48 50; crash 49 55 57 52; ride 51 59 53.
/// -1 for every other note; nothing is a clap.
int instrument_of_note(int note);

struct GrooveData {
  Patterns train, validation;
  /// Different bars of each style in both parts together.
  std::array<std::int64_t, kStyles> unique_bars{};
  std::string hash;                // of the patterns and styles, not of where they lie
  std::vector<std::string> notes;  // what was left out and why, for the report page
};

/// The 4/4 files of kind "beat" that `folder`/info.csv lists in the styles rock, jazz, hiphop,
/// dance (the style electronic here) and latin, where a style is what precedes the '/': bar by bar,
/// each hit at the nearest sixteenth (halfway: at the even one) and in the bar of that sixteenth,
/// velocities dropped. Bars without a hit are dropped, and of equal bars of one style in one part
/// all but the first. In the order of info.csv, then of time: training shuffles.
/// Throws Error for a missing folder or MIDI file with the remedy, and for a damaged info.csv or
/// MIDI file with its place.
GrooveData load_groove(const std::filesystem::path& folder);

}  // namespace etude::drum_vae
