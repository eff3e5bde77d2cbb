// REMI, REMI+ and MIDILike beside MidiTok: miditok_golden.txt is what make_miditok_golden.py wrote.
#include "tokenizers/miditok/miditok.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <sstream>

#include "engine/io/content_hash.h"
#include "tests/error_text.h"
#include "tokenizers/tokenizer.h"

using namespace etude;

namespace {

using Ids = MidiTokTokenizer::Ids;

std::vector<std::string> words_of(std::istream& line) {
  std::vector<std::string> words;
  for (std::string word; line >> word;) words.push_back(word);
  return words;
}

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

/// Sequences of ids as text, separated by "|".
std::string text_of(const std::vector<Ids>& sequences) {
  std::string text;
  for (const Ids& ids : sequences) {
    text += &ids == &sequences.front() ? "" : " |";
    for (const std::int32_t id : ids) text += " " + std::to_string(id);
  }
  return text;
}

std::string rest_of(std::istream& line) {
  std::string text;
  for (const std::string& word : words_of(line)) text += " " + word;
  return text;
}

/// A line of the golden file for what was decoded: numbers joined by commas, sorted.
template <class T, class F>
std::string joined(const std::vector<T>& values, const F& numbers_of) {
  std::vector<std::vector<std::int64_t>> rows;
  for (const T& value : values) rows.push_back(numbers_of(value));
  std::ranges::sort(rows);
  std::string text;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      text += (i == 0 ? ' ' : ',') + std::to_string(row[i]);
  return text;
}

using Row = std::vector<std::int64_t>;

std::string notes_text(const midi::Score& score) {
  return joined(score.notes, [](const midi::Note& n) {
    const bool drums = n.channel == midi::drum_channel;
    return Row{n.tick, n.duration, n.pitch, n.velocity, drums ? -1 : n.program};
  });
}

std::string tempos_text(const midi::Score& score) {
  return joined(score.tempos, [](const midi::Tempo& t) {
    return Row{t.tick, t.microseconds_per_quarter};
  });
}

std::string meters_text(const midi::Score& score) {
  return joined(score.time_signatures, [](const midi::TimeSignature& t) {
    return Row{t.tick, t.numerator, t.denominator};
  });
}

std::unique_ptr<const MidiTokTokenizer> tokenizer_of(const std::vector<std::string>& words) {
  return make_miditok(words.at(1), {words.begin() + 2, words.end()});
}

}  // namespace

TEST_CASE("miditok: ids, names and decoded music are MidiTok's") {
  std::ifstream golden("tests/tokenizers/miditok_golden.txt");
  REQUIRE(golden.good());
  std::map<std::string, midi::Score> scores;
  std::map<std::string, std::unique_ptr<const MidiTokTokenizer>> tokenizers;
  midi::Score decoded;
  int num_ids = 0, num_decoded = 0;
  for (std::string text; std::getline(golden, text);) {
    std::istringstream line(text);
    std::string what, name, kind;
    line >> what;
    if (what == "notes") CHECK(notes_text(decoded) == rest_of(line));
    if (what == "tempos") CHECK(tempos_text(decoded) == rest_of(line));
    if (what == "meters") CHECK(meters_text(decoded) == rest_of(line));
    if (what == "notes" || what == "tempos" || what == "meters") continue;
    if (what == "config") {
      const std::vector<std::string> words = words_of(line);
      tokenizers[words[0]] = tokenizer_of(words);
      continue;
    }
    line >> name;
    INFO(what, " ", name);
    if (what == "file") {
      line >> kind;
      scores[name] = midi::score(midi::parse(bytes_of(kind), name));
      continue;
    }
    const MidiTokTokenizer& tokenizer = *tokenizers.at(name);
    if (what == "vocabulary") {
      ContentHash hash;
      for (std::int32_t id = 0; id < tokenizer.vocabulary_size(); ++id)
        hash.add(tokenizer.describe(id) + "\n");
      CHECK(rest_of(line) == " " + std::to_string(tokenizer.vocabulary_size()) + " " + hash.hex());
    } else if (what == "names") {
      const std::vector<std::string> names = words_of(line);
      REQUIRE(static_cast<std::int32_t>(names.size()) == tokenizer.vocabulary_size());
      for (std::size_t i = 0; i < names.size(); ++i)
        CHECK(tokenizer.describe(static_cast<std::int32_t>(i)) == names[i]);
    } else if (what == "json") {
      const miditok::Json json = miditok::Json::parse(rest_of(line));
      CHECK(miditok::from_json(json, json["tokenization"]) == tokenizer.config());
      miditok::Json ours = tokenizer.to_json();
      for (const auto& [key, value] : json["config"].items()) CHECK(ours["config"][key] == value);
    } else if (what == "ids") {
      line >> kind;
      INFO(kind);
      CHECK(text_of(tokenizer.encode_tracks(scores.at(kind))) == rest_of(line));
      ++num_ids;
    } else if (what == "decode") {
      Ids ids;
      for (const std::string& word : words_of(line)) ids.push_back(std::stoi(word));
      decoded = tokenizer.decode(ids);
      ++num_decoded;
    } else {
      FAIL("unknown line ", text);
    }
  }
  CHECK(num_ids == 234);
  CHECK(num_decoded >= 40);
}

namespace {

/// Notes of a quarter note each: (tick, pitch, track), at 480 ticks per quarter note.
midi::Score score_of(const std::vector<std::array<int, 3>>& notes) {
  midi::Score score{.division = {480}};
  for (const auto& [tick, pitch, track] : notes)
    score.notes.push_back({.tick = static_cast<std::uint32_t>(tick),
                           .duration = 480,
                           .pitch = static_cast<std::uint8_t>(pitch),
                           .velocity = 100,
                           .track = static_cast<std::uint16_t>(track)});
  return score;
}

std::vector<std::string> names_of(const MidiTokTokenizer& tokenizer, const Ids& ids) {
  std::vector<std::string> names;
  for (const std::int32_t id : ids) names.push_back(tokenizer.describe(id));
  return names;
}

}  // namespace

TEST_CASE("miditok: found by name, ids as text keep the settings") {
  const midi::Score score = score_of({{0, 60, 1}, {480, 64, 1}});
  for (const std::string name : {"remi", "remi_plus", "midilike"}) {
    const auto tokenizer = find_tokenizer(name, {"use_tempos=true", "pitch_range=[40,80]",
                                                 "max_duration=4.0.4", "use_programs=false"});
    CHECK(tokenizer->name() == name);
    const Ids ids = tokenizer->encode(score);
    const TokenText read = parse_ids(format_ids(*tokenizer, ids), "a.ids");
    CHECK(read.ids == ids);
    CHECK(read.tokenizer->options() == tokenizer->options());
    CHECK(read.tokenizer->vocabulary_size() == tokenizer->vocabulary_size());
    CHECK(read.tokenizer->decode(ids).notes.size() == 2);
  }
  CHECK(find_tokenizer("remi")->options().empty());
  CHECK(find_tokenizer("remi_plus", {"use_programs=false"})->options() == "use_programs=false");
}

TEST_CASE("miditok: tracks are sequences of their own, unless programs are tokens") {
  const midi::Score score = score_of({{0, 60, 1}, {480, 64, 2}});
  const auto remi = make_miditok("remi"), plus = make_miditok("remi_plus");
  CHECK(remi->encode_tracks(score).size() == 2);
  CHECK(plus->encode_tracks(score).size() == 1);
  CHECK(contains(message_of([&] { remi->encode(score); }),
                 "remi: the score has 2 tracks with notes, each a sequence of its own; for all of "
                 "them in one, set use_programs=true"));
  const midi::Score again = remi->decode_tracks(remi->encode_tracks(score), std::vector{5, -1});
  CHECK(again.notes[0].program == 5);
  CHECK(again.notes[1].channel == midi::drum_channel);
  CHECK(
      contains(message_of([&] { remi->decode_tracks({}, std::vector{5}); }), "a program for each"));
}

TEST_CASE("miditok: bars and notes of ids") {
  const midi::Score score = score_of({{0, 60, 1}, {4 * 1920 + 960, 64, 1}});
  const auto remi = make_miditok("remi"), midilike = make_miditok("midilike");
  const Ids ids = remi->encode(score);
  CHECK(names_of(*remi, ids) ==
        std::vector<std::string>{"Bar_None", "Position_0", "Pitch_60", "Velocity_99",
                                 "Duration_1.0.8", "Bar_None", "Bar_None", "Bar_None", "Bar_None",
                                 "Position_16", "Pitch_64", "Velocity_99", "Duration_1.0.8"});
  CHECK(remi->bars(ids) == std::vector<std::int64_t>{0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4});
  const Ids shifts = midilike->encode(score);
  CHECK(names_of(*midilike, shifts) ==
        std::vector<std::string>{"NoteOn_60", "Velocity_99", "TimeShift_1.0.8", "NoteOff_60",
                                 "TimeShift_12.0.4", "TimeShift_5.0.4", "NoteOn_64", "Velocity_99",
                                 "TimeShift_1.0.8", "NoteOff_64"});
  CHECK(midilike->bars(shifts) == std::vector<std::int64_t>{0, 0, 0, 0, 3, 4, 4, 4, 4, 4});
  CHECK(remi->num_notes(ids) == 2);
  CHECK(midilike->num_notes(shifts) == 2);
  // Not finished yet: a note without duration, one without end.
  CHECK(remi->num_notes({ids.data(), ids.size() - 1}) == 1);
  CHECK(midilike->num_notes({shifts.data(), shifts.size() - 1}) == 1);
  CHECK(make_miditok("midilike", {"max_duration=1.0.8"})
            ->num_notes({shifts.data(), shifts.size() - 1}) == 2);
}

TEST_CASE("miditok: settings that make no sense, or that Etude has not, are refused") {
  const auto message = [](const std::string& setting) {
    return message_of([&] { make_miditok("remi", {setting}); });
  };
  CHECK(contains(message("use_chords=1"), "use_chords must be true or false; it is 1"));
  CHECK(contains(message("use_chords"), "a setting is KEY=VALUE"));
  CHECK(contains(message("chords=true"),
                 "there is no setting chords; the settings are: pitch_range"));
  CHECK(contains(message("num_velocities=0"), "num_velocities is 1 to 127"));
  CHECK(contains(message("num_velocities=2.5"), "must be a whole number"));
  CHECK(contains(message("pitch_range=[60,60]"), "pitch_range"));
  CHECK(contains(message("pitch_range=[60]"), "must be two whole numbers"));
  CHECK(contains(message("beat_res={\"1_4\":8}"), "beat_res is ranges of beats"));
  CHECK(contains(message("beat_res={\"0-4\":8}"), "with no 0-4"));
  CHECK(contains(message("special_tokens=[\"BOS\"]"), "needs PAD"));
  CHECK(contains(message("tempo_range=[0,1]"), "tempo_range"));
  CHECK(contains(message("use_sustain_pedals=true"),
                 "use_sustain_pedals can only be MidiTok's default, false, not true"));
  CHECK(contains(message("config=none.json"), "none.json"));
  const auto plus = [](const std::string& setting) {
    return message_of([&] { make_miditok("remi_plus", {setting}); });
  };
  CHECK(contains(plus("time_signature_range={\"4\":[3]}"), "needs 4/4"));
  CHECK(contains(plus("time_signature_range={\"4\":[4],\"3\":[4]}"), "powers of 2"));
  CHECK(contains(plus("time_signature_range={\"4\":[4,4]}"), "two tokens TimeSig_4/4"));
  const miditok::Json json = make_miditok("remi")->to_json();
  CHECK(contains(message_of([&] { miditok::from_json(json, "MIDILike"); }), "\"REMI\""));
  CHECK(miditok::from_json(json["config"], "MIDILike") == miditok::Config{});
  CHECK(contains(message_of([&] { make_miditok("remi")->describe(282); }), "282 is no id"));
}
