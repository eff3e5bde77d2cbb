// REMI, REMI+ and MIDILike with any ids, any file, and corpora; beside MidiTok: miditok_test.cpp.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "engine/io/content_hash.h"
#include "tests/tokenizers/data_set.h"
#include "tests/tokenizers/midi_bytes.h"
#include "tests/tokenizers/miditok_properties.h"

using namespace etude;
using namespace etude::miditok;
namespace fs = std::filesystem;

namespace {

/// `num_units` denominators among the time signatures.
midi::Score random_score(std::mt19937& random, int num_units) {
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  constexpr std::uint16_t divisions[] = {8, 24, 96, 220, 480, 1024};
  midi::Score score{.division = {divisions[below(6)]}};
  const std::uint32_t quarter = score.division.ticks;
  for (std::uint32_t n = below(60); n > 0; --n) {
    const auto track = static_cast<std::uint16_t>(below(4));
    score.notes.push_back({.tick = below(40 * quarter),
                           .duration = 1 + below((below(4) == 0 ? 16 : 2) * quarter),
                           .pitch = static_cast<std::uint8_t>(below(128)),
                           .velocity = static_cast<std::uint8_t>(1 + below(127)),
                           .channel = track == 3 ? midi::drum_channel : std::uint8_t{0},
                           .program = static_cast<std::uint8_t>(track == 3 ? 0 : track / 2 * 30),
                           .track = static_cast<std::uint16_t>(track + 1)});
  }
  std::ranges::stable_sort(score.notes, {}, [](const midi::Note& note) {
    return std::tuple(note.tick, note.track, note.channel, note.pitch);
  });
  for (std::uint32_t tick = 0, n = below(6); n > 0; --n, tick += 1 + below(9 * quarter))
    score.tempos.push_back({tick, 200'000 + below(1'400'000)});
  const auto shift = below(2);
  for (std::uint32_t tick = 0, n = below(5); n > 0; --n, tick += 1 + below(9 * quarter))
    score.time_signatures.push_back(
        {tick, static_cast<std::uint8_t>(below(13) + 1),
         static_cast<std::uint16_t>(num_units == 1 && shift == 0 ? 4 : 4 << below(num_units))});
  return score;
}

}  // namespace

TEST_CASE("miditok: what remains of a score in ids comes back") {
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    const midi::Score score = random_score(random, 1 + i % 2);
    for (const auto& tokenizer : tokenizers()) {
      CAPTURE(i);
      CAPTURE(tokenizer->name() + " " + tokenizer->options());
      CHECK_NOTHROW(check_round_trip(*tokenizer, score));
    }
  }
}

TEST_CASE("miditok: any ids are decoded") {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i)
    for (const auto& tokenizer : tokenizers()) {
      Ids ids(random() % 300);
      for (std::int32_t& id : ids)
        id = static_cast<std::int32_t>(random() % 65536) % tokenizer->vocabulary_size();
      CAPTURE(i);
      CAPTURE(tokenizer->name() + " " + tokenizer->options());
      CHECK_NOTHROW(check_ids(*tokenizer, ids));
    }
}

TEST_CASE("miditok: any MIDI file is encoded or refused") {
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    midi::Bytes bytes = midi::serialise(midi::to_file(random_score(random, 2)));
    if (i % 4 == 0) bytes = midi::rich_file();
    for (std::uint32_t n = random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    bytes.insert(bytes.begin(), static_cast<std::uint8_t>(i));
    CAPTURE(i);
    CHECK_NOTHROW(check_miditok(bytes));
  }
}

TEST_CASE("miditok: pop909 and pop1k7, each file") {
  // One of the tokenizers for each: all for all would take minutes under the sanitizers.
  std::size_t next = 0;
  const auto round_trip = [&](const midi::Score& score, const fs::path&) {
    CHECK_NOTHROW(check_round_trip(*tokenizers()[next++ % tokenizers().size()], score));
  };
  for (const auto& [name, count] : {std::pair{"pop909", 909}, {"pop1k7", 1747}}) {
    const int num_files = for_each_score(name, round_trip);
    CHECK((num_files == 0 || num_files == count));
  }
}

// compare_miditok.py's half: its file has lines "config NAME TOKENIZER SETTING..." and "file PATH";
// "NAME HASH PATH" goes to the same path with .out for every pair.
TEST_CASE("miditok: hashes of ids, if ETUDE_MIDITOK_JOB names a file") {
  const char* job = std::getenv("ETUDE_MIDITOK_JOB");
  if (job == nullptr) return;
  std::ifstream lines(job);
  std::ofstream out(std::string(job) + ".out");
  std::vector<std::pair<std::string, std::unique_ptr<const MidiTokTokenizer>>> made;
  for (std::string text; std::getline(lines, text);) {
    std::istringstream line(text);
    std::string what, name, kind;
    line >> what;
    if (what == "config") {
      line >> name >> kind;
      std::vector<std::string> settings;
      for (std::string setting; line >> setting;) settings.push_back(setting);
      made.emplace_back(name, make_miditok(kind, settings));
      continue;
    }
    const std::string path = text.substr(text.find(' ') + 1);
    const midi::Score score = midi::score(midi::read(path));
    for (const auto& [config, tokenizer] : made) {
      ContentHash hash;
      for (const Ids& ids : tokenizer->encode_tracks(score)) {
        for (const std::int32_t id : ids) hash.add(std::to_string(id) + " ");
        hash.add("\n");
      }
      out << config << ' ' << hash.hex() << ' ' << path << '\n';
    }
  }
  CHECK(out.good());
}
