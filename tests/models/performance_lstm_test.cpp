#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/io/safetensors.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/shape.h"
#include "engine/ops/softmax.h"
#include "models/performance_lstm/comparison.h"
#include "models/performance_lstm/generate.h"
#include "models/performance_lstm/measure.h"
#include "models/performance_lstm/samples.h"
#include "models/performance_lstm/train.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"
#include "tokenizers/performance/performance.h"

namespace fs = std::filesystem;

namespace etude::performance_lstm {
namespace {

/// A scale up and down from `lowest`, a note each 100 ms.
midi::Score scale(int lowest, int notes = 16) {
  midi::Score score{.division = {.ticks = 500}};  // a tick is 1 ms
  score.tempos = {{}};
  for (int i = 0; i < notes; ++i) {
    const int step = i % 16 < 8 ? i % 8 : 8 - i % 8;
    score.notes.push_back({.tick = static_cast<std::uint32_t>(100 * i),
                           .duration = 90,
                           .pitch = static_cast<std::uint8_t>(lowest + step),
                           .velocity = static_cast<std::uint8_t>(60 + i)});
    score.end = score.notes.back().tick + 90;
  }
  return score;
}

Config small() {
  Config config;
  config.batch = 4;
  config.window = 24;
  config.embedding = 12;
  config.hidden = 24;
  config.layers = 2;
  config.lr = 0.01;
  config.iterations = 40;
  config.eval_every = 20;
  config.checkpoint_every = 20;
  config.pieces = 3;
  config.primer = 10;
  return config;
}

/// One scale, or several with some held out, as load_music() gives them.
Music music_of(const Config& config, const fs::path& folder, int pieces = 1) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (int i = 0; i < pieces; ++i) {
    midi::write(midi::to_file(scale(40 + 2 * i)), folder / (std::to_string(i) + ".mid"));
  }
  Config with = config;
  with.data = pieces == 1 ? (folder / "0.mid").string() : folder.string();
  return load_music(with, "no-data");
}

std::vector<std::int32_t> column(const Tensor& t, std::int64_t b) {
  const auto all = t.to_vector<std::int32_t>();
  std::vector<std::int32_t> ids;
  for (std::size_t i = b; i < all.size(); i += t.dim(1)) ids.push_back(all[i]);
  return ids;
}

TEST_SUITE("performance_lstm") {
  TEST_CASE("stretched times") {
    midi::Score score = scale(60, 4);
    score.tempos = {{}, {.tick = 200, .microseconds_per_quarter = 1000000}};  // then half as fast
    const std::vector<Note> own = playable_notes(score);
    CHECK(own[2].start == doctest::Approx(0.2));
    CHECK(own[3].start == doctest::Approx(0.4));
    const std::vector<Note> slower = playable_notes(stretched(score, 1.2));
    REQUIRE(slower.size() == own.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      CHECK(slower[i].start == doctest::Approx(1.2 * own[i].start).epsilon(1e-4));
      CHECK(slower[i].duration == doctest::Approx(1.2 * own[i].duration).epsilon(1e-3));
      CHECK(slower[i].pitch == own[i].pitch);
      CHECK(slower[i].velocity == own[i].velocity);
    }
  }

  TEST_CASE("playable notes: those that the vocabulary has") {
    midi::Score score = scale(20, 2);  // 20 is below a piano's keys
    score.notes.push_back({.tick = 300, .duration = 10, .channel = midi::drum_channel});
    const std::vector<Note> notes = playable_notes(score);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].pitch == 21);
  }

  TEST_CASE("data: one file, a folder with some held out, what is wrong") {
    const TemporaryFolder folder;
    Config config = small();
    config.augmentation = true;
    const Music one = music_of(config, folder.path);
    CHECK(one.train.size() == 1);
    CHECK(one.held_out.empty());
    for (const auto& ids : one.train[0].ids) CHECK(ids.size() > 40);
    const Music many = music_of(config, folder.path, 9);
    CHECK(many.train.size() == 8);
    REQUIRE(many.held_out.size() == 1);
    CHECK(many.held_out[0].name == "7");
    CHECK(many.held_out[0].ids[0].empty());  // only at its own tempo
    CHECK(many.hash != one.hash);
    CHECK(music_of(config, folder.path, 3).held_out.size() == 1);
    CHECK(!one.corpus());
    CHECK(many.corpus());

    std::ofstream(folder.path / "broken.mid") << "MThd";
    config.data = folder.path.string();
    const Music lenient = load_music(config, "no-data");
    CHECK(lenient.train.size() == 2);  // as without the broken file
    CHECK(lenient.held_out.size() == 1);
    REQUIRE(lenient.notes.size() == 1);
    CHECK(contains(lenient.notes[0], "broken.mid"));
    config.data = (folder.path / "broken.mid").string();
    CHECK(contains(message_of([&] { load_music(config, "no-data"); }), "broken.mid"));

    config.data = "bwv888";
    CHECK(contains(message_of([&] { load_music(config, "no-data"); }), "etude data get smd"));
    config.data = "no-such-thing";
    CHECK(contains(message_of([&] { load_music(config, "no-data"); }), "bwv888, smd"));
    config.data = folder.path.string() + "/";
    CHECK(load_music(config, "no-data").name == folder.path.filename());
    CHECK(corpus_name("auto", "no-data") == "tunes");
    CHECK(corpus_name("smd", "no-data") == "smd");
  }

  TEST_CASE("windows: each event is followed by its next, round the piece's end") {
    const TemporaryFolder folder;
    Config config = small();
    config.augmentation = true;
    config.batch = 300;
    const Music music = music_of(config, folder.path);
    Generator random(1, 2);
    const Windows::Batch batch = Windows(config, music.train).draw(random, Device::cpu);
    const auto tempo = batch.tempo.to_vector<float>();
    std::array<int, kTempoFactors.size()> seen{};
    int wrapped = 0;
    for (std::int64_t b = 0; b < config.batch; ++b) {
      const auto x = column(batch.ids, b), y = column(batch.targets, b);
      const auto factor = std::ranges::find_if(
          kTempoFactors, [&](double f) { return std::abs(f - tempo[b]) < 1e-6; });
      REQUIRE(factor != kTempoFactors.end());
      const auto which = factor - kTempoFactors.begin();
      ++seen[which];
      std::vector<std::int32_t> loop = music.train[0].ids[which];
      const std::size_t length = loop.size();
      loop.insert(loop.end(), loop.begin(), loop.end());
      const auto at = std::ranges::search(loop, x).begin() - loop.begin();
      REQUIRE(at + x.size() < loop.size());
      CHECK(std::equal(y.begin(), y.end(), loop.begin() + at + 1));
      wrapped += at + x.size() >= length;
    }
    for (const int count : seen) CHECK(count > 30);
    CHECK(wrapped > 30);

    config.loop = false;
    config.augmentation = false;
    config.conditioning = "random";
    const Windows::Batch inside = Windows(config, music.train).draw(random, Device::cpu);
    const auto own = music.train[0].own_ids();
    for (std::int64_t b = 0; b < config.batch; ++b) {
      CHECK(!std::ranges::search(own, column(inside.ids, b)).empty());
    }
    const auto told = inside.tempo.to_vector<float>();
    CHECK(*std::ranges::min_element(told) < 0.72);
    CHECK(*std::ranges::min_element(told) >= 0.7F);
    CHECK(*std::ranges::max_element(told) > 1.28);
  }

  TEST_CASE("variants are the report's settings") {
    Config config = small();
    config.choose_variant("baseline");
    CHECK(config.all().to_toml() == small().all().to_toml());
    config.choose_variant("both");
    CHECK(config.conditioning == "random");
    CHECK(config.augmentation);
    config = small();
    config.choose_variant("tempo");
    CHECK(config.conditioning == "factor");
    CHECK(config.augmentation);
    config = small();
    config.choose_variant("corpus");
    CHECK(config.data == config.corpus);
    CHECK(config.dropout == config.corpus_dropout);
    CHECK(small().temperature_list() == std::vector<double>{0.6, 0.8, 1, 1.2, 1.4});
    for (const char* wrong : {"0.6,hot", "-1", "nan", "", "1,,2", "1,1"}) {
      config.temperatures = wrong;
      CHECK_THROWS_AS(config.temperature_list(), Error);
    }
    config.variants = "baseline,waltz";
    CHECK(message_of([&] { config.variant_list(); }) ==
          "unknown variant waltz; the variants are baseline, both, conditioning, augmentation, "
          "tempo, corpus");
  }

  TEST_CASE("the state carries all that came before; the tempo is heard if it is to be") {
    Config config = small();
    Generator random(1, 2);
    std::vector<std::int32_t> ids(12 * 2);
    for (auto& id : ids) id = static_cast<std::int32_t>(random.below(240));
    const Tensor all = Tensor::from(ids, {12, 2});
    for (const char* conditioning : {"none", "factor"}) {
      config.conditioning = conditioning;
      Trainer trainer(config, Device::cpu);
      const Inference inference(trainer.model());
      const Tensor slow = Tensor::full({2}, 1.2);
      const auto whole = trainer.model()(all).logits.to_vector<float>();
      const auto first = trainer.model()(slice(all, 0, 0, 5));
      const auto rest =
          trainer.model()(slice(all, 0, 5, 12), {}, first.end).logits.to_vector<float>();
      for (std::size_t i = 0; i < rest.size(); ++i) {
        CHECK(rest[i] == doctest::Approx(whole[whole.size() - rest.size() + i]).epsilon(1e-4));
      }
      const auto slower = trainer.model()(all, slow).logits.to_vector<float>();
      CHECK((slower == whole) == (config.conditioning == "none"));
    }
  }

  TEST_CASE("training tells the network the tempo, if it is to hear it") {
    Config config = small();
    for (const char* conditioning : {"none", "factor"}) {
      config.conditioning = conditioning;
      const auto first_loss = [&](double tempo) {
        const Windows::Batch batch{.ids = Tensor::full({12, 2}, 60, DType::i32),
                                   .targets = Tensor::full({12, 2}, 62, DType::i32),
                                   .tempo = Tensor::full({2}, tempo)};
        return Trainer(config, Device::cpu).step(batch, 0).to_vector<float>()[0];
      };
      CHECK((first_loss(0.8) == first_loss(1.2)) == (config.conditioning == "none"));
    }
  }

  TEST_CASE("cpu and gpu take the same steps") {
    const TemporaryFolder folder;
    Config config = small();
    config.batch = 2;
    config.window = 6;
    config.conditioning = "random";
    const Music music = music_of(config, folder.path);
    Trainer cpu(config, Device::cpu), gpu(config, Device::gpu);
    for (int i = 0; i < 2; ++i) {
      Generator a(3, 4), b(3, 4);
      const Windows windows(config, music.train);
      const auto x = cpu.step(windows.draw(a, Device::cpu), 0).to_vector<float>();
      const auto y = gpu.step(windows.draw(b, Device::gpu), 0).to_vector<float>();
      for (std::size_t j = 0; j < x.size(); ++j) CHECK(x[j] == doctest::Approx(y[j]).epsilon(1e-3));
    }
    Generator a(5, 6), b(5, 6);
    const GenerateOptions options{.count = 12, .primer = music.train[0].own_ids().first(4)};
    CHECK(generate(cpu.model(), 2, options, a) == generate(gpu.model(), 2, options, b));
  }

  TEST_CASE("a run learns its piece, for every switch; a checkpoint brings it back") {
    const TemporaryFolder folder;
    for (const char* kind : {"plain", "everything"}) {
      Config config = small();
      if (std::string(kind) == "everything") {
        config.conditioning = "factor";
        config.augmentation = config.random_state = config.carry_residual = true;
        config.dropout = 0.1;
        config.lr_schedule = "cosine";
      }
      const Music music = music_of(config, folder.path / "music", kind[0] == 'p' ? 1 : 4);
      train_run(config, music, folder.path / kind, Device::cpu);
      const std::vector<Json> log = JsonLog::read(folder.path / kind / "log.jsonl");
      CHECK(log.front().at("bits").get<double>() > 7);
      const auto trainer = load_trainer(folder.path / kind / "best.safetensors", Device::cpu);
      const double bits = bits_per_event(trainer->model(), music.train);
      CHECK(bits < 6);
      if (music.held_out.empty()) continue;
      double best = 1e9;
      for (const Json& entry : log) {
        if (entry.contains("held_out_bits"))
          best = std::min(best, entry["held_out_bits"].get<double>());
      }
      CHECK(bits_per_event(trainer->model(), music.held_out) ==
            doctest::Approx(best).epsilon(1e-6));
    }
  }

  TEST_CASE("a run that was stopped ends as one that was not") {
    const TemporaryFolder folder;
    Config config = small();
    config.iterations = 8;
    config.checkpoint_every = 4;
    config.eval_every = 4;
    config.dropout = 0.2;
    config.random_state = config.augmentation = true;
    config.conditioning = "factor";
    const Music music = music_of(config, folder.path / "music", 2);
    train_run(config, music, folder.path / "whole", Device::cpu);
    Config half = config;
    half.iterations = 4;
    const double first = train_run(half, music, folder.path / "parts", Device::cpu);
    CHECK(first > 0);
    // As if it had been stopped half-way: what ran was another run, of fewer steps.
    const fs::path last = folder.path / "parts" / "last.safetensors";
    CHECK(contains(message_of([&] { train_run(config, music, last.parent_path(), Device::cpu); }),
                   "was made with iterations = 4"));
    const auto belongs_to = [&](const Config& longer) {
      Checkpoint checkpoint = load_safetensors(last);
      checkpoint.info["config"] = Config(longer).all().to_toml();
      save_safetensors(last, checkpoint);
    };
    belongs_to(config);
    const double both = train_run(config, music, folder.path / "parts", Device::cpu);
    CHECK(both > first);
    CHECK(train_run(config, music, folder.path / "parts", Device::cpu) == both);  // it is complete
    fs::remove(folder.path / "parts" / "seconds.json");
    CHECK(std::isnan(train_run(config, music, folder.path / "parts", Device::cpu)));
    for (const char* file : {"best.safetensors", "last.safetensors", "log.jsonl"}) {
      CHECK(read_text_file(folder.path / "whole" / file) ==
            read_text_file(folder.path / "parts" / file));
    }
    const Music other = music_of(config, folder.path / "other", 3);
    config.iterations = 10;
    belongs_to(config);
    CHECK(
        contains(message_of([&] { train_run(config, other, folder.path / "parts", Device::cpu); }),
                 "the data has changed"));
  }

  TEST_CASE("bits per event: the sum over events, pieces of any length side by side") {
    const TemporaryFolder folder;
    Config config = small();
    config.embedding = config.hidden = 8;
    const Music music = music_of(config, folder.path, 3);
    Trainer trainer(config, Device::cpu);
    std::vector<Piece> pieces = {music.train[0], music.train[1]};
    auto& longer = pieces[1].ids[kOwnTempo];
    for (int i = 0; i < 3; ++i) longer.insert(longer.end(), longer.begin(), longer.end());
    REQUIRE(longer.size() > 300);  // more than one stretch of steps
    double nats = 0;
    std::size_t count = 0;
    const Inference inference(trainer.model());
    for (const Piece& piece : pieces) {
      const auto ids = piece.own_ids();
      const std::vector<std::int32_t> own(ids.begin(), ids.end() - 1);
      const Tensor x = Tensor::from(own, {static_cast<std::int64_t>(own.size()), 1});
      const auto log_p = log_softmax(trainer.model()(x).logits).to_vector<float>();
      for (std::size_t t = 0; t < own.size(); ++t, ++count) nats -= log_p[t * 240 + ids[t + 1]];
    }
    CHECK(bits_per_event(trainer.model(), pieces) ==
          doctest::Approx(nats / std::log(2) / static_cast<double>(count)).epsilon(1e-5));
    CHECK(bits_per_event(trainer.model(), pieces, 20) !=
          doctest::Approx(bits_per_event(trainer.model(), pieces)).epsilon(1e-4));
  }

  TEST_CASE("generation: the primer first, then what the network says") {
    Config config = small();
    Trainer trainer(config, Device::cpu);
    {
      const NoGrad no_grad;  // strong weights, so that it matters what came before
      for (auto& [name, value] : trainer.model().parameters()) value.copy_(affine(value, 8, 0));
    }
    const std::vector<std::int32_t> primer = {180, 40, 215, 128};
    const auto run = [&](GenerateOptions options, std::uint64_t seed = 1) {
      Generator random(seed, 1);
      return generate(trainer.model(), 2, options, random);
    };
    const auto likeliest = run({.count = 10, .temperature = 0, .primer = primer});
    REQUIRE(likeliest.size() == 2);
    CHECK(likeliest[0] == likeliest[1]);
    REQUIRE(likeliest[0].size() == 10);
    CHECK(std::equal(primer.begin(), primer.end(), likeliest[0].begin()));
    {  // event by event, from all before it
      const Inference inference(trainer.model());
      std::vector<std::int32_t> ids = primer;
      while (ids.size() < 10) {
        const auto logits =
            trainer.model()(Tensor::from(ids, {static_cast<std::int64_t>(ids.size()), 1}))
                .logits.to_vector<float>();
        const auto last = logits.end() - 240;
        ids.push_back(static_cast<std::int32_t>(std::max_element(last, logits.end()) - last));
      }
      CHECK(ids == likeliest[0]);
    }
    CHECK(run({.count = 10, .temperature = 0, .primer = primer, .refeed_last_token = true}) !=
          likeliest);
    CHECK(run({.count = 30}) == run({.count = 30}));
    CHECK(run({.count = 30}) != run({.count = 30}, 2));
    CHECK(run({.count = 1})[0].size() == 1);
    std::int64_t steps = 0;
    Generator random(1, 1);
    generate(trainer.model(), 1, {.count = 5}, random, [&](std::int64_t done) { steps = done; });
    CHECK(steps == 5);
    CHECK(contains(message_of([&] { run({.count = 4, .primer = primer}); }), "primer of 4 events"));
    CHECK(contains(message_of([&] { run({.temperature = -1}); }), "temperature"));
    CHECK(contains(message_of([&] { run({.temperature = NAN}); }), "temperature"));
    const std::vector<std::int32_t> wrong = {1, 240};
    CHECK(contains(message_of([&] { run({.primer = wrong}); }), "240, which is no id"));
    const NoGrad no_grad;
    trainer.model().parameters()[0].second.fill_(NAN);
    CHECK(contains(message_of([&] { run({.count = 4}); }), "not finite"));
  }

  TEST_CASE("the first event is one that begins windows") {
    Config config = small();
    Trainer trainer(config, Device::cpu);
    std::vector<float> logits(240, -1e30F);
    logits[17] = logits[180] = 2;
    trainer.model().first.copy_(Tensor::from(logits, {240}));
    Generator random(1, 1);
    int seen[2] = {};
    for (const auto& ids : generate(trainer.model(), 50, {.count = 1}, random)) {
      REQUIRE((ids[0] == 17 || ids[0] == 180));
      ++seen[ids[0] == 17];
    }
    CHECK(seen[0] > 10);
    CHECK(seen[1] > 10);
  }

  TEST_CASE("copied runs") {
    Piece piece;
    for (int i = 0; i < 40; ++i) piece.ids[kOwnTempo].push_back(i);
    std::vector<std::int32_t> ids(piece.own_ids().begin(), piece.own_ids().end());
    piece.ids[0] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
    const TrainingRuns known({piece}, false), loops({piece}, true);
    CHECK(known.share(ids) == 1);
    CHECK(known.share(piece.ids[0]) == 1);  // another tempo is training music too
    ids[20] = 99;                           // in 16 of the 25 runs
    CHECK(known.share(ids) == doctest::Approx(9.0 / 25));
    CHECK(known.share(std::span(ids).first(5)) == 0);
    std::vector<std::int32_t> past = {30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 0, 1, 2, 3, 4, 5};
    CHECK(known.share(past) == 0);
    CHECK(loops.share(past) == 1);
  }

  TEST_CASE("measures of the true music itself") {
    const TemporaryFolder folder;
    const Config config = small();
    const Music music = music_of(config, folder.path);
    Trainer trainer(config, Device::cpu);
    const Json m = measure(trainer, music, 1);
    CHECK(m.at("settings")
              .at(kTrueNotes)
              .at("bins_10")
              .at("pitch")
              .at("average")
              .at(0)
              .get<double>() == 0);
    CHECK(m.at("held_out_bits").is_null());
    CHECK(m.at("settings").size() == 7);
    CHECK(m.at("settings").at("tau 0.6").at("events").get<std::size_t>() ==
          music.train[0].own_ids().size());
    CHECK(m == measure(trainer, music, 1));
    CHECK(m != measure(trainer, music, 2));
  }

  TEST_CASE("samples: a tempo that nobody hears is an error, so is a primer of nothing") {
    const TemporaryFolder folder;
    Trainer trainer(small(), Device::cpu);
    SampleConfig sample;
    sample.tempo = 1.1;
    CHECK(contains(message_of([&] { write_samples(trainer, sample, 1, folder.path); }),
                   "without tempo conditioning"));
    sample.tempo = 1;
    sample.primer_length = 10;
    CHECK(contains(message_of([&] { write_samples(trainer, sample, 1, folder.path); }),
                   "--primer_length"));
    sample.primer_length = 200;
    sample.primer = (folder.path / "none.mid").string();
    CHECK(
        contains(message_of([&] { write_samples(trainer, sample, 1, folder.path); }), "none.mid"));
    midi::write(midi::to_file(scale(60)), folder.path / "scale.mid");
    sample.primer = (folder.path / "scale.mid").string();
    sample.length = 20;
    CHECK(contains(message_of([&] { write_samples(trainer, sample, 1, folder.path); }),
                   "--primer_length"));
    sample.primer_length = 10;
    write_samples(trainer, sample, 1, folder.path);
    const midi::Score written = midi::read_score(folder.path / "piece-1.mid");
    REQUIRE(written.notes.size() >= 2);
    CHECK(written.notes[0].pitch == 60);
    CHECK(fs::exists(folder.path / "piece-1.png"));
  }
}

}  // namespace
}  // namespace etude::performance_lstm
