#include "tokenizers/miditok/chords.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace etude::miditok {
namespace {

const std::vector<std::pair<std::string, std::vector<int>>>& qualities() {
  static const std::vector<std::pair<std::string, std::vector<int>>> list = {
      {"min", {0, 3, 7}},          {"maj", {0, 4, 7}},         {"dim", {0, 3, 6}},
      {"aug", {0, 4, 8}},          {"sus2", {0, 2, 7}},        {"sus4", {0, 5, 7}},
      {"7dom", {0, 4, 7, 10}},     {"7min", {0, 3, 7, 10}},    {"7maj", {0, 4, 7, 11}},
      {"7halfdim", {0, 3, 6, 10}}, {"7dim", {0, 3, 6, 9}},     {"7aug", {0, 4, 8, 11}},
      {"9maj", {0, 4, 7, 10, 14}}, {"9min", {0, 4, 7, 10, 13}}};
  return list;
}

constexpr const char* kRoots[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
constexpr std::size_t kMostNotes = 10;

/// Index of the quality with just these intervals; -1 if there is none.
int quality_of(const std::vector<Note>& chord) {
  std::vector<int> intervals;
  for (const Note& note : chord) intervals.push_back(note.pitch - chord.front().pitch);
  for (std::size_t i = 0; i < qualities().size(); ++i)
    if (qualities()[i].second == intervals) return static_cast<int>(i);
  return -1;
}

}  // namespace

Json chord_maps_json() {
  Json json = Json::object();
  for (const auto& [quality, intervals] : qualities()) json[quality] = intervals;
  return json;
}

std::vector<std::string> chord_names(bool with_root) {
  std::vector<std::string> names;
  for (const auto& [quality, intervals] : qualities()) {
    if (!with_root) names.push_back(quality);
    for (const char* root : kRoots)
      if (with_root) names.push_back(std::string(root) + ":" + quality);
  }
  return names;
}

std::vector<Chord> find_chords(std::span<const Note> notes, std::span<const Span> beats,
                               int positions, bool with_root) {
  std::vector<Chord> chords;
  std::size_t span = 0;
  std::int64_t previous = -1;
  for (std::size_t at = 0; at < notes.size();) {
    const Note& first = notes[at];
    if (first.time == previous) {
      ++at;
      continue;
    }
    while (span + 1 < beats.size() && first.time >= beats[span].end) ++span;
    const std::int64_t beat = beats[span].value, half = beat / 2;

    std::vector<Note> struck;
    for (std::size_t i = at; i < std::min(notes.size(), at + kMostNotes); ++i)
      if ((notes[i].time - first.time) * positions <= beat) struck.push_back(notes[i]);
    const auto ends_apart = [&](const Note& note) {
      return std::abs(note.end() - first.end()) > half;
    };
    if (std::ranges::any_of(struck, ends_apart)) {
      at += struck.size();
      continue;
    }
    if (first.duration <= half)
      std::erase_if(struck, [&](const Note& note) { return note.time != first.time; });
    if (const int quality = quality_of(struck); quality >= 0)
      chords.push_back({std::ranges::min(struck, {}, &Note::time).time,
                        with_root ? quality * 12 + first.pitch % 12 : quality});
    previous = std::ranges::max(struck, {}, &Note::time).time;
    at += struck.size();
  }
  return chords;
}

}  // namespace etude::miditok
