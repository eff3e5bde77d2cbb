#pragma once
// The music that the performance LSTM learns from, and what is held out to measure it on.

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eval/note_histograms.h"
#include "models/performance_lstm/config.h"
#include "tokenizers/midi/score.h"

namespace etude::performance_lstm {

/// The factors of all times that augmentation adds: 0.8 is faster, 1.2 slower.
inline constexpr std::array kTempoFactors = {0.8, 0.9, 1.0, 1.1, 1.2};
inline constexpr std::size_t kOwnTempo = 2;

struct Piece {
  std::string name;  // the file's
  midi::Score score;
  /// Ids at each of kTempoFactors; without augmentation only at the piece's own tempo, the others
  /// empty. At least two ids.
  std::array<std::vector<std::int32_t>, kTempoFactors.size()> ids;

  std::span<const std::int32_t> own_ids() const { return ids[kOwnTempo]; }
};

struct Music {
  std::string name;                // short, for titles
  std::string data;                // loads the same again: what "auto" became
  std::vector<Piece> train;        // not empty
  std::vector<Piece> held_out;     // empty where there is one piece alone
  std::string hash;                // of all ids
  std::vector<std::string> notes;  // what was left out and why, for the report page

  /// Whether it is one piece, to be known by heart, or many.
  bool corpus() const { return !held_out.empty(); }
};

/// Loads what config.data names, with its tokenizer settings and augmentation (of the training
/// pieces), in the order of the files' names.
///   "bwv888"          the report's piece, of data_dir/smd
///   "smd"             all 50 of them
///   "giantmidi_eval"  52 transcribed performances; held out are works, not files
///   "tunes"           what Debian's openttd-openmsx and simutrans-data hold, all but the drums
///   "auto"            bwv888 if data_dir/smd is there, else a tune
///   another           a MIDI file, or a folder whose *.mid and *.midi are searched for at any
///   depth
/// Of several pieces every eighth is held out, of fewer than eight the last, unless said otherwise
/// above. Of a folder, files that cannot be read or hold no notes are left out, and named in
/// `notes`.
/// Throws Error for what is missing or damaged, with the remedy, and for no pieces.
Music load_music(const Config& config, const std::filesystem::path& data_dir);

/// What loads the music of the variant "corpus" where `corpus` is "auto".
std::string corpus_name(const std::string& corpus, const std::filesystem::path& data_dir);

/// The notes that the vocabulary can say (no drums, pitches of a piano), with times in seconds.
std::vector<Note> playable_notes(const midi::Score& score);

/// The notes with all times multiplied by `factor`, to the nearest 1/60,000 s. Error for more than
/// 19 hours.
midi::Score stretched(const midi::Score& score, double factor);

}  // namespace etude::performance_lstm
