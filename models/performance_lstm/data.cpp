#include "models/performance_lstm/data.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>

#include "engine/error.h"
#include "engine/io/content_hash.h"
#include "tokenizers/performance/performance.h"

namespace etude::performance_lstm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReportPiece = "Bach_BWV888-01_008_20110315-SMD.mid";

// Where Debian's packages put their tunes.
const fs::path kTrainTunes = "/usr/share/games/openttd/baseset/openmsx";
const fs::path kSimutransTunes = "/usr/share/games/simutrans/music";
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

/// A set of files to load.
struct Source {
  std::string name;
  std::string data;
  std::vector<fs::path> files;
  bool lenient = false;   // leaves out what cannot be read
  bool by_works = false;  // kHeldOutWorks say what is held out
  std::string note = {};
};

std::string get_it(const std::string& set) {
  return "; fetch it with: etude data get " + set +
         ", or choose other music with --set data=NAME (tunes, or a MIDI file or folder of yours)";
}

void add_midi_files(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::string extension = entry->path().extension().string();
    std::ranges::transform(extension, extension.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (entry->is_regular_file() && (extension == ".mid" || extension == ".midi")) {
      files.push_back(entry->path());
    }
  }
  require(!error, folder.string(), ": cannot be read: ", error.message());
  std::ranges::sort(files);
}

Source data_set(const std::string& name, const fs::path& data_dir) {
  Source source{.name = name, .data = name, .files = {}, .by_works = name == "giantmidi_eval"};
  const fs::path folder = data_dir / name;
  require(fs::is_directory(folder), name, ": there is no folder ", folder.string(), get_it(name));
  add_midi_files(folder, source.files);
  return source;
}

Source report_piece(const fs::path& data_dir) {
  const fs::path file = data_dir / "smd" / kReportPiece;
  require(fs::exists(file), "bwv888: there is no file ", file.string(), get_it("smd"));
  return {.name = "bwv888", .data = "bwv888", .files = {file}};
}

Source tunes() {
  Source source{.name = "tunes", .data = "tunes", .files = {}};
  for (const fs::path& folder : {kTrainTunes, kSimutransTunes}) {
    if (fs::is_directory(folder)) add_midi_files(folder, source.files);
  }
  require(!source.files.empty(), "tunes: neither ", kTrainTunes.string(), " nor ",
          kSimutransTunes.string(),
          " is there: install openttd-openmsx and simutrans-data (tools/setup does), or choose "
          "other music with --set data=NAME (a MIDI file or folder of yours)");
  source.note =
      "Tunes of the packages openttd-openmsx and simutrans-data: all parts but the drums, "
      "played on one piano.";
  return source;
}

/// Works where nothing was fetched: the report's piece, else one tune.
Source automatic(const fs::path& data_dir) {
  if (fs::exists(data_dir / "smd" / kReportPiece)) return report_piece(data_dir);
  Source source = tunes();
  const auto one = std::ranges::find(source.files, kTrainTunes / kOneTune);
  source.files = {one == source.files.end() ? source.files[0] : *one};
  source.name = source.files[0].stem().string();
  source.data = source.files[0].string();
  source.note +=
      " It stands in for the report's piece, which etude data get smd fetches: the "
      "report's numbers are for another music.";
  return source;
}

Source own_files(const fs::path& path) {
  require(fs::exists(path), "data=", path.string(),
          ": neither a known set (bwv888, smd, giantmidi_eval, tunes, auto) nor a file or folder");
  const fs::path whole = fs::weakly_canonical(path);
  if (!fs::is_directory(whole)) {
    return {.name = whole.stem().string(), .data = whole.string(), .files = {whole}};
  }
  Source source{
      .name = whole.filename().string(), .data = whole.string(), .files = {}, .lenient = true};
  add_midi_files(whole, source.files);
  require(!source.files.empty(), whole.string(), ": holds no *.mid or *.midi file");
  return source;
}

Source find_source(const std::string& data, const fs::path& data_dir) {
  if (data == "auto") return automatic(data_dir);
  if (data == "bwv888") return report_piece(data_dir);
  if (data == "smd" || data == "giantmidi_eval") return data_set(data, data_dir);
  if (data == "tunes") return tunes();
  return own_files(data);
}

bool is_held_out(const Source& source, const std::vector<Piece>& pieces, std::size_t i) {
  if (source.by_works) {
    return std::ranges::any_of(kHeldOutWorks,
                               [&](const char* work) { return pieces[i].name.starts_with(work); });
  }
  return i % 8 == 7 || (pieces.size() > 1 && pieces.size() < 8 && i + 1 == pieces.size());
}

/// At its own tempo alone.
Piece read_piece(const fs::path& file, const Tokenizer& tokenizer) {
  Piece piece{.name = file.stem().string(), .score = midi::score(midi::read(file)), .ids = {}};
  try {
    piece.ids[kOwnTempo] = tokenizer.encode(piece.score);
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
  require(piece.own_ids().size() >= 2, file.string(), ": holds no note of a piano");
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
  const midi::TimeMap time(score);
  std::vector<Note> notes;
  for (const midi::Note& note : score.notes) {
    if (note.channel == midi::drum_channel || note.pitch < PerformanceTokenizer::lowest_pitch ||
        note.pitch > PerformanceTokenizer::highest_pitch) {
      continue;
    }
    const double start = time.seconds(note.tick);
    notes.push_back(
        {.start = start,
         .duration = time.seconds(static_cast<double>(note.tick) + note.duration) - start,
         .pitch = note.pitch,
         .velocity = note.velocity});
  }
  return notes;
}

midi::Score stretched(const midi::Score& score, double factor) {
  constexpr std::uint16_t kTicksPerQuarter = 30000;  // 60,000 per second at 120 beats per minute
  const midi::TimeMap time(score);
  const auto to_tick = [&](double tick) {
    const double seconds = time.seconds(tick) * factor;
    require(seconds < 19 * 3600, "a piece of ", seconds, " s at another tempo is too long: leave ",
            "augmentation out");
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
  const Source source = find_source(config.data, data_dir);
  const PerformanceTokenizer tokenizer({.carry_residual = config.carry_residual});
  Music music{.name = source.name,
              .data = source.data,
              .train = {},
              .held_out = {},
              .hash = {},
              .notes = {}};
  if (!source.note.empty()) music.notes.push_back(source.note);
  std::vector<Piece> pieces;
  for (const fs::path& file : source.files) {
    try {
      pieces.push_back(read_piece(file, tokenizer));
    } catch (const Error& error) {
      if (!source.lenient) throw;
      music.notes.push_back(std::string("Left out: ") + error.what() + ".");
    }
  }
  require(!pieces.empty(), source.data, ": none of its ", source.files.size(),
          " MIDI files can be used; ", music.notes.empty() ? "" : music.notes[0]);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool held_out = is_held_out(source, pieces, i);
    if (config.augmentation && !held_out) add_tempos(pieces[i], tokenizer);
    (held_out ? music.held_out : music.train).push_back(std::move(pieces[i]));
  }
  music.hash = hash_of(music);
  return music;
}

}  // namespace etude::performance_lstm
