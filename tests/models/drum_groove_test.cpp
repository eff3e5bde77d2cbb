#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "models/drum_vae/groove.h"
#include "tests/error_text.h"
#include "tokenizers/midi/score.h"

namespace fs = std::filesystem;
using namespace etude;
using namespace etude::drum_vae;

namespace {

constexpr std::uint32_t kTicks = 480, kSixteenth = kTicks / 4, kBar = 4 * kTicks;
constexpr const char* kHeader =
    "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,"
    "split\n";

struct Hit {
  std::uint32_t tick;
  std::uint8_t note;
  std::uint8_t channel = midi::drum_channel;
};

/// A folder as the data set's, removed at the end.
class Folder {
 public:
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write_info(const std::string& text) { std::ofstream(path / "info.csv") << text; }
  /// A MIDI file and its line of info.csv.
  void add(const std::string& drummer, const std::string& style, const std::vector<Hit>& hits,
           const std::string& kind = "beat", const std::string& signature = "4-4") {
    const std::string file = drummer + "/" + std::to_string(++files_) + ".mid";
    fs::create_directories(path / drummer);
    midi::Score score;
    for (const Hit& hit : hits) {
      score.notes.push_back(
          {.tick = hit.tick, .duration = 10, .pitch = hit.note, .channel = hit.channel});
    }
    if (signature == "3-4") score.time_signatures = {{.tick = 0, .numerator = 3}};
    midi::write(midi::to_file(score), path / file);
    info_ +=
        drummer + ",s,i," + style + ",120," + kind + "," + signature + "," + file + ",,1.0,train\n";
    write_info(info_);
  }

  const fs::path path = fs::temp_directory_path() / ("etude_groove_" + std::to_string(getpid()) +
                                                     "_" + std::to_string(++count_));

 private:
  static inline int count_ = 0;
  int files_ = 0;
  std::string info_ = kHeader;
};

std::string error_of_loading(const fs::path& folder) {
  return message_of([&] { load_groove(folder); });
}

Pattern pattern(const std::vector<std::pair<int, int>>& cells) {
  Pattern p{};
  for (const auto& [step, instrument] : cells) p[step * kInstruments + instrument] = 1;
  return p;
}

}  // namespace

TEST_CASE("groove: notes of the TD-11 have columns") {
  const std::vector<std::vector<int>> columns = {
      {36},         {37, 38, 40},     {22, 42, 44}, {26, 46}, {43, 45, 58},
      {47, 48, 50}, {49, 52, 55, 57}, {51, 53, 59}, {}};
  int mapped = 0;
  for (int i = 0; i < kInstruments; ++i) {
    for (int note : columns[i]) CHECK(instrument_of_note(note) == i);
    mapped += static_cast<int>(columns[i].size());
  }
  for (int note = 0; note < 128; ++note) mapped -= instrument_of_note(note) >= 0;
  CHECK(mapped == 0);
}

TEST_CASE("groove: hits go to the nearest sixteenth and to its bar") {
  Folder folder;
  folder.add("drummer1", "rock",
             {{0, 36},
              {kSixteenth + 59, 38},            // rounds down, to 1
              {3 * kSixteenth + 61, 42},        // up, to 4
              {4 * kSixteenth + 60, 46},        // halfway from 4 to 5: to 4
              {5 * kSixteenth + 60, 51},        // halfway from 5 to 6: to 6
              {kBar - 59, 49},                  // into the second bar
              {kBar - 60, 45},                  // halfway: there too
              {3 * kBar + 8 * kSixteenth, 50},  // the third is empty
              {0, 37, 0},                       // no drum
              {0, 60}});                        // no instrument
  folder.add("drummer8", "latin/samba", {{0, 36}});
  const GrooveData data = load_groove(folder.path);
  REQUIRE(data.train.size() == 3);
  CHECK(data.train.hits[0] ==
        pattern({{0, kick}, {1, snare}, {4, hihat_closed}, {4, hihat_open}, {6, ride}}));
  CHECK(data.train.hits[1] == pattern({{0, crash}, {0, tom_low}}));
  CHECK(data.train.hits[2] == pattern({{8, tom_high}}));
  REQUIRE(data.validation.size() == 1);
  CHECK(data.validation.styles[0] == style_number("latin"));
  REQUIRE(data.notes.size() == 3);
  CHECK(contains(data.notes[0], "4 bars with a hit in 2 files"));
  CHECK(contains(data.notes[2], "1 notes"));
}

TEST_CASE("groove: which files, which part, equal bars once per style and part") {
  Folder folder;
  const std::vector<Hit> one = {{0, 36}, {kBar, 36}, {2 * kBar, 38}}, other = {{0, 51}};
  folder.add("drummer1", "rock/halftime", one);
  folder.add("drummer2", "rock", one);
  folder.add("drummer10", "rock", one);
  folder.add("drummer1", "dance/disco", other);
  folder.add("drummer3", "jazz-funk", other);
  folder.add("drummer3", "funk/groove1", other);
  folder.add("drummer3", "rock", other, "fill");
  folder.add("drummer3", "rock", other, "beat", "3-4");
  const GrooveData data = load_groove(folder.path);
  CHECK(data.train.styles == std::vector<int>{0, 0, style_number("electronic")});
  CHECK(data.train.hits ==
        std::vector<Pattern>{pattern({{0, kick}}), pattern({{0, snare}}), pattern({{0, ride}})});
  CHECK(data.validation.styles == std::vector<int>{0, 0});
  CHECK(data.unique_bars == std::array<std::int64_t, kStyles>{2, 0, 0, 1, 0});
  CHECK(contains(data.notes[0], "of which 2 were also played in training"));
  CHECK(contains(data.notes[1], "2 4/4 beats are left out"));

  CHECK(load_groove(folder.path).hash == data.hash);
  folder.add("drummer4", "rock", {{kSixteenth, 38}});
  CHECK(load_groove(folder.path).hash != data.hash);
}

TEST_CASE("groove: what is damaged is named with its place and the remedy") {
  Folder folder;
  CHECK(contains(error_of_loading(folder.path / "none"), "etude data get groove"));
  CHECK(contains(error_of_loading(folder.path), "info.csv: is missing"));
  folder.write_info("");
  CHECK(contains(error_of_loading(folder.path), "info.csv: is empty"));
  folder.write_info("drummer,style\n");
  CHECK(contains(error_of_loading(folder.path), "info.csv:1: there is no column beat_type"));
  folder.write_info(kHeader);
  CHECK(contains(error_of_loading(folder.path), "info.csv: lists no file"));
  const std::string info = kHeader;
  folder.write_info(info + "drummer1,s,i,rock,120,beat,4-4,drummer1/none.mid,,1.0,train\n");
  CHECK(contains(error_of_loading(folder.path), "info.csv:2: "));
  CHECK(contains(error_of_loading(folder.path),
                 "none.mid is missing; fetch the data with: etude data get"));
  folder.write_info(info + "drummer1,s,i,rock,120,beat,4-4\n");
  CHECK(contains(error_of_loading(folder.path), "info.csv:2: has 7 fields instead of 11"));
  folder.write_info(info + "drummer1,s,i,rock,120,roll,4-4,a.mid,,1.0,train\n");
  CHECK(contains(error_of_loading(folder.path), "info.csv:2: beat_type is roll"));
  folder.write_info(info + "drummer1,s,i,,120,beat,4-4,a.mid,,1.0,train\n");
  CHECK(contains(error_of_loading(folder.path), "style or midi_filename is empty"));

  folder.add("drummer1", "rock", {{0, 36}});
  CHECK(contains(error_of_loading(folder.path), "no bars of the held-out drummers"));
  std::ofstream(folder.path / "drummer1" / "1.mid") << "MThd";
  CHECK(contains(error_of_loading(folder.path), "1.mid"));

  Folder three;
  three.add("drummer1", "rock", {{0, 36}}, "beat", "3-4");
  std::ofstream(three.path / "info.csv")
      << kHeader << "drummer1,s,i,rock,120,beat,4-4,drummer1/1.mid,,1.0,train\n";
  CHECK(contains(error_of_loading(three.path), "1.mid has 3/4 at tick 0"));
}

// Unpacked in data/, or in the mirror. The counts are those of an independent reading of the data
// with the same rounding and the same columns.
TEST_CASE("groove: the whole data set") {
  const Folder scratch;
  fs::path folder = "data/groove";
  const char* mirror = std::getenv("ETUDE_DATA_MIRROR");
  const fs::path archive = fs::path(mirror ? mirror : "") / "groove.tar.xz";
  if (!fs::exists(folder) && mirror && fs::exists(archive)) {
    folder = scratch.path / "groove";
    REQUIRE(std::system(
                ("tar -xJf '" + archive.string() + "' -C " + scratch.path.string()).c_str()) == 0);
  }
  if (!fs::exists(folder)) {
    MESSAGE("skipped: there is no data/groove (etude data get groove), nor ETUDE_DATA_MIRROR");
    return;
  }
  const GrooveData data = load_groove(folder);
  CHECK(data.unique_bars == std::array<std::int64_t, kStyles>{5489, 2109, 689, 402, 2979});
  for (const Patterns* part : {&data.train, &data.validation}) {
    std::array<int, kStyles> bars{};
    for (int style : part->styles) ++bars[style];
    for (int style = 0; style < kStyles; ++style) CHECK(bars[style] > 50);
    for (const Pattern& bar : part->hits) {
      const int hits = std::accumulate(bar.begin(), bar.end(), 0);
      REQUIRE(hits > 0);
      for (int step = 0; step < kSteps; ++step) REQUIRE(bar[step * kInstruments + clap] == 0);
    }
  }
  CHECK(data.train.size() == 9449);
  CHECK(data.validation.size() == 2230);
  CHECK(data.hash == "839dab4a7210cc32");
}
