#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

#include "engine/ops/elementwise.h"
#include "engine/ops/sampling.h"
#include "engine/ops/shape.h"
#include "eval/synth.h"
#include "models/music_gpt/bars.h"
#include "models/music_gpt/measure.h"
#include "models/music_gpt/samples.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;
using doctest::Approx;
using miditok::Type;

constexpr std::uint32_t kQuarter = 480, kBar = 4 * kQuarter;

midi::Note note_at(std::uint32_t tick, int pitch, std::uint32_t duration = kQuarter) {
  return {.tick = tick, .duration = duration, .pitch = static_cast<std::uint8_t>(pitch)};
}

midi::Score score_of(std::vector<midi::Note> notes) {
  midi::Score score{.division = {.ticks = kQuarter}};
  score.tempos = {{}};
  score.time_signatures = {{}};
  score.track_names = {""};
  for (const midi::Note& note : notes) score.end = std::max(score.end, note.tick + note.duration);
  score.notes = std::move(notes);
  return score;
}

/// Quarter notes that go up from `lowest`, and down.
midi::Score melody(int lowest, int bars) {
  std::vector<midi::Note> notes;
  for (int i = 0; i < 4 * bars; ++i) {
    const int step = i % 16 < 8 ? i % 8 : 8 - i % 8;
    notes.push_back(note_at(i * kQuarter, lowest + step));
  }
  return score_of(notes);
}

void write(const midi::Score& score, const fs::path& file) {
  fs::create_directories(file.parent_path());
  midi::write(midi::to_file(score), file);
}

Config tiny() {
  Config config;
  config.layers = 2;
  config.heads = 2;
  config.width = 16;
  config.context = 64;
  config.batch = 2;
  config.chords = config.tempos = false;
  config.settings = "default,plain";
  config.pieces = 2;
  config.bars = 3;
  config.prompt_bars = 1;
  return config;
}

/// 16 melodies, of which numbers 7 and 15 are held out, the latter two bars long.
Music music_in(const fs::path& folder, const Config& config) {
  for (int i = 0; i < 16; ++i) {
    write(melody(50 + i, i == 15 ? 2 : 6),
          folder / (std::string(i < 10 ? "0" : "") + std::to_string(i) + ".mid"));
  }
  Config with = config;
  with.data = folder.string();
  return load_music(with, "no-data");
}

Tensor parameter(Trainer& trainer, const std::string& name) {
  const auto all = trainer.model().parameters();
  const auto found = std::ranges::find(all, name, &Module::Named::first);
  REQUIRE(found != all.end());
  return found->second;
}

/// Its logits, whatever it has read, become `bar` for the token of a new bar, 0 for those of which
/// one kind of note is made, and far less for all others.
void let_play(Trainer& trainer, float bar) {
  const miditok::Vocabulary& vocabulary = trainer.tokenizer().vocabulary();
  const NoGrad none;
  Tensor bias = parameter(trainer, "ln_f.beta");
  parameter(trainer, "ln_f.gamma").fill_(0);
  bias.fill_(0);
  slice(bias, 0, 0, 1).fill_(1);
  Tensor logits = slice(parameter(trainer, "wte.weight"), 1, 0, 1);
  logits.fill_(-50);
  std::set<Type> said;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    const Type type = vocabulary.token(id).type;
    const bool in_note = type == Type::pitch || type == Type::velocity || type == Type::duration ||
                         type == Type::position;
    if (type == Type::bar) slice(logits, 0, id, id + 1).fill_(bar);
    if (in_note && said.insert(type).second) slice(logits, 0, id, id + 1).fill_(0);
  }
}

TEST_SUITE("music_gpt_measure") {
  TEST_CASE("measures of a score that is counted by hand") {
    // Bars: C G; C C E G; none; a drum.
    midi::Score score = score_of({note_at(0, 60), note_at(2 * kQuarter, 67), note_at(kBar, 72),
                                  note_at(kBar + kQuarter, 60), note_at(kBar + 2 * kQuarter, 64),
                                  note_at(kBar + 3 * kQuarter, 67), note_at(3 * kBar + 240, 61)});
    score.notes.back().channel = midi::drum_channel;
    const Measures m = measures_of(score, 4, false);
    CHECK(m.h1 == Approx((1 + 1.5) / 2));
    CHECK(m.h4 == Approx(3 / 6. * std::log2(2.) + 1 / 6. * std::log2(6.) + 2 / 6. * std::log2(3.)));
    CHECK(m.gs_16 == Approx(1 - (2 + 2 + 2 + 4 + 4) / (6. * 16)));
    CHECK(m.gs_32 == Approx(1 - (2 + 2 + 2 + 4 + 4) / (6. * 32)));
    CHECK(m.gs_64 == Approx(1 - (2 + 2 + 2 + 4 + 4) / (6. * 64)));
    for (const double si : {m.si_short, m.si_mid, m.si_long}) CHECK(std::isnan(si));
    // The same notes in bars of two quarters.
    score.time_signatures = {{.numerator = 2}};
    const Measures halves = measures_of(score, 4, false);
    CHECK(halves.h1 == Approx((0 + 0 + 0 + 1) / 4.));
    CHECK(halves.gs_16 == Approx(1 - (3 * 1 + 1 * 1) / (6. * 16)));
    CHECK(contains(message_of([&] { measures_of(score, 1, false); }), "of 1 bars"));
    score.notes.erase(score.notes.begin(), score.notes.end() - 1);
    CHECK(contains(message_of([&] { measures_of(score, 4, false); }), "no notes in 4 bars"));
  }

  TEST_CASE("with sound, what repeats has more structure than what does not" *
            doctest::skip(!synth_available())) {
    std::vector<midi::Note> same, other;
    for (std::uint32_t i = 0; i < 64; ++i) {
      same.push_back(note_at(i * kQuarter, 60 + static_cast<int>(i % 16 * 5 % 12)));
      other.push_back(note_at(i * kQuarter, 60 + static_cast<int>(i * i % 23 % 12)));
    }
    const Measures a = measures_of(score_of(same), 16, true);
    const Measures b = measures_of(score_of(other), 16, true);
    for (const Measures& m : {a, b}) {
      for (const double si : {m.si_short, m.si_mid, m.si_long}) CHECK((si >= 0 && si <= 1));
    }
    CHECK(a.si_mid > b.si_mid);
  }

  TEST_CASE("bars of a score: tempo, meter and pedals as they are there") {
    // Two bars of 4/4, of which the second is cut short after a quarter, then 3/4.
    midi::Score score = score_of({note_at(0, 60, kBar + 10), note_at(kBar, 62), note_at(2400, 64),
                                  note_at(2400 + 1440 - 10, 65), note_at(2400 + 2 * 1440, 67)});
    score.time_signatures.push_back({.tick = 2400, .numerator = 3});
    score.tempos.push_back({.tick = 100, .microseconds_per_quarter = 400000});
    score.tempos.push_back({.tick = 2500, .microseconds_per_quarter = 300000});
    score.controls = {{.tick = 0, .number = midi::sustain_pedal, .value = 1},
                      {.tick = 50, .number = midi::sustain_pedal, .value = 127},
                      {.tick = 2500, .number = midi::sustain_pedal, .value = 0},
                      {.tick = 4000, .number = midi::sustain_pedal, .value = 2}};
    CHECK(num_bars(score) == 5);
    CHECK(num_bars({}) == 0);
    const midi::Score part = bars_of(score, 1, 2);
    CHECK(part.time_signatures ==
          std::vector<midi::TimeSignature>{{}, {.tick = 480, .numerator = 3}});
    CHECK(part.tempos ==
          std::vector<midi::Tempo>{{.microseconds_per_quarter = 400000},
                                   {.tick = 580, .microseconds_per_quarter = 300000}});
    REQUIRE(part.notes.size() == 3);
    CHECK(part.notes[0] == note_at(0, 62));
    CHECK(part.notes[1] == note_at(480, 64));
    CHECK(part.notes[2] == note_at(480 + 1440 - 10, 65, 10));
    CHECK(part.end == 480 + 1440);
    REQUIRE(part.controls.size() == 2);
    CHECK(part.controls[0].value == 127);
    CHECK(part.controls[0].tick == 0);
    CHECK(part.controls[1].tick == 580);
    CHECK(num_bars(part) == 2);
    midi::check(part);
    // The bar that is cut short stays so, and so do bars past the end.
    const midi::TimeMap first(bars_of(score, 0, 2)), late(bars_of(score, 4, 3));
    CHECK(first.tick(midi::Position{2, 0}) == 2400);
    CHECK(late.tick(midi::Position{3, 0}) == 3 * 1440);
    CHECK_THROWS_AS(bars_of(score, -1, 2), Error);
    CHECK_THROWS_AS(bars_of(score, 0, 0), Error);
  }

  TEST_CASE("settings: the report's numbers") {
    Config config = tiny();
    config.settings = Config().settings;
    const std::vector<Setting> all = settings(config);
    REQUIRE(all.size() == 6);
    const auto is = [&](int i, const char* name, std::int64_t top_k, double temperature,
                        double penalty, double top_p) {
      CHECK(all[i].name == name);
      CHECK(all[i].options.bars == 3);
      CHECK(all[i].options.top_k == top_k);
      CHECK(all[i].options.temperature == temperature);
      CHECK(all[i].options.repetition_penalty == penalty);
      CHECK(all[i].options.top_p == top_p);
    };
    is(0, "default", GenerateOptions().top_k, GenerateOptions().temperature,
       GenerateOptions().repetition_penalty, 1);
    is(1, "balanced", 50, 1, 1.2, 1);
    is(2, "creative", 100, 1.5, 1.1, 1);
    is(3, "conservative", 20, 0.8, 1.3, 1);
    is(4, "plain", 0, 1, 1, 1);
    is(5, "nucleus", 0, 1, 1, 0.95);
    config.settings = "plain,wild";
    CHECK(
        message_of([&] { settings(config); }) ==
        "unknown setting wild; the settings are default, balanced, creative, conservative, plain, "
        "nucleus");
  }

  TEST_CASE("prompts: the first bars of files, of the data's songs, of held-out pieces") {
    const TemporaryFolder folder;
    Config config = tiny();
    const auto tokenizer = config.make_tokenizer();
    const Music music = music_in(folder.path / "corpus", config);
    const auto check = [&](const std::vector<Prompt>& list, const std::vector<std::string>& names) {
      REQUIRE(list.size() == names.size());
      for (std::size_t i = 0; i < list.size(); ++i) {
        CHECK(list[i].name == names[i]);
        CHECK(tokenizer->describe(list[i].ids[0]) == "BOS_None");
        CHECK(tokenizer->bars(list[i].ids).back() == config.prompt_bars);
        CHECK(tokenizer->num_notes(list[i].ids) == 4 * config.prompt_bars);
      }
    };
    config.prompt_bars = 2;
    check(prompts(config, *tokenizer, music, folder.path), {"07", "15"});
    config.bars = 4;
    config.prompt_bars = 3;  // more than "15" has
    check(prompts(config, *tokenizer, music, folder.path), {"07"});
    write(melody(60, 4), folder.path / "prompt_songs" / "song.mid");
    check(prompts(config, *tokenizer, music, folder.path), {"song"});
    write(melody(60, 3), folder.path / "mine" / "deep" / "b.mid");
    write(melody(60, 3), folder.path / "mine" / "c.mid");
    config.prompts = (folder.path / "mine").string();
    check(prompts(config, *tokenizer, music, folder.path), {"c", "b"});
    const auto message = [&] {
      return message_of([&] { prompts(config, *tokenizer, music, folder.path); });
    };
    write(melody(60, 2), folder.path / "mine" / "short.mid");
    CHECK(message() == (folder.path / "mine/short.mid").string() + ": the piece has 2 bars, not 3");
    write(melody(60, 3), folder.path / "mine" / "short.mid");
    write(melody(60, 3), folder.path / "mine" / "deep" / "c.mid");
    CHECK(contains(message(), "this name, too"));
    config.prompts = "nowhere";
    CHECK(message() == "prompts=nowhere: there is no such folder");
    config.prompts = "auto";
    config.prompt_bars = 4;
    CHECK(message() == "prompt_bars=4: leaves nothing of bars=4 to generate");
    fs::remove_all(folder.path / "prompt_songs");
    config.prompt_bars = 7;
    config.bars = 8;
    CHECK(contains(message(), "no held-out piece has 7 bars"));
  }

  TEST_CASE("the real music: whole pieces, and excerpts of held-out ones that are long enough") {
    const TemporaryFolder folder;
    const Config config = tiny();
    const Music music = music_in(folder.path, config);
    const Json real = measure_real(config, music, 1);
    const Json& whole = real.at("whole");
    CHECK(whole.at("pieces") == 16);
    CHECK(whole.at("failed").empty());
    CHECK(!whole.contains("si_long"));
    CHECK(whole.at("bars")[0] == 6);
    CHECK(whole.at("bars")[15] == 2);  // the held-out pieces come last
    CHECK(whole.at("h1")[0] == Approx(2));
    CHECK(whole.at("h4").size() == 16);
    CHECK(whole.at("gs_32")[0] == Approx(1));
    const Json& excerpts = real.at("excerpts");
    REQUIRE(excerpts.at("pieces") == 1);
    CHECK(excerpts.at("h1")[0] == Approx(2));
    CHECK(excerpts.at("si_mid").size() == 1);
    CHECK(excerpts.at("si_mid")[0].is_null() == !synth_available());
    CHECK(measure_real(config, music, 1) == real);
    Config long_bars = config;
    long_bars.bars = 7;
    CHECK(measure_real(long_bars, music, 1).at("excerpts").at("pieces") == 0);
  }

  TEST_CASE("generated pieces are measured, and what fails is told") {
    const TemporaryFolder folder;
    Config config = tiny();
    const Music music = music_in(folder.path / "corpus", config);
    const auto songs = prompts(config, *config.make_tokenizer(), music, folder.path);
    Trainer trainer(config, Device::cpu);
    let_play(trainer, -3);
    const Json all = measure(trainer, music, songs, 3, folder.path);
    std::int64_t tokens = 0;
    for (const Piece& piece : music.held_out) tokens += std::ssize(piece.ids) - 1;
    CHECK(all.at("held_out").at("tokens") == tokens);
    CHECK(all.at("held_out").at("notes") == 32);
    CHECK(all.at("held_out").at("nats_per_note").get<double>() ==
          Approx(all.at("held_out").at("nats_per_token").get<double>() *
                 static_cast<double>(tokens) / 32));
    CHECK(all.at("settings").size() == 2);
    for (const auto& [name, row] : all.at("settings").items()) {
      CAPTURE(name);
      CHECK(row.at("failed").empty());
      for (const char* key : {"h1", "h4", "gs_16", "gs_32", "gs_64", "si_short", "si_mid",
                              "si_long", "notes", "tokens", "seconds"}) {
        CHECK(row.at(key).size() == 2);
      }
      CHECK(row.at("seconds")[1] == Approx(3 * 4 * 0.5));
      CHECK(row.at("si_long")[0].is_null() == !synth_available());
      const midi::Score score = midi::read_score(folder.path / (name + ".mid"));
      CHECK(row.at("notes")[0] == score.notes.size());
      CHECK(row.at("gs_16")[0] == measures_of(score, 3, false).gs_16);
      CHECK(fs::exists(folder.path / (name + ".png")));
      CHECK(fs::exists(folder.path / (name + ".wav")) == synth_available());
    }
    CHECK(fs::exists(folder.path / "default-scape.png") == synth_available());
    CHECK(!fs::exists(folder.path / "plain-scape.png"));
    CHECK(all.at("prompts").size() == 2);
    const Json& song = all.at("prompts").at("07");
    CHECK(song.size() == 1);  // "plain" is not the report's
    CHECK(song.at("default").at("h1").size() == 1);
    const midi::Score continued = midi::read_score(folder.path / "07-default.mid");
    REQUIRE(continued.notes.size() >= 4);
    for (int i = 0; i < 4; ++i)
      CHECK(continued.notes[i].pitch == music.held_out[0].score.notes[i].pitch);

    // What was measured before an interruption is not measured again.
    const fs::path kept = folder.path / "kept.json";
    Json part = all;
    part["settings"].erase("plain");
    part["settings"]["default"]["notes"] = "kept";
    part.erase("prompts");
    write_json(kept, part);
    Json expected = all;
    expected["settings"]["default"]["notes"] = "kept";
    CHECK(measure(trainer, music, songs, 3, {}, KeptResults(kept)) == expected);
    CHECK(read_json(kept) == expected);

    // A piece depends on its number alone; a milestone is measured in the same way.
    config.pieces = 1;
    config.settings = "plain,nucleus,default";
    Trainer fewer(config, Device::cpu);
    let_play(fewer, -3);
    const Json milestone = measure_milestone(fewer, 3);
    CHECK(milestone.size() == 2);
    for (const char* name : {"default", "plain"}) {
      CHECK(milestone.at(name).at("tokens").size() == 1);
      CHECK(milestone.at(name).at("tokens")[0] == all.at("settings").at(name).at("tokens")[0]);
    }
    CHECK(all.at("settings").at("plain").at("tokens")[0] !=
          all.at("settings").at("plain").at("tokens")[1]);

    let_play(fewer, -50);
    const Json none = measure_milestone(fewer, 3).at("plain");
    CHECK(none.at("tokens").empty());
    REQUIRE(none.at("failed").size() == 1);
    CHECK(contains(none.at("failed")[0], "piece 1: music_gpt: after "));
    let_play(fewer, 50);
    CHECK(measure_milestone(fewer, 3).at("plain").at("failed")[0] ==
          "piece 1: pitch-class entropy: no notes in 3 bars");
  }

  TEST_CASE("samples: files, with and without a prompt") {
    const TemporaryFolder folder;
    Trainer trainer(tiny(), Device::cpu);
    let_play(trainer, -3);
    SampleConfig config;
    config.bars = 6;
    config.count = 2;
    write_samples(trainer, config, 1, folder.path);
    for (const char* name : {"piece-1", "piece-2"}) {
      CHECK(num_bars(midi::read_score(folder.path / (std::string(name) + ".mid"))) <= 6);
      CHECK(fs::exists(folder.path / (std::string(name) + ".png")));
    }
    const midi::Score second = midi::read_score(folder.path / "piece-2.mid");
    CHECK(second != midi::read_score(folder.path / "piece-1.mid"));
    config.prompt_bars = 2;
    CHECK(
        contains(message_of([&] { write_samples(trainer, config, 1, folder.path); }), "--prompt"));
    config.prompt = (folder.path / "in" / "song.mid").string();
    write(melody(60, 4), config.prompt);
    write_samples(trainer, config, 1, folder.path);
    const midi::Score continued = midi::read_score(folder.path / "piece-2.mid");
    REQUIRE(continued.notes.size() > 8);
    for (int i = 0; i < 8; ++i) CHECK(continued.notes[i].pitch == melody(60, 4).notes[i].pitch);
    CHECK(continued.notes[8].tick >= 2 * 4 * continued.division.ticks);
    config.prompt_bars = 6;
    CHECK(
        contains(message_of([&] { write_samples(trainer, config, 1, folder.path); }), "--bars 6"));
  }

  TEST_CASE("generation step by step: penalty over the whole piece, context that moves on") {
    const auto tokenizer = make_miditok("remi");
    Generator weights(1, 1), dropout(1, 2);
    constexpr std::size_t kContext = 48;
    Gpt gpt({.vocabulary = tokenizer->vocabulary_size(),
             .context = kContext,
             .layers = 2,
             .heads = 2,
             .width = 16},
            {}, dropout, {weights});
    const NoGrad none;
    for (auto [name, parameter] : gpt.parameters()) {
      if (name.ends_with("weight")) parameter.copy_(parameter * 20.0);
    }
    const GenerateOptions options{.bars = 3,
                                  .repetition_penalty = 1.7,
                                  .temperature = 1.5,
                                  .top_k = 40,
                                  .most_tokens_per_bar = 5000};
    Generator random(4, 1);
    const Ids piece = generate(gpt, *tokenizer, options, random);
    REQUIRE(piece.size() > 4 * kContext);

    Generator again(4, 1);
    Ids ids = {piece[0]};
    std::size_t first = 0;  // that the network still sees
    int at_bar = 0, in_bar = 0;
    while (ids.size() < piece.size()) {
      if (ids.size() - first > kContext) {
        const std::vector<std::int64_t> bars = tokenizer->bars(ids);
        first = ids.size() - kContext / 2;
        const auto new_bar = std::ranges::adjacent_find(bars.begin() + first - 1, bars.end(),
                                                        std::ranges::not_equal_to());
        if (new_bar != bars.end()) first = new_bar + 1 - bars.begin();
        ++(new_bar == bars.end() ? in_bar : at_bar);
      }
      const auto seen = static_cast<std::int64_t>(ids.size() - first);
      const Tensor window = Tensor::from(std::vector(ids.begin() + first, ids.end()), {1, seen});
      auto logits = contiguous(slice(gpt.logits(window), 1, seen - 1, seen)).to_vector<float>();
      for (const std::int32_t id : std::set<std::int32_t>(ids.begin(), ids.end())) {
        const auto penalty = static_cast<float>(options.repetition_penalty);
        logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
      }
      std::fill_n(logits.begin(), 4, -std::numeric_limits<float>::infinity());  // PAD to MASK
      const SamplingParams how{.temperature = options.temperature, .top_k = options.top_k};
      const Tensor drawn = sample(Tensor::from(logits, {1, std::ssize(logits)}), how, again).id;
      ids.push_back(drawn.to_vector<std::int32_t>()[0]);
    }
    CHECK(ids == piece);
    CHECK(in_bar > 0);
    CHECK(at_bar > 0);
  }
}

}  // namespace
}  // namespace etude::music_gpt
