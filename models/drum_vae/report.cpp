#include "models/drum_vae/report.h"

#include <algorithm>
#include <cmath>

#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/drum_vae/comparison.h"
#include "models/drum_vae/report_figures.h"
#include "models/report_parts.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

using Strategies = std::vector<Strategy>;

std::string percent(double share) { return number(100 * share, 2); }

std::string mean(const Strategy& s, const std::string& key, int decimals, double unit = 1) {
  return number(unit * mean_of(s, key), decimals);
}

/// Which strategies lose all of z_high in every run, which some of it in any, which none.
std::string collapse_sentence(const Strategies& strategies) {
  std::vector<std::string> all, some, none;
  for (const Strategy& s : strategies) {
    const std::vector<double> lost = values_of(s, "collapsed_high");
    const double dims = static_cast<double>(s.second[0]->kl_high.size());
    const bool every_one = std::ranges::all_of(lost, [&](double n) { return n == dims; });
    const bool any = std::ranges::any_of(lost, [](double n) { return n > 0; });
    (every_one ? all : any ? some : none).push_back(s.first);
  }
  std::string text;
  const auto say = [&](const char* dimensions, const std::vector<std::string>& names) {
    if (!names.empty()) text += (text.empty() ? "" : "; ") + (dimensions + joined(names));
  };
  say("in all of its dimensions with ", all);
  say("in some of them with ", some);
  say("in none with ", none);
  return " The KL of z_high falls below 0.02 nats " + text +
         ". (Free bits hold a KL up that need not say anything: see the active units.)";
}

std::string summary_text(const Strategies& strategies, const std::vector<RunResult>& runs) {
  const Strategy& s = main_strategy(strategies);
  const RunResult& first = *s.second[0];
  const bool exact = first.exact_density();
  std::string text = "\"" + s.first + "\" reaches a −ELBO of " +
                     mean_and_sd(values_of(s, "negative_elbo"), 2) + " nats per pattern (";
  if (exact) {
    text += "the true density: " + number(first.value("true_nll"), 2) +
            "; best public solutions: 33.38 with a dead z_high, 37.6 with one in use; ";
  }
  text += number(first.value("test_patterns"), 0) +
          " test patterns, seeds: " + std::to_string(s.second.size()) + ") with " +
          mean(s, "kl_high", 2) + " nats in z_high, from which a linear probe tells the style of " +
          mean(s, "probe_high", 1, 100) + " % of the patterns.";
  text += collapse_sentence(strategies) + " Decoded with the z_high of another style, ";
  if (exact) {
    text += mean(s, "transfer_oracle", 1, 100) +
            " % of the patterns have that style by the exact posterior, and ";
  }
  text += mean(s, "transfer_success", 1, 100) + (exact ? " %" : " % of the patterns") +
          " pass the reports' rule, whose conditions on the rhythm alone are met by " +
          percent(first.value("real_rhythm")) + " % of the pairs of real patterns of one style.";
  for (const RunResult& run : runs) {
    if (run.value("below_floor") != 0) {
      text += "\n\n" + run.name +
              " is better than the true density by more than chance allows: its numbers are wrong.";
    }
  }
  return text;
}

void result_section(Report& page, const Strategies& strategies) {
  const RunResult& first = *strategies[0].second[0];
  page.section("Result");
  page.text(
      "Ours are mean ± standard deviation over seeds. Nats per pattern on the test patterns; "
      "IW-NLL is the importance-weighted estimate of −ln p(x) with " +
      number(first.value("importance_samples"), 0) + " samples, of " +
      number(first.value("importance_patterns"), 0) +
      " of the test patterns, so not of the same ones as −ELBO; seconds are of training.");
  page.table(likelihood_table(strategies));
  page.text(
      "collapsed: dimensions of z_high with less than 0.02 nats of KL, of 4. active: dimensions "
      "whose "
      "posterior means vary by more than 0.01, of 4 and, of z_low, 12. probe: accuracy of a linear "
      "classifier of the style. disentanglement: variance of z_high's means between styles over "
      "that within them.");
  page.table(latent_table(strategies));
  std::string patterns =
      "diversity: share of the cells in which two drawn patterns differ. transfer: meets the "
      "reports' rule for the transfer of a style (below)";
  if (first.exact_density()) patterns += "; oracle: has the target style by the exact posterior";
  page.text(patterns + ".");
  page.table(pattern_table(strategies));
  if (!first.exact_density()) return;
  page.text(
      "The published numbers are for patterns of the same generator, as published: in report 000 "
      "validity is of 50 patterns and transfer of 5. Report 001 does not say how it computed its "
      "disentanglement.");
}

void strategy_section(Report& page, const Strategies& strategies) {
  page.section("Posterior collapse by strategy");
  page.table(settings_table(strategies));
  page.text(
      "KL of each dimension of z_high in nats, greatest first in each run, mean over seeds; below: "
      "how many dimensions have less than that threshold, of 4 of z_high and 12 of z_low.");
  page.table(collapse_table(strategies));
  BarChart chart{.title = "KL by dimension of z_high",
                 .x_label = "strategy",
                 .y_label = "nats",
                 .labels = {},
                 .bars = {}};
  for (const Strategy& s : strategies) {
    chart.labels.push_back(s.first);
    const auto sorted = sorted_kl_high(s);
    chart.bars.resize(std::max(chart.bars.size(), sorted.size()));
    for (std::size_t d = 0; d < sorted.size(); ++d) {
      const MeanSd m = mean_sd(sorted[d]);
      chart.bars[d].values.push_back(m.mean);
      chart.bars[d].sd.push_back(m.sd);
    }
  }
  constexpr const char* kOrder[] = {"greatest", "second", "third", "least"};
  for (std::size_t d = 0; d < chart.bars.size(); ++d) chart.bars[d].name = kOrder[d];
  page.figure(draw(chart), "Whiskers: standard deviation over seeds.");
}

void validity_section(Report& page, const Strategies& strategies) {
  const RunResult& run = *strategies[0].second[0];
  page.section("How little validity says");
  page.text(
      "Validity takes from 1 for too many hits, no kick, and halves that differ. It is a weak "
      "test: independent cells at the data's density get " +
      number(run.value("noise_validity"), 4) + ", the data " +
      number(run.value("data_validity"), 4) +
      ". Diversity within a style, and the likelihoods above, tell more.");
  page.table(drawn_table(strategies));
}

void data_section(Report& page, const RunResult& run, const Json& summary) {
  page.section("Data");
  page.text(data_description(summary, summary.at("notes")));
  page.text(number(run.value("train_patterns"), 0) + " training, " +
            number(run.value("validation_patterns"), 0) + " validation and " +
            number(run.value("test_patterns"), 0) +
            " test patterns. The checkpoint with the least −ELBO on the validation patterns is "
            "measured on the test patterns.");
}

Report page_of(const fs::path& folder, Json& summary) {
  const std::vector<RunResult> runs = read_runs(folder, summary, read_run);
  const Strategies strategies = group_runs(runs, &RunResult::strategy);
  summary["table"] = comparison_json(strategies);

  Report page("Drum VAE: " + summary.at("data").get<std::string>());
  page.summary(summary_text(strategies, runs));
  result_section(page, strategies);
  strategy_section(page, strategies);
  progress_section(page, strategies);
  transfer_section(page, strategies);
  embedding_section(page, folder, runs);
  picture_section(page, folder, runs);
  sample_section(page, folder, runs);
  validity_section(page, strategies);
  data_section(page, runs[0], summary);
  return page;
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  return write_report_page(folder, std::move(summary),
                           [&](Json& completed) { return page_of(folder, completed); });
}

}  // namespace etude::drum_vae
