#include "models/drum_vae/report_figures.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "eval/plot.h"
#include "models/drum_vae/comparison.h"
#include "models/drum_vae/patterns.h"
#include "models/report_parts.h"

namespace etude::drum_vae {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> style_names() { return {std::begin(kStyleNames), std::end(kStyleNames)}; }

HeatMap pair_map(const std::string& title, const std::vector<double>& shares) {
  HeatMap map{title, "target", "source", style_names(), style_names(), shares};
  for (const double share : shares) map.cell_texts.push_back(number(100 * share, 0));
  map.value_label = "%";
  for (double& value : map.values) value *= 100;
  map.low = 0;
  map.high = 100;
  return map;
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

}  // namespace

void progress_section(Report& page, const std::vector<Strategy>& strategies) {
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
  const RunResult& any = *strategies[0].second[0];
  if (any.exact_density()) {
    elbo.references = {{"entropy of the density", any.value("entropy")}};
  }
  page.figure(draw(elbo), "The beginning is cut off above.");
  page.figure(draw(reconstruction), "−ln p(x | z). The beginning is cut off above.");
  page.figure(draw(plot("KL of z_high", &Progress::kl_high)),
              "Zero is collapse: the posterior is the prior, whatever the pattern.");
  page.figure(draw(plot("KL of z_low", &Progress::kl_low)), "Against the prior in use.");
}

void transfer_section(Report& page, const std::vector<Strategy>& strategies) {
  const Strategy& s = main_strategy(strategies);
  const RunResult& run = *s.second[0];
  const bool exact = run.exact_density();
  page.section("Style transfer");
  page.text(
      "The z_low of a test pattern is decoded with a z_high of another style: that of a random "
      "training pattern, or the mean of the style's. The reports' rule: the nearest validation "
      "pattern by the cosine of z_high has the target style (style), kick Jaccard with the source "
      "is at least 0.8 (kick), and the correlation of the steps' energies at least 0.9 (energy); "
      "rhythm is kick and energy, success is all three.");
  const double real = run.value("real_rhythm");
  page.text(
      (real < 0.05 ? "The rule is close to unpassable: of " : "Of ") +
      number(run.value("real_pairs"), 0) + " pairs of real patterns of one style " +
      number(100 * real, 2) +
      " % meet its conditions on the rhythm, and a transfer has to change the style besides.");
  page.table(rule_table(strategies));
  if (exact) page.text("Report 000 tried five transfers.");
  if (exact) {
    page.text(
        "target style: by the exact posterior, over a half. deviations kept: share of the cells in "
        "which the source departs from its style that still depart in the result, beside what "
        "another source's result has by chance. Given the style the cells of these patterns are "
        "independent, so a deviation is noise, and a good model need not keep it.");
    page.table(oracle_table(strategies));
  }
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

void embedding_section(Report& page, const fs::path& folder, const std::vector<RunResult>& runs) {
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

}  // namespace etude::drum_vae
