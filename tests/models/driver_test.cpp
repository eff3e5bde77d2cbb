#include "models/driver.h"

#include <doctest/doctest.h>

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
