#include "models/font_gan/report.h"

#include <cmath>
#include <map>

#include "eval/plot.h"
#include "models/font_gan/history.h"
#include "models/font_gan/train.h"
#include "models/report_parts.h"

namespace etude::font_gan {
namespace {

namespace fs = std::filesystem;

/// What the reference reports give. Their letter "classifier" hashed pixel statistics (3.5 %
/// accuracy on real images), so these numbers say nothing about coverage; they are what was
/// reported.
struct Reference {
  const char* row;
  const char* variant;
  int coverage_any;
  double top_share;  // NaN: not given
  int samples;       // 0: not given
};
constexpr Reference kReferences[] = {
    {"report 000, vanilla", "vanilla", 17, 0.410, 1000},
    {"report 000, feature matching", "feature_matching", 20, 0.497, 1000},
    {"report 001, vanilla", "vanilla", 13, NAN, 0},
};

struct RunResult {
  std::string name, variant;
  Scores scores;
  double train_seconds = NAN;
  std::int64_t epochs = 0;
  History history;
};

/// One column of the table.
struct Measure {
  const char* title;
  const char* key;
  double (*value)(const Scores&);
  int decimals;
};
constexpr Measure kMeasures[] = {
    {"any", "coverage_any", [](const Scores& s) { return double(s.coverage_any); }, 0},
    {"covered", "coverage", [](const Scores& s) { return double(s.coverage); }, 0},
    {"KL", "kl", [](const Scores& s) { return s.kl; }, 3},
    {"top share", "top_share", [](const Scores& s) { return s.top_share; }, 3},
    {"confident", "confident", [](const Scores& s) { return s.confident; }, 3},
    {"precision", "precision", [](const Scores& s) { return s.precision; }, 3},
    {"recall", "recall", [](const Scores& s) { return s.recall; }, 3},
};

RunResult read_run(const fs::path& folder, const std::string& name) {
  const fs::path file = folder / name / "result.json";
  const Json result = read_json(file);
  RunResult run;
  run.name = name;
  blame(file, [&] {
    run.variant = result.at("variant");
    run.scores = Scores::from_json(result.at("scores"));
    run.epochs = result.at("epochs");
    run.train_seconds = number_or_nan(result.at("train_seconds"));
  });
  run.history = History::read(folder / name / "log.jsonl");
  return run;
}

std::vector<double> values_of(const std::vector<const RunResult*>& runs, const Measure& measure) {
  std::vector<double> values;
  for (const RunResult* run : runs) values.push_back(measure.value(run->scores));
  return values;
}

Json table_json(const std::vector<RunResult>& runs) {
  Json rows = Json::array();
  for (const Reference& reference : kReferences) {
    Json row{{"row", reference.row},
             {"source", "reference"},
             {"variant", reference.variant},
             {"coverage_any", reference.coverage_any}};
    if (reference.samples) row["samples"] = reference.samples;
    if (!std::isnan(reference.top_share)) row["top_share"] = reference.top_share;
    rows.push_back(row);
  }
  for (const auto& [variant, mine] : group_runs(runs, &RunResult::variant)) {
    Json row{{"row", "ours, " + variant}, {"source", "ours"},
             {"variant", variant},        {"seeds", mine.size()},
             {"epochs", mine[0]->epochs}, {"samples", mine[0]->scores.samples}};
    for (const Measure& measure : kMeasures) {
      add_mean(row, measure.key, values_of(mine, measure));
    }
    row["uncovered"] = mine[0]->scores.uncovered;
    rows.push_back(row);
  }
  return rows;
}

Table comparison_table(const std::vector<RunResult>& runs) {
  Table table;
  table.columns = {"run"};
  for (const Measure& measure : kMeasures) table.columns.emplace_back(measure.title);
  table.columns.insert(table.columns.end(), {"not covered", "samples", "seeds", "s"});
  for (const Reference& reference : kReferences) {
    std::vector<std::string> row{reference.row, std::to_string(reference.coverage_any), "", "",
                                 number(reference.top_share, 3)};
    row.resize(table.columns.size());
    if (reference.samples) row[row.size() - 3] = std::to_string(reference.samples);
    table.rows.push_back(row);
  }
  for (const auto& [variant, mine] : group_runs(runs, &RunResult::variant)) {
    std::vector<std::string> row{"ours, " + variant};
    for (const Measure& measure : kMeasures) {
      row.push_back(mean_and_sd(values_of(mine, measure), measure.decimals));
    }
    row.push_back(mine[0]->scores.uncovered.empty() ? "none" : mine[0]->scores.uncovered);
    row.push_back(std::to_string(mine[0]->scores.samples));
    row.push_back(std::to_string(mine.size()));
    row.push_back(number(mine[0]->train_seconds, 0));
    table.rows.push_back(row);
  }
  return table;
}

std::vector<double> column(const History& history, std::size_t value) {
  std::vector<double> values;
  for (const EpochMeans& means : history.epochs) values.push_back(means.values[value]);
  return values;
}

std::vector<double> epoch_numbers(const History& history) {
  std::vector<double> numbers;
  for (const EpochMeans& means : history.epochs) {
    numbers.push_back(static_cast<double>(means.epoch));
  }
  return numbers;
}

std::vector<std::string> letters() {
  std::vector<std::string> names;
  for (char c = 'A'; c <= 'Z'; ++c) names.emplace_back(1, c);
  return names;
}

void coverage_figures(Report& page, const std::vector<RunResult>& runs) {
  page.section("Coverage over training");
  LinePlot strict{.title = "Letters covered",
                  .x_label = "epoch",
                  .y_label = "letters of 26",
                  .series = {},
                  .y_low = 0,
                  .y_high = 26};
  LinePlot confident{.title = "Samples at classifier confidence ≥ 0.9",
                     .x_label = "epoch",
                     .y_label = "share",
                     .series = {},
                     .y_low = 0,
                     .y_high = 1};
  for (const RunResult& run : runs) {
    Series covered{.name = run.name, .x = {}, .y = {}, .sd = {}}, sure = covered;
    for (const auto& [epoch, scores] : run.history.evaluations) {
      covered.x.push_back(static_cast<double>(epoch));
      covered.y.push_back(scores.coverage);
      sure.y.push_back(scores.confident);
    }
    sure.x = covered.x;
    strict.series.push_back(covered);
    confident.series.push_back(sure);
  }
  page.figure(draw(strict),
              "A letter is covered when at least 1 % of the samples show it with "
              "classifier confidence at least 0.9.");
  page.figure(draw(confident),
              "How many samples the classifier is sure of: a measure of sharpness.");
}

void run_figures(Report& page, const fs::path& folder, const RunResult& run) {
  page.section("Run " + run.name);
  const auto show = [&](const char* pattern, const char* caption) {
    std::map<std::string, fs::path> files;  // by name, so by epoch (of up to four digits)
    for (const auto& entry : fs::directory_iterator(folder / run.name)) {
      const std::string file = entry.path().filename().string();
      if (file.starts_with(pattern) && file.ends_with(".png")) files[file] = entry.path();
    }
    for (const auto& [file, path] : files) {
      const std::string epoch = file.substr(file.find('-') + 1);
      add_image(page, path, std::string(caption) + ", epoch " + std::to_string(std::stoi(epoch)));
    }
  };
  show("alphabet-", "For each letter the samples that the classifier is surest of");
  show("samples-", "Samples from the same latents, not selected");
  const std::vector<double> epochs = epoch_numbers(run.history);
  const auto series = [&](const char* name, std::vector<double> y) {
    return Series{.name = name, .x = epochs, .y = std::move(y), .sd = {}};
  };
  page.figure(draw(LinePlot{.title = "Losses",
                            .x_label = "epoch",
                            .y_label = "nats (generator: "
                                       "nats, or squared feature distance)",
                            .series = {series("discriminator", column(run.history, 0)),
                                       series("generator", column(run.history, 1))}}),
              "Means over each epoch.");
  std::vector<double> ratio;
  for (const EpochMeans& means : run.history.epochs) ratio.push_back(means.loss_ratio());
  page.figure(draw(LinePlot{.title = "Loss ratio, generator / discriminator",
                            .x_label = "epoch",
                            .y_label = "ratio",
                            .series = {series("G / D", ratio)},
                            .log_y = true}),
              "Logarithmic. The reference reports read collapse from this ratio.");
  page.figure(draw(LinePlot{.title = "Gradient norms",
                            .x_label = "epoch",
                            .y_label = "L2 norm",
                            .series = {series("discriminator", column(run.history, 4)),
                                       series("generator", column(run.history, 5))},
                            .log_y = true}),
              "Means over each epoch, logarithmic.");
  page.figure(draw(LinePlot{.title = "The discriminator's opinion",
                            .x_label = "epoch",
                            .y_label = "mean probability of being real",
                            .series = {series("D(x)", column(run.history, 2)),
                                       series("D(G(z))", column(run.history, 3))},
                            .y_low = 0,
                            .y_high = 1}),
              "On real and on generated images, in training mode.");
  std::vector<double> shares;
  for (std::int64_t count : run.scores.histogram) {
    shares.push_back(static_cast<double>(count) / static_cast<double>(run.scores.samples));
  }
  page.figure(draw(BarChart{.title = "Letters generated",
                            .x_label = "letter",
                            .y_label = "share",
                            .labels = letters(),
                            .bars = {{run.name, shares, {}}},
                            .references = {{"even", 1.0 / 26}}}),
              "The classifier's label of " + std::to_string(run.scores.samples) +
                  " samples after the last epoch.");
}

Report page_of(const fs::path& folder, Json& summary) {
  const std::vector<RunResult> runs = read_runs(folder, summary, read_run);
  summary["table"] = table_json(runs);

  Report page("Font GAN: " + summary.at("data").get<std::string>());
  std::string text =
      "Capital letters by generative adversarial networks: " + std::to_string(runs.size()) +
      " runs.";
  for (const RunResult& run : runs) {
    text += "\n\n" + run.name + " covers " + std::to_string(run.scores.coverage) +
            " of 26 letters after " + std::to_string(run.epochs) + " epochs (" +
            std::to_string(run.scores.coverage_any) + " have any sample).";
  }
  page.summary(text);
  page.section("Result");
  page.text(
      "any: letters of 26 with at least one sample, the coursework's measure. covered: letters "
      "that at "
      "least 1 % of the samples show at classifier confidence 0.9 or more. KL: of the histogram "
      "of letters to the uniform one, nats. confident: share of samples at confidence 0.9 or "
      "more. precision, recall: k-NN, k = 3, on classifier features.");
  page.text(
      "The reports counted with a classifier that hashes pixel statistics, so their numbers are "
      "those reported, not measures of coverage; ours is a trained network (below). Letters not "
      "covered and seconds of training (s) are those of the first seed.");
  page.table(comparison_table(runs));
  coverage_figures(page, runs);
  for (const RunResult& run : runs) run_figures(page, folder, run);
  page.section("Data and judge");
  page.text(data_description(summary, summary.at("data_defects")));
  page.text("The letter classifier is right on " +
            number(100 * summary.at("classifier_accuracy").get<double>(), 2) +
            " % of the validation images.");
  page.figure(
      draw(confusion_map("Confusion of the classifier on validation images",
                         summary.at("confusion").get<std::vector<std::int64_t>>(), letters())),
      "Rows: true letter, columns: the classifier's.");
  return page;
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  return write_report_page(folder, std::move(summary),
                           [&](Json& completed) { return page_of(folder, completed); });
}

}  // namespace etude::font_gan
