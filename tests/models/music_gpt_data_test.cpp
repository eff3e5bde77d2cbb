#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "engine/ops/shape.h"
#include "models/midi_music.h"
#include "models/music_gpt/hugging_face.h"
#include "models/music_gpt/train.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

fs::path written(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
  return file;
}

/// Eighth notes from `lowest` up and down again, 480 ticks to a quarter note.
midi::Score melody(int lowest, int notes = 32) {
  midi::Score score;
  score.tempos = {{}};
  score.time_signatures = {{}};
  score.track_names = {""};
  for (int i = 0; i < notes; ++i) {
    const int step = i % 16 < 8 ? i % 8 : 8 - i % 8;
    score.notes.push_back({.tick = static_cast<std::uint32_t>(240 * i),
                           .duration = 240,
                           .pitch = static_cast<std::uint8_t>(lowest + step),
                           .velocity = static_cast<std::uint8_t>(40 + 2 * (i % 32))});
    score.end = score.notes.back().tick + 240;
  }
  return score;
}

/// `pieces` melodies as files 00.mid, 01.mid, ... in `folder`.
void write_melodies(const fs::path& folder, int pieces) {
  fs::create_directories(folder);
  for (int i = 0; i < pieces; ++i) {
    const std::string name = std::to_string(i / 10) + std::to_string(i % 10) + ".mid";
    midi::write(midi::to_file(melody(30 + i % 40)), folder / name);
  }
}

Config small() {
  Config config;
  config.batch = 4;
  config.context = 16;
  config.layers = 1;
  config.heads = 2;
  config.width = 16;
  config.lr = 0.01;
  config.iterations = 60;
  config.dropout = 0;
  return config;
}

Piece piece_of(const midi::Score& score, const MidiTokTokenizer& tokenizer) {
  return {.name = "piece", .score = score, .ids = tokenizer.encode(score)};
}

using Row = std::vector<std::int32_t>;

/// Row b of a batch's ids or targets, without what is padded.
Row row(const Tensor& t, std::int64_t b) {
  Row all = t.to_vector<std::int32_t>();
  const auto begin = all.begin() + b * t.dim(1);
  return {begin, begin + t.dim(1)};
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const auto x = a.to_vector<double>(), y = b.to_vector<double>();
  REQUIRE(x.size() == y.size());
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  return largest;
}

/// The greatest difference of two networks' parameters.
double apart(Trainer& a, Trainer& b) {
  const auto x = a.model().parameters(), y = b.model().parameters();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, largest_difference(x[i].second, y[i].second));
  }
  return largest;
}

TEST_SUITE("music_gpt_data") {
  TEST_CASE("as one piano: all but the drums, in the order of a score") {
    midi::Score score = melody(60, 2);
    score.notes.push_back({.tick = 240, .pitch = 40, .channel = 3, .program = 33, .track = 2});
    score.notes.push_back({.tick = 240, .channel = midi::drum_channel, .track = 3});
    score.controls = {{.number = midi::sustain_pedal, .value = 127}};
    score.tempos = {{.microseconds_per_quarter = 400000}};
    const midi::Score piano = as_one_piano(score);
    REQUIRE(piano.notes.size() == 3);
    CHECK(piano.notes[1].pitch == 40);  // below the other at its tick
    CHECK(piano.notes[2].pitch == 61);
    for (const midi::Note& note : piano.notes) {
      CHECK((note.channel == 0 && note.program == 0 && note.track == 0));
    }
    CHECK(piano.controls.empty());
    CHECK(piano.tempos == score.tempos);
    CHECK(piano.time_signatures == score.time_signatures);
    midi::check(piano);
  }

  TEST_CASE("music of a folder: every eighth is held out, what cannot be read is left out") {
    const TemporaryFolder folder;
    Config config = small();
    config.data = folder.path.string();
    const auto load = [&] { return load_music(config, "no-data"); };
    write_melodies(folder.path, 1);
    CHECK(contains(message_of(load), "one piece alone"));
    config.data = (folder.path / "00.mid").string();
    CHECK(contains(message_of(load), "one piece alone"));
    config.data = folder.path.string();
    write_melodies(folder.path, 3);
    CHECK(load().train.size() == 2);
    CHECK(load().held_out[0].name == "02");
    write_melodies(folder.path, 17);
    const Music music = load();
    CHECK(music.train.size() == 15);
    REQUIRE(music.held_out.size() == 2);
    CHECK(music.held_out[0].name == "07");
    CHECK(music.held_out[1].name == "15");
    CHECK(music.notes.empty());
    const auto tokenizer = config.make_tokenizer();
    const Row& ids = music.train[0].ids;
    CHECK(tokenizer->describe(ids.front()) == "BOS_None");
    CHECK(tokenizer->describe(ids.back()) == "EOS_None");
    CHECK(tokenizer->num_notes(ids) == 32);
    CHECK(Row(ids.begin() + 1, ids.end() - 1) == tokenizer->encode(music.train[0].score));
    CHECK(music.train_tokens() > 15 * 32 * 3);

    CHECK(load().hash == music.hash);
    Config other = config;
    other.velocities = 4;
    CHECK(load_music(other, "no-data").hash != music.hash);
    other = config;
    other.tokenizer = "midilike";
    CHECK(load_music(other, "no-data").hash != music.hash);

    written(folder.path / "broken.mid", "MThd");
    midi::Score drums = melody(60);
    for (midi::Note& note : drums.notes) note.channel = midi::drum_channel;
    midi::write(midi::to_file(drums), folder.path / "drums.mid");
    midi::File patterns = midi::to_file(melody(60));
    patterns.format = 2;
    patterns.tracks.push_back(patterns.tracks[0]);
    midi::write(patterns, folder.path / "patterns.mid");
    const Music lenient = load();
    CHECK(lenient.hash == music.hash);
    REQUIRE(lenient.notes.size() == 3);
    CHECK(contains(lenient.notes[0], "broken.mid"));
    CHECK(contains(lenient.notes[1], "drums.mid: holds no note"));
    CHECK(contains(lenient.notes[2], "patterns.mid"));
    other = config;
    other.programs = true;
    CHECK(load_music(other, "no-data").notes.size() == 2);  // drums are music then
    config.data = (folder.path / "drums.mid").string();
    CHECK(contains(message_of(load), "drums.mid"));
    CHECK(is_held_out(19, 100, 20));
    CHECK(!is_held_out(99, 101, 8));
  }

  TEST_CASE("music with a beat file beside it has its bars") {
    const TemporaryFolder folder;
    const fs::path file = folder.path / "song.mid";
    midi::write(midi::to_file(melody(60)), file);
    Config config = small();
    const auto tokenizer = config.make_tokenizer();
    CHECK(read_piece(file, config, *tokenizer).score.time_signatures[0].numerator == 4);
    written(folder.path / "beat_midi.txt", "0 1 1\n0.5 0 0\n1 0 0\n1.5 1 1\n2 0 0\n");
    const Piece piece = read_piece(file, config, *tokenizer);
    CHECK(piece.score.time_signatures[0].numerator == 3);
    CHECK(piece.score.notes.size() == 32);
    written(folder.path / "beat_midi.txt", "0 1 1\nx\n");
    CHECK(contains(message_of([&] { read_piece(file, config, *tokenizer); }), "beat_midi.txt:2:"));
  }

  TEST_CASE("MIDI sources: what is missing is told with its remedy") {
    const TemporaryFolder folder;
    CHECK(contains(message_of([&] { midi_data_set("pop1k7", folder.path); }),
                   "etude data get pop1k7"));
    fs::create_directories(folder.path / "pop1k7");
    CHECK(contains(message_of([&] { midi_data_set("pop1k7", folder.path); }),
                   "holds no *.mid or *.midi file; fetch it with: etude data get pop1k7"));
    CHECK(contains(message_of([&] { own_midi((folder.path / "no").string(), "sets, of music"); }),
                   "neither a known set (sets, of music)"));
    CHECK(contains(message_of([&] { own_midi(folder.path.string(), ""); }), "holds no *.mid"));
    write_melodies(folder.path / "pop1k7" / "deeper", 2);
    fs::rename(folder.path / "pop1k7/deeper/01.mid", folder.path / "pop1k7/01.MIDI");
    MidiSource set = midi_data_set("pop1k7", folder.path);
    REQUIRE(set.files.size() == 2);
    CHECK(set.files[0].filename() == "01.MIDI");
    CHECK(!set.lenient);
    CHECK(own_midi(folder.path.string(), "").lenient);
    Config config = small();
    config.data = "auto";
    CHECK(load_music(config, folder.path).data == "pop1k7");

    std::vector<std::string> notes;
    const auto size_of = [](const fs::path& file) {
      require(file.filename() == "00.mid", file.string(), ": bad");
      return fs::file_size(file);
    };
    CHECK(contains(message_of([&] { read_pieces(set, notes, size_of); }), "01.MIDI: bad"));
    CHECK(notes.empty());
    set.lenient = true;
    CHECK(read_pieces(set, notes, size_of).size() == 1);
    CHECK(notes.size() == 1);
    set.files.resize(1);
    const std::string nothing = message_of([&] { read_pieces(set, notes, size_of); });
    CHECK(contains(nothing, "none of its 1 MIDI files can be used; Left out: "));
    CHECK(contains(nothing, "01.MIDI: bad"));
  }

  TEST_CASE("windows: all pieces evenly, whole windows where a piece has them") {
    Config config = small();
    config.context = 8;
    config.batch = 1000;
    const auto tokenizer = config.make_tokenizer();
    std::vector<Piece> pieces(4);  // each id once
    std::int32_t next = 0;
    for (const auto& [p, size] : {std::pair{0, 6}, {1, 9}, {2, 13}, {3, 41}}) {
      while (static_cast<int>(pieces[p].ids.size()) < size) pieces[p].ids.push_back(next++);
    }
    const Windows windows(config, *tokenizer, pieces);
    std::map<std::int32_t, double> seen;  // as targets
    Generator random(1, 1);
    constexpr int kDraws = 60;
    for (int draw = 0; draw < kDraws; ++draw) {
      const Batch batch = windows.draw(random, Device::cpu);
      for (std::int64_t b = 0; b < config.batch; ++b) {
        const Row ids = row(batch.ids, b), targets = row(batch.targets, b);
        const bool short_piece = ids[0] < 6;
        for (int t = 0; t < 8; ++t) {
          if (short_piece && t >= 5) {
            CHECK((ids[t] == 0 && targets[t] == -1));
          } else if (targets[t] != ids[t] + 1 || (t > 0 && ids[t] != targets[t - 1])) {
            FAIL("row ", b, ": ", ids[t], " is followed by ", targets[t]);
          }
          if (targets[t] >= 0) seen[targets[t]] += 1;
        }
      }
    }
    // 8 + 8 + 12 + 40 places to begin, of which each token is to be seen from 8.
    const double expected = kDraws * 1000.0 * 8 / (8 + 8 + 12 + 40);
    for (const Piece& piece : pieces) {
      const std::int32_t first = piece.ids[0], count = static_cast<int>(piece.ids.size()) - 1;
      CHECK(!seen.contains(first));
      double sum = 0;
      for (std::int32_t id = first + 1; id <= first + count; ++id) {
        CHECK(seen[id] > 0.47 * expected);
        CHECK(seen[id] < 1.53 * expected);
        sum += seen[id] / count;
      }
      CHECK(sum == doctest::Approx(expected).epsilon(0.03));
    }
    CHECK(seen[50] == doctest::Approx(expected).epsilon(0.05));  // in the midst of the longest
    CHECK(windows.draw(random, Device::cpu).ids.shape() == Dims{1000, 8});
  }

  TEST_CASE("windows: transposed as far as their piece can be, all but pitches as they were") {
    Config config = small();
    config.pitch_shift = 3;
    config.batch = 300;
    config.context = 64;
    for (const char* name : {"remi_plus", "midilike"}) {
      config.tokenizer = name;
      const auto tokenizer = config.make_tokenizer();
      const auto range = tokenizer->config().pitch_range;
      // From one above the lowest pitch; the scale's ninth note is the highest.
      const std::vector<Piece> pieces = {piece_of(melody(range[0] + 1), *tokenizer)};
      const Batch batch = [&] {
        Generator random(1, 1);
        return Windows(config, *tokenizer, pieces).draw(random, Device::cpu);
      }();
      config.pitch_shift = 0;
      const Batch plain = [&] {
        Generator random(1, 1);
        return Windows(config, *tokenizer, pieces).draw(random, Device::cpu);
      }();
      config.pitch_shift = 3;
      CHECK(plain.ids.shape() == batch.ids.shape());
      std::set<int> shifts;
      for (std::int64_t b = 0; b < config.batch; ++b) {
        const Row ids = row(batch.ids, b), targets = row(batch.targets, b);
        // Where the window lies: its tokens but for pitches.
        std::set<int> of_row;
        bool found = false;
        const Row& piece = pieces[0].ids;
        for (std::size_t start = 0; start + 65 <= piece.size() && !found; ++start) {
          of_row.clear();
          found = true;
          for (int t = 0; t < 65 && found; ++t) {
            const auto& was = tokenizer->vocabulary().token(piece[start + t]);
            const auto& is = tokenizer->vocabulary().token(t < 64 ? ids[t] : targets[63]);
            const bool pitch = was.type == miditok::Type::pitch ||
                               was.type == miditok::Type::note_on ||
                               was.type == miditok::Type::note_off;
            found = was.type == is.type && (pitch || was.value == is.value);
            if (pitch) of_row.insert(is.value - was.value);
          }
          found = found && of_row.size() == 1;
        }
        CHECK(found);
        if (found) shifts.insert(*of_row.begin());
      }
      CHECK(shifts == std::set<int>{-1, 0, 1, 2, 3});
    }
  }

  TEST_CASE("a trainer learns one batch by heart, and goes on from its state bit for bit") {
    Config config = small();
    config.dropout = 0.05;
    config.width = 32;
    const auto tokenizer = config.make_tokenizer();
    const std::vector<Piece> pieces = {piece_of(melody(50, 64), *tokenizer)};
    Generator random(1, 1);
    const Batch batch = Windows(config, *tokenizer, pieces).draw(random, Device::cpu);
    Trainer trainer(config, Device::cpu), again(config, Device::cpu);
    Checkpoint checkpoint;
    double first = 0, last = 0;
    for (std::int64_t step = 0; step < config.iterations; ++step) {
      if (step == 30) {
        State s = State::collect(checkpoint);
        trainer.state(s);
      }
      const auto values = trainer.step({&batch, 1}, step).to_vector<float>();
      REQUIRE(values.size() == 2);
      CHECK(values[1] > 0);
      (step == 0 ? first : last) = values[0];
    }
    CHECK(first == doctest::Approx(std::log(tokenizer->vocabulary_size())).epsilon(0.05));
    CHECK(last < 0.5);
    State s = State::restore(checkpoint, "checkpoint");
    again.state(s);
    s.finish();
    CHECK(apart(trainer, again) > 0);
    for (std::int64_t step = 30; step < config.iterations; ++step) again.step({&batch, 1}, step);
    CHECK(apart(trainer, again) == 0);
  }

  TEST_CASE("accumulated half batches are one batch of both") {
    const Config config = small();
    const auto tokenizer = config.make_tokenizer();
    const std::vector<Piece> pieces = {piece_of(melody(50, 64), *tokenizer)};
    Generator random(1, 1);
    const Windows windows(config, *tokenizer, pieces);
    Trainer one(config, Device::cpu), two(config, Device::cpu);
    for (std::int64_t step = 0; step < 5; ++step) {
      const Batch whole = windows.draw(random, Device::cpu);
      std::vector<Batch> halves;
      for (int h : {0, 2}) {
        halves.push_back({.ids = contiguous(slice(whole.ids, 0, h, h + 2)),
                          .targets = contiguous(slice(whole.targets, 0, h, h + 2))});
      }
      const Tensor a = one.step({&whole, 1}, step), b = two.step(halves, step);
      CHECK(largest_difference(a, b) < 1e-5);
    }
    CHECK(apart(one, two) < 1e-4);
    CHECK(apart(one, two) > 0);
  }

  TEST_CASE("a run may begin with a GPT-2 that was saved for transformers") {
    const TemporaryFolder folder;
    Config config = small();
    Trainer text(config, Device::cpu);
    save_hugging_face(text.model(), folder.path);
    config.start_from = folder.path.string();
    config.seed = 2;
    for (const char* rows : {"reused", "fresh"}) {
      config.token_rows = rows;
      Trainer trainer(config, Device::cpu);
      CHECK(apart(trainer, text) > 0);
      trainer.start_from_weights();
      const auto a = trainer.model().parameters(), b = text.model().parameters();
      for (std::size_t i = 0; i < a.size(); ++i) {
        const bool own = config.token_rows == "fresh" && a[i].first == "wte.weight";
        CAPTURE(a[i].first);
        CHECK((largest_difference(a[i].second, b[i].second) == 0) == !own);
      }
    }
  }

  TEST_CASE("cross entropy: each token but the first, told from the part of its window before it") {
    Config config = small();
    config.dropout = 0.5;  // of no effect here
    Trainer trainer(config, Device::cpu);
    const auto tokenizer = config.make_tokenizer();
    std::vector<Piece> pieces = {piece_of(melody(50, 8), *tokenizer),
                                 piece_of(melody(60, 30), *tokenizer)};
    std::int64_t tokens = 0, windows = 0;
    double nats = 0;
    for (const Piece& piece : pieces) {
      const Inference inference(trainer.model());
      const auto inputs = static_cast<std::int64_t>(piece.ids.size()) - 1;
      for (std::int64_t start = 0; start < inputs; start += config.context, ++windows) {
        const std::int64_t count = std::min(config.context, inputs - start);
        const Row ids(piece.ids.begin() + start, piece.ids.begin() + start + count);
        const auto logits =
            trainer.model().logits(Tensor::from(ids, {1, count})).to_vector<double>();
        const std::size_t V = tokenizer->vocabulary_size();
        for (std::int64_t t = 0; t < count; ++t) {
          double sum = 0;
          for (std::size_t v = 0; v < V; ++v) sum += std::exp(logits[t * V + v]);
          nats += std::log(sum) - logits[t * V + piece.ids[start + t + 1]];
        }
      }
      tokens += inputs;
    }
    const CrossEntropy all = cross_entropy_of(trainer, pieces);
    CHECK(all.tokens == tokens);
    CHECK(all.notes == 38);
    CHECK(all.nats == doctest::Approx(nats).epsilon(1e-5));
    CHECK(all.per_note() == doctest::Approx(nats / 38).epsilon(1e-5));
    CHECK(trainer.model().training());
    CHECK(cross_entropy_of(trainer, pieces, windows).nats == all.nats);
    REQUIRE(windows > 4);
    const CrossEntropy some = cross_entropy_of(trainer, pieces, 3);
    CHECK(some.tokens < 3 * config.context + 1);
    CHECK(some.tokens > config.context);
    CHECK(some.per_token() == doctest::Approx(all.per_token()).epsilon(0.05));
    CHECK(std::abs(static_cast<double>(some.notes) -
                   38.0 * static_cast<double>(some.tokens) / static_cast<double>(tokens)) <= 0.5);
  }
}

}  // namespace
}  // namespace etude::music_gpt
