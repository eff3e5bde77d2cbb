#pragma once
// How near generated music comes to the true one, in one number for each way to generate.

#include <string>
#include <unordered_set>
#include <vector>

#include "engine/run/run_folder.h"
#include "models/performance_lstm/generate.h"
#include "models/performance_lstm/train.h"

namespace etude::performance_lstm {

/// The numbers of bins of the distances; 0 is full resolution. The report's binning is not stated;
/// its numbers fit 10.
inline constexpr std::array kBins = {10, 32, 0};
/// The histograms' names.
inline constexpr std::pair<const char*, NoteProperty> kProperties[] = {
    {"pitch", NoteProperty::pitch},
    {"duration", NoteProperty::duration},
    {"velocity", NoteProperty::velocity}};

/// "bins_10", "bins_32", "full".
std::string bins_name(int bins);

/// One way to generate: a row of the tables.
struct Setting {
  std::string name;  // "tau 0.8", "primed", "tempo 1.2"
  GenerateOptions options;
};

/// A setting's name as part of a file's: "tau-0.8".
std::string file_name(const std::string& setting);

/// Every temperature of the settings, after several of them primed at 1, and for a model that is
/// told tempos of the data some of those.
/// `piece` gives the primer, config.primer or half its ids, and how many events to generate: as
/// many as it has; where there are many pieces, 2000 at most.
std::vector<Setting> settings(const Config& config, const Music& music, const Piece& piece);

/// The setting that is none: what the tokenizer alone makes of the truth.
inline constexpr const char* kTrueNotes = "true notes";

/// What the generated pieces are held against: the training piece, or, of a corpus, the held-out
/// pieces.
const std::vector<Piece>& true_pieces(const Music& music);
/// All their notes.
std::vector<Note> true_notes(const Music& music);
/// The piece that primes: the first of the true ones.
const Piece& primer_piece(const Music& music);

/// The notes that ids stand for.
std::vector<Note> notes_of(const Config& config, std::span<const std::int32_t> ids);

/// Which runs of 16 events the training music has, at any of its tempos, also past its end if it is
/// a loop.
class TrainingRuns {
 public:
  static constexpr std::size_t length = 16;

  TrainingRuns(const std::vector<Piece>& pieces, bool loop);
  /// The share of the ids' runs that are among them; 0 of fewer ids than a run has.
  double share(std::span<const std::int32_t> ids) const;

 private:
  std::unordered_set<std::uint64_t> hashes_;
};

/// What is known of a trained network, as JSON:
///   train_bits, held_out_bits    bits per event; the second is null where nothing is held out
///   settings[name]               of each of settings(): `pieces` values of every distance; under
///                                kTrueNotes one of each, of the true notes once encoded and
///                                decoded
///     bins_10, bins_32, full       .pitch|duration|velocity.l1|l2|kl_pq|kl_qp|average, .overall
///     seconds, notes, copied       length of a piece, its notes, TrainingRuns::share() of what
///                                  follows the primer
///   histograms[name]             of pitch, duration and velocity, all pieces together, 10 bins
/// A generated piece without notes counts in `empty` alone.
Json measure(Trainer& trainer, const Music& music, std::uint64_t seed);

}  // namespace etude::performance_lstm
