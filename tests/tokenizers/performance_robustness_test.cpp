// The tokenizer `performance` with any ids, any file, and recorded performances; the rules are in
// performance_test.cpp.
#include <doctest/doctest.h>

#include <filesystem>
#include <random>

#include "tests/tokenizers/data_set.h"
#include "tests/tokenizers/midi_bytes.h"
#include "tests/tokenizers/performance_properties.h"

using namespace etude;
namespace fs = std::filesystem;

namespace {

Ids random_ids(std::mt19937& random) {
  Ids ids(random() % 400);
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random() % 240);
  return ids;
}

}  // namespace

TEST_CASE("performance: any ids are decoded, and rounds through ids keep notes and time") {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    const bool carry_residual = i % 2 == 1;
    const PerformanceTokenizer tokenizer({carry_residual});
    Ids ids = random_ids(random);
    for (int round = 0; round < 3; ++round) {
      check_decoding(ids, carry_residual);
      ids = tokenizer.encode(tokenizer.decode(ids));
    }
  }
}

TEST_CASE("performance: any MIDI file is encoded or refused") {
  std::mt19937 random(2);
  for (int i = 0; i < 1000; ++i) {
    midi::Bytes bytes = midi::rich_file();  // of drums
    if (i % 4 != 0)
      bytes = midi::serialise(midi::to_file(PerformanceTokenizer().decode(random_ids(random))));
    for (std::uint32_t n = random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    try {
      check_performance(bytes);
    } catch (const std::exception& problem) {
      FAIL("mutation ", i, ": ", problem.what());
    }
  }
}

TEST_CASE("performance: recorded performances") {
  const auto round_trip = [](const midi::Score& score, const fs::path& file) {
    for (const bool carry_residual : {false, true}) {
      check_encoding(score, carry_residual);
      check_decoding(PerformanceTokenizer({carry_residual}).encode(score), carry_residual);
    }
    if (file.filename() != "Bach_BWV888-01_008_20110315-SMD.mid") return;
    // The counts are those of an independent reading of the file.
    CHECK(score.notes.size() == 689);
    CHECK(PerformanceTokenizer().encode(score).size() == 3300);
    CHECK(PerformanceTokenizer({.carry_residual = true}).encode(score).size() == 3396);
  };
  for (const auto& [name, count] : {std::pair{"smd", 50}, {"giantmidi_eval", 52}}) {
    const int num_files = for_each_score(name, round_trip);
    CHECK((num_files == 0 || num_files == count));
  }
}
