#include "models/driver.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "engine/io/safetensors.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace etude;

TEST_CASE("driver: a model's file brings settings and state back; others are refused by name") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path / "model";
  std::int64_t width = 3, epoch = 7;
  Fields fields;
  fields("width", &width, "columns");
  save_model(path, "one", fields, [&](State& s) { s.number("epoch", epoch); });

  width = epoch = 0;
  const Checkpoint checkpoint = load_model(path, "one", fields);
  CHECK(width == 3);
  State s = State::restore(checkpoint, path.string());
  s.number("epoch", epoch);
  CHECK(epoch == 7);

  const std::string refused = "a checkpoint of model one, not of two";
  CHECK(message_of([&] { load_model(path, "two", fields); }) == path.string() + ": " + refused);
  CHECK(message_of([&] { name_model(s, "two"); }) == refused);
  CHECK(message_of([&] { name_model(s, "one"); }) == "no error");
  save_safetensors(path, {});
  CHECK(contains(message_of([&] { load_model(path, "one", fields); }), "names no model"));
}

TEST_CASE("driver: results are kept one by one") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path / "kept.json";
  const Json::json_pointer first("/rows/one"), second = Json::json_pointer("/rows") / "a/b";
  const auto never = []() -> Json { throw Interrupted{""}; };
  KeptResults kept(file);
  CHECK(kept.entry(first, [] { return Json(1); }) == 1);
  CHECK_THROWS_AS(kept.entry(second, never), Interrupted);
  KeptResults after(file);
  CHECK(after.entry(first, never) == 1);
  CHECK(after.entry(second, [] { return Json(2); }) == 2);
  CHECK(read_json(file) == Json{{"rows", {{"one", 1}, {"a/b", 2}}}});
  CHECK(KeptResults().entry(first, [] { return Json(3); }) == 3);
}

TEST_CASE("driver: a folder belongs to its settings; a start that fails leaves none") {
  const TemporaryFolder folder;
  std::int64_t width = 3;
  Fields fields;
  fields("width", &width, "columns");
  Options options;
  options.out = folder.path / "run";
  const auto nothing = [](const std::filesystem::path&) {};
  const auto fails = [](const std::filesystem::path&) { fail("no data"); };
  CHECK(message_of([&] { train_in_folder(options, "one", "run", fields, fails); }) == "no data");
  CHECK(!std::filesystem::exists(options.out));
  train_in_folder(options, "one", "run", fields, nothing);
  write_json(options.out / "result.json", {});  // somebody's: a later failure takes nothing away
  CHECK(message_of([&] { train_in_folder(options, "one", "run", fields, fails); }) == "no data");
  CHECK(read_text_file(options.out / "config.toml") == fields.to_toml());
  width = 4;  // another process may train with the settings there
  CHECK(contains(message_of([&] { train_in_folder(options, "one", "run", fields, nothing); }),
                 "holds runs with other settings"));
  CHECK(contains(message_of([&] { reproduce_in_folder(options, "one", fields, nothing); }),
                 "holds runs with other settings"));
  CHECK(read_text_file(options.out / "config.toml") != fields.to_toml());
}

TEST_CASE("driver: a result says who made it, of which data, whatever its texts are") {
  const TemporaryFolder folder;
  CHECK(!run_complete(folder.path, "a"));
  write_result(folder.path, {{"data_hash", "a"}, {"notes", "F\xfcr Elise"}});
  const Json result = read_json(folder.path / "result.json");
  for (const char* key : {"commit", "machine", "date"}) CHECK(result.contains(key));
  CHECK(result.at("notes") == "F\xef\xbf\xbdr Elise");
  CHECK(run_complete(folder.path, "a"));
  CHECK(contains(message_of([&] { run_complete(folder.path, "b"); }), "is of other data"));
}

TEST_CASE("driver: training goes on with its own settings and data alone") {
  const TemporaryFolder folder;
  std::int64_t width = 3, steps = 2;
  Fields fields;
  fields("width", &width, "columns");
  std::string hash = "a";
  const auto train = [&] {
    return run_training(folder.path, {.label = "test",
                                      .num_steps = steps,
                                      .checkpoint_every = 1,
                                      .config = fields.to_toml(),
                                      .step = [](std::int64_t, JsonLog&) { return ""; },
                                      .flush = [](JsonLog&) {},
                                      .state = [&](State& s) { same_data(s, hash, "set"); }});
  };
  const double seconds = train();
  CHECK(seconds >= 0);
  steps = 3;
  width = 4;
  CHECK(contains(message_of([&] { train(); }), "was made with width = 3, which config.toml"));
  width = 3;
  hash = "b";
  CHECK(contains(message_of([&] { train(); }), "the data has changed since the run began (set)"));
  hash = "a";
  write_json(folder.path / "seconds.json", {{"hours", 1}});
  CHECK(std::isnan(train()));  // damaged: how long it took is not known, all else goes on
}

TEST_CASE("driver: commands are printed as a shell reads them") {
  CHECK(shell_word("runs/a-1_b.c=d") == "runs/a-1_b.c=d");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("the run's $(x)") == "'the run'\\''s $(x)'");
}
