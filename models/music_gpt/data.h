#pragma once
// The music that the transformer learns from, and what is held out to measure it on.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "models/music_gpt/config.h"
#include "tokenizers/midi/score.h"

namespace etude::music_gpt {

struct Piece {
  std::string name;               // the file's
  midi::Score score;              // as it is measured: without drums if not config.programs
  std::vector<std::int32_t> ids;  // between BOS and EOS
};

struct Music {
  std::string name;                    // short, for titles
  std::string data;                    // loads the same again: what "auto" became
  std::vector<Piece> train, held_out;  // neither empty
  std::string hash;                    // of all ids
  std::vector<std::string> notes;      // what was left out and why, for the report page

  std::int64_t train_tokens() const;
};

/// Loads what config.data names through config.make_tokenizer(), in the order of the files' paths.
///   "pop1k7"   1747 piano covers
///   "pop909"   909 songs, their bars where their beat files have them
///   "tunes"    what Debian's openttd-openmsx and simutrans-data hold
///   "auto"     the first of these that is there
///   another    a MIDI file, or a folder whose *.mid and *.midi are searched for at any depth
/// Of 100 pieces or more every twentieth is held out, else every eighth, of fewer than eight the
/// last. Of a folder, files that cannot be read or hold no notes are left out, and named in
/// `notes`.
/// Throws Error for what is missing or damaged, with the remedy, and for a single piece.
Music load_music(const Config& config, const std::filesystem::path& data_dir);

/// The notes of all channels but the drums as one piano: one track, channel 0, program 0, in the
/// order of a score; tempos and time signatures stay, pedals and bends go.
midi::Score as_one_piano(const midi::Score& score);

/// A file as a piece of the config's music; Error names it, also where it holds no notes.
Piece read_piece(const std::filesystem::path& file, const Config& config,
                 const MidiTokTokenizer& tokenizer);

}  // namespace etude::music_gpt
