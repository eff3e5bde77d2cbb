#include <doctest/doctest.h>

#include <cmath>

#include "engine/io/atomic_file.h"
#include "engine/run/config.h"
#include "eval/png.h"
#include "models/drum_vae/measure.h"
#include "models/drum_vae/report.h"
#include "models/drum_vae/synthetic.h"
#include "models/drum_vae/train.h"
#include "models/drum_vae/transfer.h"
#include "models/report_parts.h"
#include "tests/error_text.h"
#include "tests/eval/markup.h"
#include "tests/models/summary.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

TEST_SUITE("report") {
  TEST_CASE("numbers of tables: unknown ones are left out, counts have no decimals") {
    CHECK(number(0.126, 2) == "0.13");
    CHECK(number(NAN, 2) == "");
    CHECK(mean_and_sd(std::vector<double>{1.0, 2.0}, 2) == "1.50 ± 0.71");
    CHECK(mean_and_sd(std::vector<double>{1.0, NAN}, 2) == "1.00");
    CHECK(mean_and_sd(std::vector<double>{NAN}, 2) == "");
    CHECK(mean_and_sd(std::vector<double>{17.0}, 0) == "17");
    CHECK(mean_and_sd(std::vector<double>{17.0, 20.0}, 0) == "18.5 ± 2.1");
    Json row;
    add_mean(row, "kl", std::vector<double>{1.0, 3.0});
    add_mean(row, "one", std::vector<double>{2.0, NAN});
    add_mean(row, "none", std::vector<double>{NAN});
    CHECK(row.dump() == R"({"kl":2.0,"kl_sd":1.4142135623730951,"one":2.0})");
    CHECK(std::isnan(number_or_nan(Json())));
    CHECK(joined({"a", "b"}) == "a, b");
  }

  TEST_CASE("runs are grouped in the order of their first; errors in JSON name the file") {
    struct Run {
      std::string kind;
      int seed;
    };
    const std::vector<Run> runs{{"b", 1}, {"a", 1}, {"b", 2}};
    const auto groups = group_runs(runs, &Run::kind);
    REQUIRE(groups.size() == 2);
    CHECK(groups[0].first == "b");
    REQUIRE(groups[0].second.size() == 2);
    CHECK(groups[0].second[1]->seed == 2);
    const Json json{{"x", 1}};
    CHECK(contains(message_of([&] { blame("some/file.json", [&] { json.at("y"); }); }),
                   "some/file.json: not what this program writes"));
  }
}

}  // namespace

namespace drum_vae {
namespace {

/// A reproduce folder as of an untrained network.
class Folder {
 public:
  explicit Folder(bool exact) {
    fs::remove_all(path);
    Generator generator(11, 12);
    DrumData data;
    data.name = "synthetic";
    data.exact_density = exact;
    data.train = draw_patterns(4, generator);
    data.validation = draw_patterns(3, generator);
    data.test = draw_patterns(6, generator);
    Vae vae(Config{}, Device::cpu);
    metrics = measure(vae.model(), data, Device::cpu,
                      {.elbo_draws = 1,
                       .importance_samples = 5,
                       .importance_patterns = 10,
                       .silhouette_points = 30,
                       .drawn = 100,
                       .truth_samples = 100});
    transfer = style_transfer(vae.model(), data, Device::cpu, 3);
    summary = summary_of("drum_vae");
    summary.update({{"data", data.name}, {"data_hash", "abc"}, {"notes", {"one note"}}});
  }
  ~Folder() { fs::remove_all(path); }

  void add(const std::string& strategy, int seed, double negative_elbo, double kl_high) {
    const std::string name = strategy + "-" + std::to_string(seed);
    const fs::path run = path / name;
    fs::create_directories(run);
    Json mine = metrics;
    mine["test"]["negative_elbo"] = negative_elbo;
    mine["z_high"]["collapsed_below"]["0.02"] = kl_high < 0.02 ? 4 : 0;
    mine["z_high"]["disentanglement"] = nullptr;  // infinite
    write_json(run / "metrics.json", mine);
    write_json(run / "style_transfer.json", transfer);
    write_json(run / "posterior_collapse.json",
               {{"kl_high_by_dimension", std::vector<double>{0, kl_high, 0.5 * kl_high, 0}},
                {"kl_low_by_dimension", std::vector<double>(12, 0.1)}});
    write_json(run / "result.json", {{"strategy", strategy},
                                     {"seed", seed},
                                     {"epochs", 150},
                                     {"train_seconds", seed == 1 ? Json() : Json(40.5)},
                                     {"beta", "linear"},
                                     {"free_bits", 0.035},
                                     {"high_from", "features"},
                                     {"prior", "conditional"}});
    JsonLog log(run / "log.jsonl", 0);
    for (int epoch = 1; epoch <= 3; ++epoch) {
      log.append({{"step", epoch}, {"negative_elbo", 90}});
      log.append({{"epoch", epoch},
                  {"negative_elbo", negative_elbo + 40 / epoch},
                  {"reconstruction", 30},
                  {"kl_high", kl_high},
                  {"kl_low", 1}});
    }
    log.flush();
    summary["runs"].push_back(name);
  }

  std::string page() {
    const fs::path file = write_report(path, summary);
    CHECK(file == path / "report.html");
    const std::string html = read_text_file(file);
    CHECK(unbalanced_tag(html) == "");
    return html;
  }

  const fs::path path = fs::temp_directory_path() / "etude_drum_report";
  Json metrics, transfer, summary;
};

TEST_SUITE("drum_report") {
  TEST_CASE("the page and its table say what the files of the runs say") {
    Folder folder(true);
    folder.add("constant", 1, 40, 0.001);
    folder.add("best", 1, 32.8, 1.5);
    folder.add("best", 2, 33.0, 1.7);
    const std::string html = folder.page();
    CHECK(contains(html, "&quot;best&quot; reaches a −ELBO of 32.90 ± 0.14 nats per pattern"));
    CHECK(contains(html, "in all of its dimensions with constant; in none with best"));
    CHECK(contains(html, "33.38"));
    CHECK(contains(html, "one note"));
    CHECK(contains(html, "c0ffee"));
    CHECK(count_of(html, "<h2") == 7);  // no maps, pictures, samples
    CHECK(count_of(html, "<img") == 0);
    CHECK_FALSE(contains(html, "numbers are wrong"));

    const Json table = read_json(folder.path / "summary.json").at("table");
    CHECK(table.size() == 3 + 4 + 2);
    CHECK(table[0].at("negative_elbo") == folder.metrics.at("truth").at("entropy"));
    const Json& best = table.back();
    CHECK(best.at("row") == "ours, best");
    CHECK(best.at("seeds") == 2);
    CHECK(best.at("negative_elbo").get<double>() == doctest::Approx(32.9));
    CHECK(best.at("negative_elbo_sd").get<double>() == doctest::Approx(0.1414).epsilon(0.001));
    CHECK(best.at("train_seconds") == 40.5);  // of the run that was not resumed
    CHECK_FALSE(best.contains("disentanglement"));
    CHECK(best.at("diversity_ratio").get<double>() ==
          doctest::Approx(best.at("diversity").get<double>() /
                          folder.metrics.at("drawn").at("data").at("diversity").get<double>()));

    folder.metrics["below_floor"] = true;
    folder.add("linear", 1, 20, 1);
    CHECK(contains(folder.page(), "linear-1 is better than the true density"));
  }

  TEST_CASE("pictures and maps are shown where a run has them") {
    Folder folder(true);
    folder.add("best", 1, 33, 1);
    const fs::path run = folder.path / "best-1";
    const Image dot{.height = 1, .width = 1, .channels = 1, .bytes = {0}};
    for (const char* name : {"sweep", "blend-jazz-rock", "samples-jazz"}) {
      write_png(run / (std::string(name) + ".png"), dot);
    }
    write_file_atomically(run / "samples-jazz.wav", "RIFF----WAVE");
    write_json(run / "embedding.json", {{"styles", {0, 4}},
                                        {"z_high", {{1.5, 2}, {-3, 0}}},
                                        {"z_low", {{1.5, 2}, {-3, 0}}},
                                        {"z_high_kept", 0.83},
                                        {"z_low_kept", 0.5}});
    const std::string html = folder.page();
    CHECK(count_of(html, "<img") == 3);
    CHECK(count_of(html, "<audio") == 1);
    CHECK(contains(html, "it keeps 83 %"));
    CHECK(count_of(html, "<title>latin</title>") == 2);
    write_json(run / "embedding.json", {{"styles", {0, 4}}});
    CHECK(contains(message_of([&] { folder.page(); }), "embedding.json: not what this program"));
  }

  TEST_CASE("without the exact density there is no truth and nothing published to compare with") {
    Folder folder(false);
    folder.add("linear", 1, 33, 1);
    const std::string html = folder.page();
    CHECK(contains(html, "&quot;linear&quot; reaches"));
    CHECK_FALSE(contains(html, "public"));
    CHECK_FALSE(contains(html, "oracle"));
    CHECK(read_json(folder.path / "summary.json").at("table").size() == 2);
  }

  TEST_CASE("a damaged file is named") {
    Folder folder(true);
    CHECK(contains(message_of([&] { folder.page(); }), "summary.json: lists no runs"));
    folder.add("best", 1, 33, 1);
    Json result = read_json(folder.path / "best-1" / "result.json");
    result.erase("beta");
    write_json(folder.path / "best-1" / "result.json", result);
    CHECK(contains(message_of([&] { folder.page(); }), "best-1/result.json: not what this"));
    folder.summary.erase("data");
    fs::remove_all(folder.path / "best-1");
    folder.add("best", 1, 33, 1);
    CHECK(contains(message_of([&] { folder.page(); }), "summary.json: not what this program"));
    fs::remove(folder.path / "best-1" / "metrics.json");
    CHECK(contains(message_of([&] { folder.page(); }), "metrics.json"));
  }
}

}  // namespace
}  // namespace drum_vae
}  // namespace etude
