#include "models/font_gan/answers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "eval/correlation.h"
#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/font_gan/tables.h"
#include "models/report_parts.h"

namespace etude::font_gan {
namespace {

using Group = Groups::value_type;

MeanSd over(const Group& group, const std::function<double(const RunResult&)>& value) {
  std::vector<double> values;
  for (const RunResult* run : group.second) {
    if (const double x = value(*run); !std::isnan(x)) values.push_back(x);
  }
  return values.empty() ? MeanSd{NAN, NAN} : mean_sd(values);
}

/// Letters covered after that many epochs, of an evaluation's samples; NaN without one.
double covered(const RunResult& run, std::int64_t epoch) {
  for (const auto& [at, scores] : run.history.evaluations) {
    if (at == epoch) return scores.coverage;
  }
  return NAN;
}

/// [26]: the share of the evaluations since a letter was first covered at which it is, mean over
/// the runs.
std::vector<double> survival_of(const Group& group) {
  std::vector<double> mean(kLetters);
  for (const RunResult* run : group.second) {
    const std::vector<double> one = run->history.survival();
    for (int i = 0; i < kLetters; ++i) mean[i] += one[i] / static_cast<double>(group.second.size());
  }
  return mean;
}

/// The letters that survive least, at most `count`; none that always do.
std::string least_surviving(const std::vector<double>& survival, const Letters& letters,
                            std::size_t count) {
  std::vector<int> order(kLetters);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](int i) { return survival[i]; });
  std::vector<std::string> names;
  for (int i : order) {
    if (names.size() == count || survival[i] >= 1) break;
    names.push_back(std::string(1, static_cast<char>('A' + i)) + " (" +
                    (survival[i] > 0 ? number(100 * survival[i], 0) + " %" : "never covered") +
                    ", nearest " + letters.nearest[i] + ")");
  }
  return names.empty() ? "every letter was covered at every evaluation after its first"
                       : joined(names);
}

std::string rank_correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const double rho = spearman(x, y);
  return std::isnan(rho) ? "not defined" : number(rho, 2);
}

void which_survive(Report& page, const Groups& groups, const Group& baseline,
                   const Letters& letters) {
  page.text("Which letters survive, and why?");
  Table table{.columns = {"rank correlation of survival with", "stroke complexity",
                          "distance to the nearest letter"},
              .rows = {}};
  std::string least;
  for (const Group& group : groups) {
    const std::vector<double> survival = survival_of(group);
    least += "\n\n" + group.first + ": " + least_surviving(survival, letters, 5);
    table.rows.push_back({group.first, rank_correlation(survival, letters.complexity),
                          rank_correlation(survival, letters.distance)});
  }
  page.text("Those that survive least, each with its nearest letter:" + least);
  page.table(table);
  page.text(
      "A letter's survival is the share of the evaluations since it was first covered at which it "
      "is covered, 0 if it never was, mean over the runs. Stroke complexity is perimeter² / (4π "
      "ink area); the "
      "distance is that of the letters' mean features in the classifier, over a letter's own "
      "spread. Of 26 letters without any connection, one such correlation of twenty would be "
      "beyond ±" +
      number(spearman_critical(kLetters), 2) + " (Spearman).");
  const auto scatter = [&](const char* title, const char* x_label, const std::vector<double>& x) {
    page.figure(draw(ScatterPlot{.title = title,
                                 .x_label = x_label,
                                 .y_label = "survival",
                                 .x = x,
                                 .y = survival_of(baseline),
                                 .labels = std::vector<int>(kLetters, 0),
                                 .label_names = {""}}),
                "A point is a letter; runs of " + baseline.first + ".");
  };
  scatter("Survival against stroke complexity", "perimeter² / (4π area)", letters.complexity);
  scatter("Survival against class distance", "distance to the nearest letter / own spread",
          letters.distance);
}

void do_cures_help(Report& page, const Groups& groups, const Group& baseline) {
  page.text("Is coverage better with a cure than without?");
  Bars bars{.name = "letters covered", .values = {}, .sd = {}};
  std::vector<std::string> labels, said;
  for (const Group& group : groups) {
    const std::int64_t epochs = group.second[0]->epochs;
    const auto at_its_end = [&](const RunResult& run) { return covered(run, epochs); };
    const MeanSd with = over(group, at_its_end);
    labels.push_back(group.first + ", " + std::to_string(epochs));
    bars.values.push_back(with.mean);
    bars.sd.push_back(with.sd);
    const double more = with.mean - over(baseline, at_its_end).mean;
    if (&group == &baseline || std::isnan(more)) continue;
    said.push_back(group.first + " " + (more > 0 ? "+" : "") + number(more, 1));
  }
  page.figure(draw(BarChart{.title = "Letters covered after the last epoch",
                            .x_label = "variant, epochs",
                            .y_label = "letters of 26",
                            .labels = labels,
                            .bars = {bars},
                            .references = {{"all", kLetters}}}),
              "Mean and standard deviation over the seeds, at the last evaluation.");
  page.text("Letters more or fewer than " + baseline.first + " covers after as many epochs: " +
            (said.empty() ? "nothing to compare" : joined(said)) + ".");
}

void when_does_it_begin(Report& page, const Groups& groups) {
  page.text("When does collapse set in?");
  Table table{.columns = {"variant", "runs that keep their best coverage", "onset of the others"},
              .rows = {}};
  for (const auto& [kind, runs] : groups) {
    std::vector<std::string> onsets;
    for (const RunResult* run : runs) {
      if (run->history.onset()) onsets.push_back(onset_text(*run));
    }
    table.rows.push_back(
        {kind, std::to_string(runs.size() - onsets.size()) + " of " + std::to_string(runs.size()),
         joined(onsets)});
  }
  page.table(table);
  page.text(
      "Onset: the first evaluation after the last one at which coverage was the most so far, or "
      "one "
      "letter less: near the threshold of 1 % a letter comes and goes by the chance of the "
      "samples. "
      "How far coverage falls stands in the table of all runs.");
}

void what_does_it_do(Report& page, const Groups& groups, const Group& baseline) {
  page.text("What do the cures do to the samples, and what do they cost?");
  std::vector<Bars> bars{{"confident", {}, {}}, {"precision", {}, {}}, {"recall", {}, {}}};
  double (*const values[])(const RunResult&) = {
      [](const RunResult& r) { return r.scores.confident; },
      [](const RunResult& r) { return r.scores.precision; },
      [](const RunResult& r) { return r.scores.recall; }};
  std::vector<std::string> labels, costs;
  const auto seconds = [](const RunResult& r) {
    return r.train_seconds / static_cast<double>(r.epochs);
  };
  for (const Group& group : groups) {
    labels.push_back(group.first + ", " + std::to_string(group.second[0]->epochs));
    for (std::size_t i = 0; i < bars.size(); ++i) {
      const MeanSd m = over(group, values[i]);
      bars[i].values.push_back(m.mean);
      bars[i].sd.push_back(m.sd);
    }
    const double cost = over(group, seconds).mean / over(baseline, seconds).mean;
    if (&group != &baseline && std::isfinite(cost)) {
      costs.push_back(group.first + " " + number(cost, 1));
    }
  }
  page.figure(
      draw(BarChart{.title = "Fidelity and diversity after the last epoch",
                    .x_label = "variant, epochs",
                    .y_label = "share",
                    .labels = labels,
                    .bars = bars}),
      "confident: samples that the classifier is sure of. precision: samples among the real "
      "images, recall: real images among the samples, k-NN, k = 3.");
  if (!costs.empty()) {
    page.text("Time of an epoch, its evaluations included, in those of " + baseline.first + ": " +
              joined(costs) + ".");
  }
}

}  // namespace

void add_answers(Report& page, const Groups& groups, const std::string& data,
                 const Letters& letters) {
  Groups mine;
  std::ranges::copy_if(groups, std::back_inserter(mine),
                       [&](const Group& group) { return group.second[0]->data == data; });
  require(!mine.empty(), "font_gan: no runs on ", data);
  const auto vanilla = std::ranges::find_if(
      mine, [](const Group& group) { return group.second[0]->variant == "vanilla"; });
  const Group& baseline = vanilla == mine.end() ? mine[0] : *vanilla;
  page.section("Four questions");
  which_survive(page, mine, baseline, letters);
  do_cures_help(page, mine, baseline);
  when_does_it_begin(page, mine);
  what_does_it_do(page, mine, baseline);
}

}  // namespace etude::font_gan
