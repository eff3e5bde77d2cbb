#include "models/font_gan/report.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/io/atomic_file.h"
#include "eval/correlation.h"
#include "models/font_gan/analysis.h"
#include "models/font_gan/gan.h"
#include "models/report_parts.h"
#include "tests/error_text.h"
#include "tests/eval/markup.h"
#include "tests/models/summary.h"
#include "tests/temporary_folder.h"

namespace etude::font_gan {
namespace {

namespace fs = std::filesystem;

/// Scores of which all letters but `uncovered` are covered.
Scores scores_of(const std::string& uncovered, double confident) {
  Scores s;
  s.samples = 1000;
  s.coverage_any = 26;
  s.uncovered = uncovered;
  s.coverage = 26 - static_cast<int>((uncovered.size() + 1) / 2);
  s.confident = confident;
  s.histogram.assign(26, 38);
  s.confident_histogram.assign(26, 20);
  s.support = std::numeric_limits<double>::infinity();
  s.real_support = 1234;
  return s;
}

/// A reproduce folder as runs leave it.
class Runs {
 public:
  Runs() {
    Letters letters{.complexity = {}, .distance = {}, .nearest = "BAFGHIJKLMNOPQRSTUVWXYZABC"};
    for (int i = 0; i < kLetters; ++i) {
      letters.complexity.push_back(3 + 0.1 * i);
      letters.distance.push_back(9 - 0.1 * i);
    }
    summary = summary_of("font_gan");
    summary["sets"] = {set("typefaces", letters), set("ee641", letters)};
  }

  void add(const std::string& data, const std::string& variant, int seed,
           const std::vector<std::string>& uncovered, bool styles = false) {
    const std::string name =
        (data == "ee641" ? "ee641-" : "") + variant + "-" + std::to_string(seed);
    const fs::path run = folder.path / name;
    fs::create_directories(run);
    Json result{
        {"variant", variant},
        {"seed", seed},
        {"data", data},
        {"epochs", uncovered.size()},
        {"train_seconds", variant == "vanilla" ? 10 : 35},
        {"scores", scores_of(uncovered.back(), 0.5).to_json()},
        {"second",
         SecondOpinion{.agreement = 0.875, .agreement_confident = 1, .coverage = 20}.to_json()}};
    if (styles) {
      result["style"] = {{"share", 0.625}, {"chance", 0.3}, {"judge", 0.99}};
      result["obeyed"] = 0.8125;
    }
    if (seed == 1) result["code_confidences"] = std::vector<float>(26, 0.95f);
    write_json(run / "result.json", result);
    JsonLog log(run / "log.jsonl", 0);
    for (std::size_t epoch = 1; epoch <= uncovered.size(); ++epoch) {
      Json step{{"step", epoch}};
      for (const char* key : kStepValues) step[key] = 0.5;
      log.append(step);
      Json entry{{"epoch", epoch}};
      entry.update(scores_of(uncovered[epoch - 1], 0.4).to_json());
      log.append(entry);
    }
    log.flush();
    summary["runs"].push_back(name);
  }

  std::string page() {
    const std::string html = read_text_file(write_report(folder.path, summary));
    CHECK(unbalanced_tag(html) == "");
    return html;
  }

  const TemporaryFolder folder;
  Json summary;

 private:
  static Json set(const std::string& name, const Letters& letters) {
    std::vector<std::int64_t> confusion(26 * 26);
    for (int i = 0; i < kLetters; ++i) confusion[27 * i] = 60;
    return {{"data", name},
            {"data_hash", "abc"},
            {"data_defects", {"a defect of " + name}},
            {"classifier_accuracy", 0.9994},
            {"second_accuracy", 0.9988},
            {"confusion", confusion},
            {"letters", letters.to_json()},
            {"validation", scores_of("", 0.9375).to_json()}};
  }
};

TEST_SUITE("font_gan report") {
  TEST_CASE("the page says what the runs' files say") {
    Runs runs;
    runs.add("typefaces", "vanilla", 1, {"Q X", "Q", "Q Y Z"});  // collapse from 3
    runs.add("typefaces", "vanilla", 2, {"Q X", "Q", "Q"});
    runs.add("typefaces", "best", 1, {"Q", "", ""});
    runs.add("typefaces", "conditional", 1, {"", "", ""}, true);
    runs.add("typefaces", "packing", 1, {"A B C", "A B C"});  // fewer epochs
    runs.add("ee641", "vanilla", 1, {"A B", "A B", "A B"});
    const std::string html = runs.page();
    for (const char* text :
         {"vanilla: 24.0 ± 1.4 of 26 letters covered after 3 epochs",
          "best: 26 of 26 letters covered", ">0.812</td>",
          "By epoch: Y vanished at 3, Z vanished at 3.",
          "Letters more or fewer than vanilla covers after as many epochs: best +2.0, conditional "
          "(told) +2.0, packing -2.0.",
          "packing, 2<", "Q (never covered, nearest T), Y (83 %, nearest B), Z (83 %, nearest C)",
          ">1 of 2<", ">epoch 3<",
          "Time of an epoch, its evaluations included, in those of vanilla: best 3.5, conditional "
          "(told) 3.5, packing 5.2.",
          "87.5 %", "no duplicates", "1234", "are in its commonest face (30.0 %",
          "a defect of ee641", "scored as samples are, have precision",
          "99.94 % of the validation images", "99.88 %"}) {
      CAPTURE(text);
      CHECK(contains(html, text));
    }
    // Complexity rises from A to Z and the distance falls, so the two correlations are opposite.
    std::vector<double> survival(kLetters, 1), complexity;
    survival[16] = 0, survival[24] = survival[25] = 5.0 / 6;
    for (int i = 0; i < kLetters; ++i) complexity.push_back(i);
    const double rho = spearman(survival, complexity);
    const std::size_t first = html.find(number(rho, 2) + "<"),
                      second = html.find(number(-rho, 2) + "<");
    CHECK(first < second);
    CHECK(second != std::string::npos);
    // The runs on other images are in the tables, not among the answers.
    CHECK(contains(html, "ours, ee641, vanilla"));
    const Json table = read_json(runs.folder.path / "summary.json").at("table");
    REQUIRE(table.size() == 3 + 5);
    const Json& vanilla = table[3];
    CHECK(vanilla.at("row") == "ours, vanilla");
    CHECK(vanilla.at("coverage") == 24);
    CHECK(vanilla.at("seeds") == 2);
    CHECK(vanilla.at("epochs") == 3);
    CHECK(!vanilla.contains("obeyed"));
    CHECK(table[5].at("obeyed") == 0.8125);
    CHECK(table[7].at("data") == "ee641");
  }

  TEST_CASE("a page without vanilla runs compares with the first variant") {
    Runs runs;
    runs.add("typefaces", "best", 1, {""});
    runs.add("typefaces", "packing", 1, {"A B C"});
    CHECK(contains(runs.page(),
                   "Letters more or fewer than best covers after as many epochs: packing -3.0."));
  }

  TEST_CASE("a run that diverged is told, the others are compared") {
    Runs runs;
    runs.add("typefaces", "vanilla", 1, {""});
    runs.add("typefaces", "vanilla", 2, {"A"});
    const auto diverge = [&](const char* run) {
      write_json(runs.folder.path / run / "result.json", {{"variant", "vanilla"},
                                                          {"seed", 1},
                                                          {"data", "typefaces"},
                                                          {"epochs", 3},
                                                          {"diverged", "font_gan: d_loss is no"}});
    };
    diverge("vanilla-2");
    CHECK(contains(runs.page(), "vanilla-2 diverged: font_gan: d_loss is no"));
    const Json table = read_json(runs.folder.path / "summary.json").at("table");
    CHECK(table.back().at("seeds") == 1);
    CHECK(table.back().at("coverage") == 26);
    diverge("vanilla-1");
    CHECK(contains(message_of([&] { runs.page(); }), "every run diverged"));
  }

  TEST_CASE("a damaged result is named") {
    Runs runs;
    runs.add("typefaces", "vanilla", 1, {""});
    const fs::path file = runs.folder.path / "vanilla-1" / "result.json";
    Json result = read_json(file);
    result.erase("second");
    write_json(file, result);
    CHECK(contains(message_of([&] { runs.page(); }), file.string() + ": not what this program"));
  }
}

}  // namespace
}  // namespace etude::font_gan
