#include "models/performance_lstm/data.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/io/content_hash.h"
#include "models/midi_music.h"
#include "models/music_files.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReportPiece = "Bach_BWV888-01_008_20110315-SMD.mid";

/// Of about the length of the report's piece, and of all tunes the one whose velocities and
/// durations the vocabulary can say best.
constexpr const char* kOneTune = "chuggachugga.mid";

/// Of giantmidi_eval, by how the names begin: whole works, each by another composer, so that no
/// movement is heard in training whose neighbour is measured.
constexpr const char* kHeldOutWorks[] = {
    "Bach_Prelude_and_Fugue_in_F-sharp_major_BWV_858",
    "Beethoven_Piano_Sonata_No_15",
    "Chopin_Polonaise_in_F-sharp_minor",
    "Debussy_Estampes",
    "Haydn_Keyboard_Sonata_in_C_minor",
    "Scarlatti_Keyboard_Sonata_in_F_minor_K239",
    "Schubert_Piano_Sonata_in_A_major",
};

MidiSource report_piece(const fs::path& data_dir) {
  const fs::path file = data_dir / "smd" / kReportPiece;
  require(fs::exists(file), "bwv888: there is no file ", file.string(), get_midi_set("smd"));
  return {.name = "bwv888", .data = "bwv888", .files = {file}};
}

/// Works where nothing was fetched: the report's piece, else one tune.
MidiSource automatic(const fs::path& data_dir) {
  if (fs::exists(data_dir / "smd" / kReportPiece)) return report_piece(data_dir);
  MidiSource source = midi_tunes();
  const auto one = std::ranges::find(source.files, fs::path(kOneTune), &fs::path::filename);
  source.files = {one == source.files.end() ? source.files[0] : *one};
  source.name = source.files[0].stem().string();
  source.data = source.files[0].string();
  source.note +=
      " It stands in for the report's piece, which etude data get smd fetches: the "
      "report's numbers are for another music.";
  return source;
}

MidiSource find_source(const std::string& data, const fs::path& data_dir) {
  if (data == "auto") return automatic(data_dir);
  if (data == "bwv888") return report_piece(data_dir);
  if (data == "smd" || data == "giantmidi_eval") return midi_data_set(data, data_dir);
  if (data == "tunes") return midi_tunes();
  return own_midi(data, "bwv888, smd, giantmidi_eval, tunes, auto");
}

constexpr double kMostHours = 19;  // of stretched(), whose ticks are 32 bits

bool is_held_out_work(const Piece& piece) {
  return std::ranges::any_of(kHeldOutWorks,
                             [&](const char* work) { return piece.name.starts_with(work); });
}

/// At its own tempo alone.
Piece read_piece(const fs::path& file, const Tokenizer& tokenizer, bool augmented) {
  Piece piece{.name = file.stem().string(), .score = midi::read_score(file), .ids = {}};
  try {
    piece.ids[kOwnTempo] = tokenizer.encode(piece.score);
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
  require(piece.own_ids().size() >= 2, file.string(), ": holds no note of a piano");
  const double hours = midi::TimeMap(piece.score).seconds(piece.score.end) / 3600;
  require(!augmented || hours * kTempoFactors.back() < kMostHours, file.string(), ": lasts ", hours,
          " hours, too long for --set augmentation=true");
  return piece;
}

void add_tempos(Piece& piece, const Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < kTempoFactors.size(); ++i) {
    if (i != kOwnTempo) piece.ids[i] = tokenizer.encode(stretched(piece.score, kTempoFactors[i]));
  }
}

std::string hash_of(const Music& music) {
  ContentHash hash;
  for (const auto* part : {&music.train, &music.held_out}) {
    hash.add(std::to_string(part->size()) + ":");
    for (const Piece& piece : *part) {
      for (const auto& ids : piece.ids) {
        hash.add(std::to_string(ids.size()) + ":");
        hash.add({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(ids[0])});
      }
    }
  }
  return hash.hex();
}

}  // namespace

std::string corpus_name(const std::string& corpus, const fs::path& data_dir) {
  if (corpus != "auto") return corpus;
  return fs::is_directory(data_dir / "giantmidi_eval") ? "giantmidi_eval" : "tunes";
}

std::vector<Note> playable_notes(const midi::Score& score) {
  std::vector<Note> notes = pitched_notes(score);
  std::erase_if(notes, [](const Note& note) {
    return note.pitch < PerformanceTokenizer::lowest_pitch ||
           note.pitch > PerformanceTokenizer::highest_pitch;
  });
  return notes;
}

midi::Score stretched(const midi::Score& score, double factor) {
  constexpr std::uint16_t kTicksPerQuarter = 30000;  // 60,000 per second at 120 beats per minute
  const midi::TimeMap time(score);
  const auto to_tick = [&](double tick) {
    const double seconds = time.seconds(tick) * factor;
    require(seconds < kMostHours * 3600, "stretched: ", seconds, " s are too long");
    return static_cast<std::uint32_t>(std::llround(seconds * 2 * kTicksPerQuarter));
  };
  midi::Score result;
  result.division.ticks = kTicksPerQuarter;
  result.tempos = {{}};
  result.time_signatures = {{}};
  result.track_names = score.track_names;
  result.notes = score.notes;
  for (midi::Note& note : result.notes) {
    const double end = static_cast<double>(note.tick) + note.duration;
    note.tick = to_tick(note.tick);
    note.duration = to_tick(end) - note.tick;
    result.end = std::max(result.end, note.tick + note.duration);
  }
  return result;
}

Music load_music(const Config& config, const fs::path& data_dir) {
  const MidiSource source = find_source(config.data, data_dir);
  const PerformanceTokenizer tokenizer({.carry_residual = config.carry_residual});
  Music music{.name = source.name,
              .data = source.data,
              .train = {},
              .held_out = {},
              .hash = {},
              .notes = {}};
  if (!source.note.empty()) music.notes.push_back(source.note);
  std::vector<Piece> pieces = read_pieces(source, music.notes, [&](const fs::path& file) {
    return read_piece(file, tokenizer, config.augmentation);
  });
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool held_out = source.data == "giantmidi_eval" ? is_held_out_work(pieces[i])
                                                          : is_held_out(i, pieces.size(), 8);
    if (config.augmentation && !held_out) add_tempos(pieces[i], tokenizer);
    (held_out ? music.held_out : music.train).push_back(std::move(pieces[i]));
  }
  music.hash = hash_of(music);
  return music;
}

}  // namespace etude::performance_lstm
