#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "engine/io/atomic_file.h"
#include "engine/run/config.h"
#include "eval/png.h"
#include "models/music_gpt/comparison.h"
#include "models/music_gpt/reference.h"
#include "models/music_gpt/report.h"
#include "models/report_parts.h"
#include "tests/error_text.h"
#include "tests/eval/markup.h"
#include "tests/models/summary.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

/// `pieces` pieces whose measures all lie `off` from these; without sound if not `sound`.
Json measured(double off, int pieces = 2, bool sound = true) {
  const std::vector<std::pair<const char*, double>> means = {
      {"h1", 1.9}, {"h4", 2.5}, {"gs_16", 0.7}, {"gs_32", 0.8}, {"gs_64", 0.9}};
  Json row;
  for (const auto& [name, mean] : means) {
    row[name] = Json::array();
    for (int i = 0; i < pieces; ++i) {
      // Deviations cancel in pairs: the mean of an even number of pieces is exact.
      row[name].push_back(mean + off + (i % 2 == 0 ? 0.01 : -0.01));
    }
  }
  for (const char* name : {"si_short", "si_mid", "si_long"}) {
    row[name] = std::vector<Json>(pieces, sound ? Json(0.25 + off) : Json());
  }
  row["notes"] = std::vector<int>(pieces, 411);
  row["tokens"] = std::vector<int>(pieces, 1733);
  row["seconds"] = std::vector<double>(pieces, 64.5);
  row["failed"] = Json::array();
  return row;
}

/// A reproduce folder of made-up results.
class Folder {
 public:
  explicit Folder(std::string data = "pop1k7") : data_(std::move(data)) {
    fs::remove_all(path);
    fs::create_directories(path);
    summary = summary_of("music_gpt");
    Json whole = measured(0);
    whole["bars"] = {80, 90};
    whole["pieces"] = 2;
    whole["failed"].push_back("song 17: no note");
    Json excerpts = measured(0.003);
    excerpts["pieces"] = 2;
    write_json(path / "real.json", {{"whole", whole}, {"excerpts", excerpts}});
  }
  ~Folder() { fs::remove_all(path); }

  /// A run whose default setting is `off` from the real music, and plain a tenth of that.
  void add(const std::string& variant, int seed, double off, double nats_per_token) {
    const std::string name = variant + "-" + std::to_string(seed);
    const fs::path run = path / name;
    fs::create_directories(run);
    Json plain = measured(off / 10, 2, false);
    plain["failed"].push_back("piece 2: more than 8192 tokens");
    write_json(run / "metrics.json",
               {{"held_out",
                 {{"tokens", 4000},
                  {"notes", 1000},
                  {"nats_per_token", nats_per_token},
                  {"nats_per_note", 4 * nats_per_token}}},
                {"settings", {{"default", measured(off)}, {"plain", plain}}},
                {"prompts", {{"song_1", {{"default", measured(2 * off, 1)}}}}},
                {"milestones",
                 {{"10", {{"default", measured(3 * off)}, {"plain", measured(off)}}},
                  {"33", {{"default", measured(5 * off)}}},
                  {"100", {{"default", measured(0, 0)}}}}}});
    write_json(run / "result.json", {{"variant", variant},
                                     {"seed", seed},
                                     {"data", data_},
                                     {"data_hash", "hash of " + variant},
                                     {"pieces", 1660},
                                     {"held_out_pieces", 87},
                                     {"train_tokens", 3000000},
                                     {"notes", {"one note"}},
                                     {"tokenizer", variant + " num_velocities=16"},
                                     {"vocabulary", 312},
                                     {"parameters", 3456789},
                                     {"iterations", 6000},
                                     {"tokens_seen", 24576000},
                                     {"layers", 4},
                                     {"heads", 4},
                                     {"width", 256},
                                     {"context", 512},
                                     {"compute", "f32"},
                                     {"train_seconds", seed == 1 ? Json(7201.4) : Json()}});
    JsonLog log(run / "log.jsonl", 0);
    for (int step = 1; step <= 60; ++step) {
      log.append({{"step", step}, {"nats", 5 - 0.01 * step}, {"gradient_norm", nullptr}});
      if (step % 30 != 0) continue;
      log.append({{"step", step},
                  {"held_out_nats_per_token", nats_per_token},
                  {"held_out_nats_per_note", 4 * nats_per_token}});
    }
    log.flush();
    summary["runs"].push_back(name);
  }

  /// Changes a file of a run, or of the folder.
  void edit(const std::string& file, const auto& change) {
    Json json = read_json(path / file);
    change(json);
    write_json(path / file, json);
  }

  std::string page() {
    const fs::path file = write_report(path, summary);
    CHECK(file == path / "report.html");
    const std::string html = read_text_file(file);
    CHECK(unbalanced_tag(html) == "");
    CHECK_FALSE(contains(html, ">nan"));
    return html;
  }

  /// The row of that name in summary.json's table.
  Json row(const std::string& table, const std::string& name, const std::string& source,
           const std::string& setting = "") {
    const Json completed = read_json(path / "summary.json");
    for (const Json& row : completed.at("table")) {
      if (row.at("table") == table && row.at("row") == name && row.at("source") == source &&
          (setting.empty() || row.at("setting") == setting)) {
        return row;
      }
    }
    return {};
  }

  const fs::path path =
      fs::temp_directory_path() / ("etude_music_report_" + std::to_string(getpid()));
  Json summary;

 private:
  std::string data_;
};

/// The texts of the cells of the table row that begins with `first`, the `nth` of such.
std::vector<std::string> cells(const std::string& html, const std::string& first, int nth = 0) {
  std::size_t at = 0;
  for (int i = 0; i <= nth; ++i) {
    at = html.find("<tr><td>" + first + "</td>", at + 1);
    if (at == std::string::npos) return {};
  }
  std::vector<std::string> texts;
  for (const std::size_t end = html.find("</tr>", at);;) {
    at = html.find("<td", at);
    if (at >= end) return texts;
    at = html.find('>', at) + 1;
    texts.push_back(html.substr(at, html.find("</td>", at) - at));
  }
}

using Cells = std::vector<std::string>;

TEST_SUITE("music_gpt_report") {
  TEST_CASE("the report's grid: 36 rows, its choice is the one it names") {
    CHECK(std::ranges::count(kReported, true, &ReportedRow::text) == 18);
    for (const char* tokenizer : {"remi", "remi_plus", "midilike"}) {
      for (const int epoch : {10, 30, 50, 70, 90, 100}) {
        CHECK(std::ranges::count_if(kReported, [&](const ReportedRow& row) {
                return row.tokenizer == tokenizer && row.epoch == epoch;
              }) == 2);
      }
    }
    CHECK(kReportedPick.h1 == 1.785);
    CHECK(kReportedPick.h4 == 2.483);
    CHECK(kReportedPick.gs_32 == 0.895);
    CHECK(kReportedPick.variant() == "remi_text");
  }

  TEST_CASE("the page says what the files of the runs say") {
    Folder folder;
    folder.add("remi", 1, 0.2, 1.1);
    folder.add("midilike", 1, -0.4, 0.9);
    folder.add("remi", 2, 0.2, 1.3);
    const std::string html = folder.page();
    CHECK(contains(html,
                   "Nearest to the real music of pop1k7 is remi, plain. It differs by "
                   "+0.020 in H1, +0.020 in H4 and +0.020 in GS (Q = 32), means over 4 "
                   "generated pieces (2 more never came to their end) of 2 seeds."));
    CHECK(contains(html,
                   "differs from the same real music by -0.115 in H1, -0.017 in H4 and "
                   "+0.095 in GS (Q = 32)."));

    CHECK(cells(html, "real music, whole pieces") == Cells{"real music, whole pieces", "", "", "",
                                                           "1.900 ± 0.014", "2.500 ± 0.014",
                                                           "0.800 ± 0.014", "2", "1"});
    CHECK(cells(html, "real music, excerpts")[1] == "+0.003");
    CHECK(contains(html, "s choice</td><td class=\"number\">-0.115</td>"));
    CHECK(cells(html, "remi, plain") == Cells{"remi, plain", "+0.020", "+0.020", "+0.020",
                                              "1.920 ± 0.012", "2.520 ± 0.012", "0.820 ± 0.012",
                                              "4", "2"});
    CHECK(cells(html, "midilike, default")[1] == "-0.400");
    CHECK(cells(html, "remi, plain", 1) == Cells{"remi, plain", "0.720 ± 0.012", "0.920 ± 0.012",
                                                 "", "", "", "411.0 ± 0.0", "64.5 ± 0.0"});
    CHECK(cells(html, "remi, default", 1)[3] == "0.450 ± 0.000");

    // The grid: ours beside the report's where it has such a row, others by themselves.
    CHECK(count_of(html, "<tr><td>remi_text</td>") == 6);
    CHECK(contains(html,
                   "<td>midilike</td><td class=\"number\">10</td>"
                   "<td class=\"number\">1.474</td><td class=\"number\">0.700 ± 0.014</td>"));
    CHECK(contains(html,
                   "<td>remi</td><td class=\"number\">33</td>"
                   "<td class=\"number\"></td><td class=\"number\">2.900 ± 0.012</td>"));
    CHECK(contains(html,
                   "<td>remi</td><td class=\"number\">100</td>"
                   "<td class=\"number\">1.768</td><td class=\"number\"></td>"));

    // After 7 rows of the grid and one of the plain milestones.
    CHECK(cells(html, "remi", 8) ==
          Cells{"remi", "4.800 ± 0.566", "1.200 ± 0.141", "4.00", "312", "1000"});
    CHECK(cells(html, "remi", 9) == Cells{"remi", "2", "4", "4", "256", "512", "f32", "3456789",
                                          "6000", "24576000", "8.2", "7201"});
    CHECK(cells(html, "song_1")[3] == "2.310 ± 0.000");
    CHECK(cells(html, "song_1", 1)[1] == "midilike");
    CHECK(contains(html,
                   "real music, whole pieces: song 17: no note\n"
                   "remi-1, plain: piece 2: more than 8192 tokens"));
    CHECK(contains(html, "4 pieces</summary>"));
    CHECK(contains(html, "Trained on 1660 pieces, measured on 87 others"));
    CHECK(contains(html, "hash of midilike"));
    CHECK(contains(html, "one note"));
    CHECK(contains(html, "c0ffee"));
    CHECK(count_of(html, "<figure><div class") == 2 + 3);
    CHECK(count_of(html, "<img") == 0);
  }

  TEST_CASE("the table for READMEs") {
    Folder folder;
    folder.add("remi", 1, 0.2, 1.1);
    folder.add("remi", 2, 0.2, 1.3);
    folder.page();
    CHECK(read_json(folder.path / "summary.json").at("table").size() == (3 + 2) + (36 + 4) + 1);
    CHECK(folder.row("closeness", "real music, whole pieces", "real").at("gs_32").get<double>() ==
          doctest::Approx(0.8));
    const Json choice = folder.row("closeness", "the report's choice", "report");
    CHECK(choice.at("h1") == 1.785);
    CHECK(choice.at("d_gs_32").get<double>() == doctest::Approx(0.095));
    const Json plain = folder.row("closeness", "remi, plain", "ours");
    CHECK(plain.at("d_h4").get<double>() == doctest::Approx(0.02));
    CHECK(plain.at("pieces") == 4);
    CHECK(plain.at("failed") == 2);
    CHECK(plain.at("seeds") == 2);
    CHECK_FALSE(plain.contains("si_mid"));
    const Json ten = folder.row("grid", "remi, 10", "ours", "default");
    CHECK(ten.at("h1").get<double>() == doctest::Approx(2.5));
    CHECK(folder.row("grid", "remi, 10", "report").at("h1") == 1.805);
    CHECK(folder.row("grid", "remi, 100", "ours").at("pieces") == 0);
    const Json tokenizer = folder.row("tokenizers", "remi", "ours");
    CHECK(tokenizer.at("nats_per_note").get<double>() == doctest::Approx(4.8));
    CHECK(tokenizer.at("tokens_per_note") == 4);
    CHECK(tokenizer.at("train_seconds") == 7201.4);  // of the run that was not resumed
  }

  TEST_CASE("other music than the report's has no distance of the report's") {
    Folder folder("pop909");
    folder.add("remi", 1, 0.2, 1.1);
    const std::string html = folder.page();
    CHECK(contains(html, "learned from other music, Pop1K7"));
    CHECK(contains(html, "Ours learned from other music"));
    CHECK_FALSE(contains(html, "differs from the same real music"));
    CHECK_FALSE(folder.row("closeness", "the report's choice", "report").contains("d_h1"));
  }

  TEST_CASE("of a network that brought no piece to its end there are empty cells") {
    Folder folder;
    folder.add("remi", 1, 0.2, 1.1);
    folder.edit("remi-1/metrics.json", [](Json& metrics) {
      metrics["settings"] = {{"default", measured(0, 0)}};
      metrics["held_out"]["nats_per_token"] = nullptr;
    });
    const std::string html = folder.page();
    CHECK(contains(html, "None of the generated pieces could be measured."));
    CHECK(cells(html, "remi, default") == Cells{"remi, default", "", "", "", "", "", "", "0", "0"});
    CHECK(cells(html, "remi", 8)[2] == "");
    CHECK_FALSE(folder.row("closeness", "remi, default", "ours").contains("d_h1"));
  }

  TEST_CASE("pictures and sounds are shown where a run has them") {
    Folder folder;
    folder.add("remi", 1, 0.2, 1.1);
    folder.add("midilike", 1, 0.4, 1.1);
    const Image dot{.height = 1, .width = 1, .channels = 1, .bytes = {0}};
    for (const char* run : {"remi-1", "midilike-1"}) {
      for (const char* name : {"default", "plain", "song_1-default"}) {
        write_png(folder.path / run / (std::string(name) + ".png"), dot);
        write_file_atomically(folder.path / run / (std::string(name) + ".wav"), "RIFF----WAVE");
      }
      write_png(folder.path / run / "default-scape.png", dot);
    }
    const std::string html = folder.page();
    // remi: the song, default, plain, a scape plot; midilike: its nearest setting.
    CHECK(count_of(html, "<img") == 5);
    CHECK(count_of(html, "<audio") == 4);
    CHECK(contains(html, "midilike-1, plain"));
    CHECK_FALSE(contains(html, "midilike-1, default"));
  }

  TEST_CASE("what is missing or damaged is named") {
    Folder folder;
    const auto message = [&] {
      return message_of([&] { write_report(folder.path, folder.summary); });
    };
    CHECK(contains(message(), "summary.json: lists no runs"));
    folder.add("remi", 1, 0.2, 1.1);
    folder.add("remi", 2, 0.2, 1.1);
    for (const std::string file : {"result.json", "metrics.json", "log.jsonl"}) {
      fs::rename(folder.path / "remi-1" / file, folder.path / "away");
      CHECK(contains(message(), "remi-1/" + file));
      fs::rename(folder.path / "away", folder.path / "remi-1" / file);
    }
    fs::rename(folder.path / "real.json", folder.path / "away");
    CHECK(contains(message(), "real.json"));
    fs::rename(folder.path / "away", folder.path / "real.json");

    const auto damaged = [&](const std::string& file, const auto& change) {
      const Json before = read_json(folder.path / file);
      folder.edit(file, change);
      const std::string told = message();
      write_json(folder.path / file, before);
      return told;
    };
    CHECK(contains(damaged("remi-2/result.json", [](Json& json) { json.erase("compute"); }),
                   "remi-2/result.json: not what this program writes"));
    CHECK(contains(damaged("remi-2/metrics.json",
                           [](Json& json) { json["settings"]["plain"]["h4"][0] = "much"; }),
                   "remi-2/metrics.json: not what this program writes"));
    CHECK(contains(damaged("real.json", [](Json& json) { json["whole"].erase("gs_32"); }),
                   "real.json: not what this program writes"));
    CHECK(contains(damaged("real.json", [](Json& json) { json["whole"]["h1"] = Json::array(); }),
                   "real.json: no real piece"));
    CHECK(contains(damaged("remi-2/result.json", [](Json& json) { json["data"] = "tunes"; }),
                   "remi-2 and remi-1 were trained on different data"));
    CHECK(contains(damaged("remi-2/result.json", [](Json& json) { json["data_hash"] = "else"; }),
                   "remi-2 and remi-1 were trained on different data"));
    CHECK(message() == "no error");
  }
}

}  // namespace
}  // namespace etude::music_gpt
