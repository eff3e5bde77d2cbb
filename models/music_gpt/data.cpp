#include "models/music_gpt/data.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "engine/error.h"
#include "engine/io/content_hash.h"
#include "models/midi_music.h"
#include "models/music_gpt/pop909.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

MidiSource find_source(const std::string& data, const fs::path& data_dir) {
  if (data == "pop1k7" || data == "pop909") return midi_data_set(data, data_dir);
  if (data == "tunes") return midi_tunes();
  if (data != "auto") return own_midi(data, "pop1k7, pop909, tunes, auto");
  for (const char* name : {"pop1k7", "pop909"}) {
    if (fs::is_directory(data_dir / name)) return midi_data_set(name, data_dir);
  }
  MidiSource source = midi_tunes();
  source.note +=
      " They stand in for Pop1K7, which etude data get pop1k7 fetches: the report's numbers are "
      "for another music.";
  return source;
}

std::string hash_of(const Music& music) {
  ContentHash hash;
  for (const auto* part : {&music.train, &music.held_out}) {
    hash.add(std::to_string(part->size()) + ":");
    for (const Piece& piece : *part) {
      hash.add(std::to_string(piece.ids.size()) + ":");
      hash.add({reinterpret_cast<const char*>(piece.ids.data()),
                piece.ids.size() * sizeof(piece.ids[0])});
    }
  }
  return hash.hex();
}

std::int32_t special(const MidiTokTokenizer& tokenizer, const char* name) {
  for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.describe(id) == name) return id;
  }
  fail("the tokenizer has no token ", name);
}

Piece make_piece(const fs::path& file, midi::Score score, const Config& config,
                 const MidiTokTokenizer& tokenizer) {
  Piece piece{.name = file.stem().string(),
              .score = config.programs ? std::move(score) : as_one_piano(score),
              .ids = {special(tokenizer, "BOS_None")}};
  const std::vector<std::int32_t> ids = tokenizer.encode(piece.score);
  require(tokenizer.num_notes(ids) > 0, "holds no note that the tokenizer has an id for");
  piece.ids.insert(piece.ids.end(), ids.begin(), ids.end());
  piece.ids.push_back(special(tokenizer, "EOS_None"));
  return piece;
}

}  // namespace

std::int64_t Music::train_tokens() const {
  return std::accumulate(train.begin(), train.end(), std::int64_t{0},
                         [](std::int64_t sum, const Piece& piece) {
                           return sum + static_cast<std::int64_t>(piece.ids.size());
                         });
}

midi::Score as_one_piano(const midi::Score& score) {
  midi::Score piano;
  piano.division = score.division;
  piano.end = score.end;
  piano.tempos = score.tempos;
  piano.time_signatures = score.time_signatures;
  piano.key_signatures = score.key_signatures;
  piano.track_names = {""};
  for (midi::Note note : score.notes) {
    if (note.channel == midi::drum_channel) continue;
    note.track = note.channel = note.program = 0;
    piano.notes.push_back(note);
  }
  std::ranges::stable_sort(
      piano.notes, {}, [](const midi::Note& note) { return std::tuple(note.tick, note.pitch); });
  return piano;
}

Piece read_piece(const fs::path& file, const Config& config, const MidiTokTokenizer& tokenizer) {
  const midi::File events = midi::read(file);
  const fs::path beats = file.parent_path() / "beat_midi.txt";
  try {
    midi::Score score = midi::score(events);
    if (fs::exists(beats)) score = with_beats(score, read_beats(beats));
    return make_piece(file, std::move(score), config, tokenizer);
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
}

Music load_music(const Config& config, const fs::path& data_dir) {
  const MidiSource source = find_source(config.data, data_dir);
  const auto tokenizer = config.make_tokenizer();
  Music music{.name = source.name,
              .data = source.data,
              .train = {},
              .held_out = {},
              .hash = {},
              .notes = {}};
  if (!source.note.empty()) music.notes.push_back(source.note);
  std::vector<Piece> pieces = read_pieces(source, music.notes, [&](const fs::path& file) {
    return read_piece(file, config, *tokenizer);
  });
  require(pieces.size() > 1, source.data, ": one piece alone: music to learn from and music to ",
          "measure on are needed, so give a folder of several");
  const std::size_t every = pieces.size() >= 100 ? 20 : 8;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    (is_held_out(i, pieces.size(), every) ? music.held_out : music.train)
        .push_back(std::move(pieces[i]));
  }
  music.hash = hash_of(music);
  return music;
}

}  // namespace etude::music_gpt
