#pragma once
// Music to learn from: the MIDI files of a data set, of Debian's packages, or of the user.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/run/run_folder.h"

namespace etude {

struct MidiSource {
  std::string name;  // short, for titles
  std::string data;  // names the same again: what "auto" became
  std::vector<std::filesystem::path> files;
  bool lenient = false;   // what cannot be read is left out
  std::string note = {};  // on what it is, for the report page
};

/// data_dir/name, fetched before: its *.mid and *.midi at any depth, in the order of their paths.
/// Error, with the command that fetches it, where it is not.
MidiSource midi_data_set(const std::string& name, const std::filesystem::path& data_dir);

/// The tunes of openttd-openmsx and simutrans-data. Error, with what installs them, without.
MidiSource midi_tunes();

/// A MIDI file, or a folder that is searched as above, leniently. `known` are the names of sets
/// that the setting `data` could have been, for the Error where there is neither.
MidiSource own_midi(const std::string& path, const std::string& known);

/// How to come by a set that is missing; an end for an Error's text.
std::string get_midi_set(const std::string& set);

/// read(file) of each file, in order. From a lenient source what throws Error is left out, and told
/// in `notes`; from others the Error goes on. Error where nothing remains.
template <class Read>
auto read_pieces(const MidiSource& source, std::vector<std::string>& notes, const Read& read) {
  std::vector<decltype(read(source.files[0]))> pieces;
  std::string first;
  for (const auto& file : source.files) {
    try {
      pieces.push_back(read(file));
    } catch (const Error& error) {
      if (!source.lenient) throw;
      notes.push_back(std::string("Left out: ") + error.what() + ".");
      if (first.empty()) first = notes.back();
    }
  }
  require(!pieces.empty(), source.data, ": none of its ", source.files.size(),
          " MIDI files can be used; ", first);
  return pieces;
}

/// What result.json says first of a run that learned from `music`, the Music of either model.
template <class Music>
Json result_on(const Music& music, const std::string& variant, std::int64_t seed) {
  return {{"variant", variant},           {"seed", seed},
          {"data", music.name},           {"data_hash", music.hash},
          {"pieces", music.train.size()}, {"held_out_pieces", music.held_out.size()},
          {"notes", music.notes}};
}

/// Whether piece `i` of `count` is kept to measure on: every `every`-th, or of fewer than that the
/// last; of one piece none.
inline bool is_held_out(std::size_t i, std::size_t count, std::size_t every) {
  return i % every == every - 1 || (count > 1 && count < every && i + 1 == count);
}

}  // namespace etude
