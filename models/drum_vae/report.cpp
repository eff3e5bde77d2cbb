#include "models/drum_vae/report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/drum_vae/comparison.h"
#include "models/drum_vae/patterns.h"
#include "models/report_parts.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

using Strategies = std::vector<Strategy>;

std::vector<std::string> style_names() { return {std::begin(kStyleNames), std::end(kStyleNames)}; }

/// What the page is about: "best", or else the first.
const Strategy& main_strategy(const Strategies& strategies) {
  const auto best = std::ranges::find(strategies, "best", &Strategy::first);
  return best == strategies.end() ? strategies[0] : *best;
}

/// Whether the density of the patterns is known.
bool is_exact(const RunResult& run) { return !std::isnan(run.value("entropy")); }

std::string percent(double share) { return number(100 * share, 1); }

std::string mean(const Strategy& s, const std::string& key, int decimals, double unit = 1) {
  return number(unit * mean_of(s, key), decimals);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
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
  return " The KL of z_high falls below 0.02 nats " + text + ".";
}

std::string summary_text(const Strategies& strategies, const std::vector<RunResult>& runs) {
  const Strategy& s = main_strategy(strategies);
  const RunResult& first = *s.second[0];
  const bool exact = is_exact(first);
  std::string text = "\"" + s.first + "\" reaches a −ELBO of " +
                     mean_and_sd(values_of(s, "negative_elbo"), 2) + " nats per pattern (";
  if (exact) {
    text += "the true density: " + number(first.value("true_nll"), 2) +
            "; best public solutions: 33.38 with a dead z_high, 37.6 with one in use; ";
  }
  text += number(first.value("test_patterns"), 0) +
          " test patterns, seeds: " + std::to_string(s.second.size()) + ") with " +
          mean(s, "kl_high", 2) + " nats in z_high, from which a linear probe reads the style of " +
          mean(s, "probe_high", 1, 100) + " % of them.";
  text += collapse_sentence(strategies) + " Decoded with the z_high of another style, ";
  if (exact) {
    text += mean(s, "transfer_oracle", 1, 100) +
            " % of the patterns have that style by the exact posterior, and ";
  }
  text += mean(s, "transfer_success", 1, 100) +
          " % pass the reports' rule, whose conditions on the rhythm alone are met by " +
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
      "collapsed: dimensions with less than 0.02 nats of KL, of 4. active: dimensions whose "
      "posterior means vary by more than 0.01, of 4 and of 12. probe: accuracy of a linear "
      "classifier of the style. disentanglement: variance of z_high's means between styles over "
      "that within them.");
  page.table(latent_table(strategies));
  page.text(
      "diversity: share of the cells in which two drawn patterns differ. transfer: meets the "
      "reports' rule; oracle: has the target style by the exact posterior.");
  page.table(pattern_table(strategies));
  if (!is_exact(first)) return;
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

void progress_section(Report& page, const Strategies& strategies) {
  page.section("Course of training");
  page.text(
      "On the validation patterns, at beta = 1 whatever the strategy; the first seed of each.");
  const auto plot = [&](const char* title, double Progress::*value) {
    LinePlot p{.title = title, .x_label = "epoch", .y_label = "nats per pattern", .series = {}};
    for (const Strategy& s : strategies) {
      Series series{.name = s.first, .x = {}, .y = {}, .sd = {}};
      for (const Progress& at : s.second[0]->progress) {
        series.x.push_back(at.epoch);
        series.y.push_back(at.*value);
      }
      p.series.push_back(series);
    }
    return p;
  };
  LinePlot elbo = plot("−ELBO", &Progress::negative_elbo);
  LinePlot reconstruction = plot("Reconstruction", &Progress::reconstruction);
  // The first epochs, far above, would leave the differences no room.
  for (LinePlot* p : {&elbo, &reconstruction}) {
    double top = -INFINITY;
    for (const Series& series : p->series) {
      if (!series.y.empty()) top = std::max(top, series.y.back() + 5);
    }
    if (std::isfinite(top)) p->y_high = top;
  }
  const double entropy = strategies[0].second[0]->value("entropy");
  if (!std::isnan(entropy)) elbo.references = {{"entropy of the density", entropy}};
  page.figure(draw(elbo), "The beginning is cut off above.");
  page.figure(draw(reconstruction), "−ln p(x | z). The beginning is cut off above.");
  page.figure(draw(plot("KL of z_high", &Progress::kl_high)),
              "Zero is collapse: the posterior is the prior, whatever the pattern.");
  page.figure(draw(plot("KL of z_low", &Progress::kl_low)), "Against the prior in use.");
}

HeatMap pair_map(const std::string& title, const std::vector<double>& shares) {
  HeatMap map{title, "target", "source", style_names(), style_names(), shares};
  for (const double share : shares) map.cell_texts.push_back(number(100 * share, 0));
  map.value_label = "%";
  for (double& value : map.values) value *= 100;
  map.low = 0;
  map.high = 100;
  return map;
}

void transfer_section(Report& page, const Strategies& strategies) {
  const Strategy& s = main_strategy(strategies);
  const RunResult& run = *s.second[0];
  page.section("Style transfer");
  page.text(
      "The z_low of a test pattern is decoded with a z_high of another style: that of a random "
      "training pattern, or the mean of the style's. The reports' rule: the nearest validation "
      "pattern by the cosine of z_high has the target style (style), kick Jaccard with the source "
      "is at least 0.8 (kick), and the correlation of the steps' energies at least 0.9 (energy); "
      "rhythm is kick and energy, success is all three.");
  page.text(
      "The rule is close to unpassable: of " + number(run.value("real_pairs"), 0) +
      " pairs of real patterns of one style only " + percent(run.value("real_rhythm")) +
      " % meet its conditions on the rhythm, and a transfer has to change the style besides.");
  const bool exact = is_exact(run);
  if (exact) {
    page.text(
        "oracle: the exact posterior of the target style is over a half. deviations kept: share of "
        "the cells in which the source departs from its style that still depart in the result, "
        "beside what another source's result would have by chance. Given the style the cells of "
        "these patterns are independent, so a deviation is noise that a good model need not keep.");
  }
  page.table(transfer_table(strategies));
  if (exact) page.text("Report 000 tried five transfers, one for each style.");
  const char* judge = exact ? "oracle_style" : "style";
  for (const auto& [way, rates] : {std::pair("z_high of a pattern", &run.pattern),
                                   std::pair("mean z_high", &run.style_mean)}) {
    const std::string title = run.name + ", " + way + ": ";
    page.figure(draw(pair_map(title + (exact ? "of the target style by the exact posterior"
                                             : "of the target style by the nearest pattern"),
                              rates->by_pair.at(judge))),
                "Percent of the source's test patterns.");
    page.figure(
        draw(pair_map(title + "success by the reports' rule", rates->by_pair.at("success"))),
        "Percent of the source's test patterns.");
  }
}

/// The t-SNE maps of embedding.json.
void embedding_figures(Report& page, const fs::path& file, const std::string& run) {
  const Json json = read_json(file);
  blame(file, [&] {
    for (const std::string level : {"z_high", "z_low"}) {
      ScatterPlot plot{.title = run + ": " + level,
                       .x_label = "",
                       .y_label = "",
                       .x = {},
                       .y = {},
                       .labels = json.at("styles"),
                       .label_names = style_names(),
                       .equal_axes = true};
      for (const Json& point : json.at(level)) {
        plot.x.push_back(point.at(0));
        plot.y.push_back(point.at(1));
      }
      page.figure(draw(plot), "t-SNE of the posterior means of " + std::to_string(plot.x.size()) +
                                  " test patterns; it keeps " +
                                  number(100 * json.at(level + "_kept").get<double>(), 0) +
                                  " % of each one's ten nearest neighbours.");
    }
  });
}

void latent_section(Report& page, const fs::path& folder, const std::vector<RunResult>& runs) {
  bool begun = false;
  for (const RunResult& run : runs) {
    const fs::path file = folder / run.name / "embedding.json";
    if (!fs::exists(file)) continue;
    if (!begun) {
      page.section("Maps of the latents");
      page.text(
          "Who is near whom is kept; distances between clusters and their sizes mean little, and "
          "the axes have no unit.");
    }
    begun = true;
    embedding_figures(page, file, run.name);
  }
}

/// Pictures of all runs that have them: the section is left out where none has.
void picture_section(Report& page, const fs::path& folder, const std::vector<RunResult>& runs) {
  constexpr std::pair<const char*, const char*> kPictures[] = {
      {"sweep.png",
       "each dimension of z_high (rows) from −3 to 3, the others 0, z_low at its prior's mean"},
      {"interpolation-high.png",
       "z_high from the middle of one style to that of the next (rows), z_low drawn once"},
      {"interpolation-low.png",
       "z_low from one test pattern to another of its style (rows), z_high that of the first"},
      {"blend-jazz-rock.png", "jazz to rock in ten steps, cells over a half"},
      {"complexity.png", "the same patterns with 0.5, 1 and 1.5 times the expected hits (rows)"}};
  const auto has_any = [&](const RunResult& run) {
    return std::ranges::any_of(kPictures, [&](const auto& picture) {
      return fs::exists(folder / run.name / picture.first);
    });
  };
  if (std::ranges::none_of(runs, has_any)) return;
  page.section("What the latents do");
  page.text("Piano rolls: 16 steps from left to right, from below " +
            joined({std::begin(kInstrumentNames), std::end(kInstrumentNames)}) +
            ". Grey is the probability of a hit.");
  bool sounds = true;  // of the first run alone: they are large
  for (const RunResult& run : runs) {
    if (!has_any(run)) continue;
    for (const auto& [file, caption] : kPictures) {
      add_image(page, folder / run.name / file, run.name + ": " + caption + ".");
    }
    if (sounds) add_sound(page, folder / run.name / "blend-jazz-rock.wav", "Jazz to rock");
    sounds = false;
  }
}

void sample_section(Report& page, const fs::path& folder, const std::vector<RunResult>& runs) {
  bool begun = false, sounds = true;
  for (const RunResult& run : runs) {
    bool mine = false;
    for (const char* style : kStyleNames) {
      const fs::path stem = folder / run.name / ("samples-" + std::string(style));
      const auto file = [&](const char* extension) { return fs::path(stem.string() + extension); };
      if (!fs::exists(file(".png"))) continue;
      if (!begun) {
        page.section("Samples");
        page.text(
            "Ten of each style, not selected: z_high drawn as the style's training patterns lie, "
            "z_low from its prior, each cell by its probability. The same as MIDI (and as sound, "
            "where there is a synthesizer) beside this page, in the folder of each run.");
      }
      begun = mine = true;
      add_image(page, file(".png"), run.name + ": " + style);
      if (sounds) add_sound(page, file(".wav"), run.name + ": " + style);
    }
    sounds &= !mine;
  }
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

fs::path write_page(const fs::path& folder, Json summary) {
  std::vector<RunResult> runs;
  for (const std::string name : summary.at("runs")) runs.push_back(read_run(folder, name));
  require(!runs.empty(), (folder / "summary.json").string(), ": lists no runs");
  const Strategies strategies = group_runs(runs, &RunResult::strategy);
  summary["table"] = comparison_json(strategies);
  write_json(folder / "summary.json", summary);

  Report page("Drum VAE: " + summary.at("data").get<std::string>());
  page.summary(summary_text(strategies, runs));
  result_section(page, strategies);
  strategy_section(page, strategies);
  progress_section(page, strategies);
  transfer_section(page, strategies);
  latent_section(page, folder, runs);
  picture_section(page, folder, runs);
  sample_section(page, folder, runs);
  validity_section(page, strategies);
  data_section(page, runs[0], summary);
  add_provenance(page, summary);
  page.write(folder / "report.html");
  return folder / "report.html";
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  fs::path page;
  blame(folder / "summary.json", [&] { page = write_page(folder, std::move(summary)); });
  return page;
}

}  // namespace etude::drum_vae
