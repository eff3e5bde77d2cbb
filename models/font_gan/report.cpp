#include "models/font_gan/report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/font_gan/answers.h"
#include "models/font_gan/gan.h"
#include "models/font_gan/tables.h"
#include "models/report_parts.h"

namespace etude::font_gan {
namespace {

namespace fs = std::filesystem;

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

/// Mean and deviation over the runs of a group, evaluation by evaluation as far as all went.
Series mean_curve(const Groups::value_type& group, double (*value)(const Scores&)) {
  Series series{.name = group.first, .x = {}, .y = {}, .sd = {}};
  for (std::size_t i = 0;; ++i) {
    std::vector<double> values;
    for (const RunResult* run : group.second) {
      if (i == run->history.evaluations.size()) return series;
      values.push_back(value(run->history.evaluations[i].second));
    }
    const MeanSd m = mean_sd(values);
    series.x.push_back(static_cast<double>(group.second[0]->history.evaluations[i].first));
    series.y.push_back(m.mean);
    series.sd.push_back(m.sd);
  }
}

/// The first kind against the others, few to a figure.
void coverage_figures(Report& page, const Groups& groups) {
  constexpr std::size_t kOthers = 4;
  page.section("Coverage over training");
  for (std::size_t begin = 1; begin == 1 || begin < groups.size(); begin += kOthers) {
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
    const auto add = [&](const Groups::value_type& group) {
      strict.series.push_back(
          mean_curve(group, [](const Scores& s) { return static_cast<double>(s.coverage); }));
      confident.series.push_back(mean_curve(group, [](const Scores& s) { return s.confident; }));
    };
    add(groups[0]);
    for (std::size_t i = begin; i < std::min(begin + kOthers, groups.size()); ++i) add(groups[i]);
    page.figure(draw(strict),
                "A letter is covered when at least 1 % of the samples show it with classifier "
                "confidence at least 0.9. Shaded: standard deviation over the seeds.");
    page.figure(draw(confident),
                "How many samples the classifier is sure of: a measure of sharpness.");
  }
}

/// Which letters there are when, and how many samples of each.
void letter_figures(Report& page, const RunResult& run) {
  const auto& evaluations = run.history.evaluations;
  PresenceMap map{.title = "Mode-recovery map",
                  .x_label = "epoch",
                  .y_label = "letter",
                  .column_labels = {},
                  .row_labels = letters(),
                  .levels = std::vector<int>(kLetters * evaluations.size()),
                  .level_names = {"absent", "seldom or unsure", "covered"}};
  HeatMap shares{.title = "Letters over training",
                 .x_label = "epoch",
                 .y_label = "letter",
                 .column_labels = {},
                 .row_labels = letters(),
                 .values = std::vector<double>(kLetters * evaluations.size()),
                 .value_label = "share of the samples that show it for sure",
                 .low = 0};
  for (std::size_t c = 0; c < evaluations.size(); ++c) {
    const auto& [epoch, scores] = evaluations[c];
    map.column_labels.push_back(std::to_string(epoch));
    const std::vector<bool> covered = scores.covered();
    for (int letter = 0; letter < kLetters; ++letter) {
      const std::size_t cell = letter * evaluations.size() + c;
      map.levels[cell] = covered[letter] ? 2 : scores.histogram[letter] > 0 ? 1 : 0;
      shares.values[cell] = static_cast<double>(scores.confident_histogram.at(letter)) /
                            static_cast<double>(scores.samples);
    }
  }
  shares.column_labels = map.column_labels;
  std::vector<std::string> lost;
  for (const ModeEvent& event : run.history.events()) {
    if (event.kind == ModeEvent::Kind::came) continue;
    lost.push_back(std::string(1, static_cast<char>('A' + event.mode)) +
                   (event.kind == ModeEvent::Kind::vanished ? " vanished at " : " was back at ") +
                   std::to_string(event.epoch));
  }
  page.figure(draw(map), lost.empty() ? "No letter vanished once it was covered."
                                      : "By epoch: " + joined(lost) + ".");
  page.figure(draw(shares), "At confidence 0.9 or more; even would be 1/26 = 0.038.");
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
  show("samples-",
       std::isnan(run.obeyed)
           ? "Samples from the same latents, not selected"
           : "Samples from the same latents, not selected; a column is told its letter");
  if (!run.code_confidences.empty()) {
    const auto found =
        std::ranges::count_if(run.code_confidences, [](float c) { return c >= 0.9f; });
    const bool told = !std::isnan(run.obeyed);
    page.text("Optimisation found codes for " + std::to_string(found) + " of the 26 letters" +
              (told ? ", told them," : "") +
              " that the classifier is sure of (confidence 0.9 or more).");
    add_image(page, folder / run.name / "interpolation.png",
              std::string("First row: for each letter the code found. Second: from A's code to "
                          "Z's. Below: between random codes.") +
                  (told ? " On a way the letter told turns from one into the other." : ""),
              true);
  }
  if (run.style) {
    if (!std::isnan(run.obeyed)) {
      page.text("Told a letter, it draws what the classifier calls that letter " +
                number(100 * run.obeyed, 1) + " % of the time.");
    }
    page.text("Of a code's 26 letters " + number(100 * run.style->share, 1) +
              " % are in its commonest face (" + number(100 * run.style->chance, 1) +
              " % if the letters' codes are shuffled). A letter's face is that of the nearest "
              "training image, which is right for " +
              number(100 * run.style->judge, 1) + " % of the validation images.");
    add_image(page, folder / run.name / "styles.png", "One code a row, with each letter.", true);
  }
  letter_figures(page, run);
  const std::vector<double> epochs = epoch_numbers(run.history);
  const auto series = [&](const char* name, std::vector<double> y) {
    return Series{.name = name, .x = epochs, .y = std::move(y), .sd = {}};
  };
  page.figure(draw(LinePlot{.title = "Losses",
                            .x_label = "epoch",
                            .y_label = run.has_scores ? "loss"
                                                      : "nats (generator: "
                                                        "nats, or squared feature distance)",
                            .series = {series("discriminator", column(run.history, 0)),
                                       series("generator", column(run.history, 1))}}),
              "Means over each epoch.");
  std::vector<double> ratio;
  for (const EpochMeans& means : run.history.epochs) ratio.push_back(means.loss_ratio());
  if (std::ranges::all_of(ratio, [](double r) { return r > 0; })) {  // a critic's loss has a sign
    page.figure(draw(LinePlot{.title = "Loss ratio, generator / discriminator",
                              .x_label = "epoch",
                              .y_label = "ratio",
                              .series = {series("G / D", ratio)},
                              .log_y = true}),
                "Logarithmic. The reference reports read collapse from this ratio.");
  }
  page.figure(draw(LinePlot{.title = "Gradient norms",
                            .x_label = "epoch",
                            .y_label = "L2 norm",
                            .series = {series("discriminator", column(run.history, 4)),
                                       series("generator", column(run.history, 5))},
                            .log_y = true}),
              "Means over each epoch, logarithmic.");
  LinePlot opinion{.title = "The discriminator's opinion",
                   .x_label = "epoch",
                   .y_label = run.has_scores ? "mean score" : "mean probability of being real",
                   .series = {series("D(x)", column(run.history, 2)),
                              series("D(G(z))", column(run.history, 3))}};
  if (!run.has_scores) opinion.y_low = 0, opinion.y_high = 1;
  page.figure(draw(opinion), std::string("On real and on generated images, in training mode.") +
                                 (run.has_scores ? " Only the difference has a meaning." : ""));
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

void data_and_judges(Report& page, const Json& set) {
  page.section("Data and judges: " + set.at("data").get<std::string>());
  page.text(data_description(set, set.at("data_defects")));
  page.text("The letter classifier is right on " +
            number(100 * set.at("classifier_accuracy").get<double>(), 2) +
            " % of the validation images, the second one, trained from other weights in another "
            "order, on " +
            number(100 * set.at("second_accuracy").get<double>(), 2) +
            " %. How often both agree about generated letters stands in the table of all runs.");
  if (set.contains("validation")) {
    const Scores real = Scores::from_json(set.at("validation"));
    page.text(
        "What could be reached: the validation images, scored as samples are, have precision " +
        number(real.precision, 3) + ", recall " + number(real.recall, 3) + " and confident " +
        number(real.confident, 3) + " (" + std::to_string(real.samples) + " images).");
  }
  page.figure(draw(confusion_map("Confusion of the classifier on validation images",
                                 set.at("confusion").get<std::vector<std::int64_t>>(), letters())),
              "Rows: true letter, columns: the classifier's.");
}

Report page_of(const fs::path& folder, Json& summary) {
  std::vector<RunResult> runs = read_runs(folder, summary, read_run);
  std::string diverged;
  for (const RunResult& run : runs) {
    if (!run.diverged.empty()) diverged += "\n\n" + run.name + " diverged: " + run.diverged;
  }
  std::erase_if(runs, [](const RunResult& run) { return !run.diverged.empty(); });
  require(!runs.empty(), folder.string(), ": every run diverged", diverged);
  const Groups groups = group_runs(runs, &RunResult::kind);
  summary["table"] = comparison_json(groups);

  Report page("Font GAN: mode collapse");
  std::string text =
      "Capital letters by generative adversarial networks: " + std::to_string(runs.size()) +
      " runs of " + std::to_string(groups.size()) + " kinds.";
  for (const auto& [kind, mine] : groups) {
    std::vector<double> covered, sure;
    for (const RunResult* run : mine) {
      covered.push_back(run->scores.coverage);
      sure.push_back(100 * run->scores.confident);
    }
    text += "\n\n" + kind + ": " + mean_and_sd(covered, 0) + " of 26 letters covered after " +
            std::to_string(mine[0]->epochs) + " epochs, the classifier sure of " +
            mean_and_sd(sure, 0) + " % of the samples.";
  }
  text += diverged;
  page.summary(text);
  page.section("Result");
  page.text(
      "with a sample: letters of 26 with at least one, the coursework's measure. covered: letters "
      "that at least 1 % of the samples show at classifier confidence 0.9 or more. KL: of the "
      "histogram of letters to the uniform one, nats. confident: share of samples at confidence "
      "0.9 or more. precision, recall: k-NN, k = 3, on classifier features of 2000 samples and as "
      "many real images. obeyed: of the samples of a network that is told letters, A to Z in "
      "turn, the share that the classifier calls what was told (chance: 0.038). s: seconds of "
      "training, its evaluations included. Mean ± standard deviation over the "
      "seeds.");
  page.text(
      "The reports counted with a classifier that hashes pixel statistics, so their numbers are "
      "those reported, not measures of coverage; ours is a trained network (below). What is "
      "measured is the last generator of each run, not its best.");
  page.text(
      "(told): a conditional network. What it is told is even over the letters, so of one that "
      "obeys coverage, KL, top share and survival say that it can draw every letter, not that it "
      "would think of it; precision, recall and confidence mean the same for all.");
  page.table(comparison_table(groups));
  const Json& set = summary.at("sets").at(0);
  add_answers(page, groups, set.at("data"), Letters::from_json(set.at("letters")));
  coverage_figures(page, groups);
  page.section("All runs");
  page.text(
      "covered: letters after the last epoch; most: at any evaluation, of fewer samples. "
      "support: how many different samples there seem to be, by the birthday paradox, and the same "
      "for as many real images. classifiers agree: samples to which the second classifier, trained "
      "independently, gives the same letter; where sure: of those that the first one is sure of.");
  page.table(runs_table(runs));
  for (const auto& [kind, mine] : groups) run_figures(page, folder, *mine[0]);
  for (const Json& each : summary.at("sets")) data_and_judges(page, each);
  return page;
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  return write_report_page(folder, std::move(summary),
                           [&](Json& completed) { return page_of(folder, completed); });
}

}  // namespace etude::font_gan
