#include "models/performance_lstm/report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/performance_lstm/comparison.h"
#include "models/performance_lstm/measure.h"
#include "models/performance_lstm/samples.h"
#include "models/report_parts.h"

namespace etude::performance_lstm {
namespace {

namespace fs = std::filesystem;

using Variants = std::vector<Variant>;
using Columns = std::vector<Column>;

std::string average_of(const Column& c) {
  return mean_and_sd(cell(*c.variant, c.setting, {"bins_10", "overall"}), 4);
}

std::string summary_text(const Variants& variants, const Columns& columns) {
  std::string text;
  if (const Column* best = best_temperature(columns)) {
    const auto reported = [](const char* table, const char* heading) {
      return number(reported_overall(table, heading), 4);
    };
    text = "Distance of the generated notes' distributions from those of " +
           best->variant->second[0]->data + ": " + average_of(*best) +
           " at the best temperature, " + best->heading +
           " (the report: " + reported("temperature", "tau 0.8") + " at tau 0.8).";
    for (const Column& c : columns) {
      if (c.table != "temperature" || c.setting != "tau 1") continue;
      text += " At tau 1 it is " + average_of(c) +
              " (the report: " + reported("temperature", "tau 1") + ", and " +
              reported("tempo", "baseline") + " after 20,000 iterations).";
    }
    const auto floor = cell(*best->variant, kTrueNotes, {"bins_10", "overall"});
    text += " The true notes themselves, once encoded and decoded, are at " +
            number(floor.at(0), 4) + ". Mean ± standard deviation over " +
            std::to_string(cell(*best->variant, best->setting, {"bins_10", "overall"}).size()) +
            " pieces of " + std::to_string(best->variant->second.size()) + " seeds.";
  }
  if (const Variant* corpus = find_variant(variants, "corpus")) {
    text += (text.empty() ? "" : " ") + std::string("On ") + corpus->second[0]->data + ", " +
            mean_and_sd(run_values(*corpus, "held_out_bits"), 3) +
            " bits per event on pieces that were held out.";
  }
  return text;
}

/// How many generated pieces have no note at all, and so count in no distance.
std::string empty_pieces(const Columns& columns) {
  double empty = 0;
  for (const Column& c : columns) {
    if (c.setting == kTrueNotes) continue;
    for (const RunResult* run : c.variant->second) {
      empty += run->metrics.at("settings").at(c.setting).at("empty").get<double>();
    }
  }
  return empty > 0 ? "Without a note, and in no distance: " + number(empty, 0) +
                         " generated pieces of all settings together."
                   : "";
}

void temperature_section(Report& page, const Columns& columns) {
  page.section("Temperature");
  page.text(
      "Histograms of pitch, duration and velocity of the generated and the true notes, in 10 equal "
      "bins over the range of both; the average of L1, L2, KL(p‖q) and KL(q‖p), and of the three. "
      "The report gives one generated piece per setting and does not state its bins; its numbers "
      "fit 10. Beside them the same average with 32 bins and at full resolution (every pitch and "
      "velocity, 10 ms), where KL is large because many bins are empty. copied: share of the "
      "generated runs of 16 events that are in the training music, for these distances do not tell "
      "memory from invention. The row of the true notes is what encoding and decoding alone "
      "costs.");
  page.table(averages_table(columns, "temperature"));
  if (const std::string empty = empty_pieces(columns); !empty.empty()) page.text(empty);
  BarChart chart{.title = "Average distance by temperature",
                 .x_label = "temperature",
                 .y_label = "average distance, 10 bins",
                 .labels = {},
                 .bars = {{"the report, one piece", {}, {}}, {"ours", {}, {}}}};
  for (const Column& c : columns) {
    if (c.table != "temperature" || std::isnan(reported_overall(c.table, c.heading))) continue;
    chart.labels.push_back(c.heading);
    chart.bars[0].values.push_back(reported_overall(c.table, c.heading));
    const MeanSd ours = mean_sd(cell(*c.variant, c.setting, {"bins_10", "overall"}));
    chart.bars[1].values.push_back(ours.mean);
    chart.bars[1].sd.push_back(ours.sd);
  }
  page.figure(draw(chart), "Whiskers: standard deviation over the pieces of all seeds.");
  page.table(cells_table(columns, "temperature"));
}

void primed_section(Report& page, const Columns& columns) {
  page.section("Primed generation");
  page.text(
      "The state is led through the first events of the true piece, which also begin the "
      "generated one and count in its distances, as in the report. Temperature 1.");
  page.table(averages_table(columns, "primed"));
  page.table(cells_table(columns, "primed"));
}

void tempo_section(Report& page, const Columns& columns) {
  page.section("Tempo");
  page.text(
      "conditioning: the model is told a tempo, in training a random one from 0.7 to 1.3 that has "
      "nothing to do with what is played, as in the report. augmentation: it also trains on the "
      "piece with its times multiplied by 0.8, 0.9, 1.1 and 1.2. both: both. tempo, which the "
      "report does not have: it is told the factor that is played; \"tempo 0.8\" and \"tempo 1.2\" "
      "are asked for those, and seconds shows whether they are given. Temperature 1, tempo 1 if "
      "not said otherwise.");
  page.table(averages_table(columns, "tempo"));
  page.table(cells_table(columns, "tempo"));
}

void corpus_section(Report& page, const Variant& corpus, const Columns& columns) {
  const RunResult& run = *corpus.second[0];
  page.section("A corpus");
  page.text("Trained on " + std::to_string(run.result.at("pieces").get<int>()) + " pieces (" +
            std::to_string(run.metrics.at("train_events").get<std::int64_t>()) + " events) of " +
            run.data + ", measured on " +
            std::to_string(run.result.at("held_out_pieces").get<int>()) + " others (" +
            std::to_string(run.metrics.at("held_out_events").get<std::int64_t>()) +
            " events): " + mean_and_sd(run_values(corpus, "held_out_bits"), 3) +
            " bits per event there, " + mean_and_sd(run_values(corpus, "train_bits"), 3) +
            " on those it was trained on. An event of equal chances would cost " +
            number(std::log2(240), 2) +
            ". The distances are of generated pieces from all notes of the held-out pieces "
            "together.");
  page.table(averages_table(columns, "corpus"));
}

void progress_section(Report& page, const Variants& variants) {
  page.section("Course of training");
  LinePlot plot{.title = "Training, first seed of each",
                .x_label = "iteration",
                .y_label = "bits per event",
                .series = {}};
  for (const Variant& v : variants) {
    add_curve(plot, v.first, v.second[0]->train_bits);
    add_curve(plot, v.first + ", held out", v.second[0]->held_out_bits);
  }
  if (!plot.series.empty()) {
    page.figure(draw(plot), "Means of 20 steps; held out: of the first 2048 events of each piece.");
  }
}

void distribution_figures(Report& page, const Column& column) {
  const RunResult& run = *column.variant->second[0];
  const Json& all = run.metrics.at("histograms");
  if (!all.contains(column.setting)) return;  // no piece had a note
  for (const auto& [property, kind] : kProperties) {
    const bool seconds = kind == NoteProperty::duration;
    const Json& pair = all.at(column.setting).at(property);
    BarChart chart{
        .title = run.variant + ", " + column.setting + ": " + property,
        .x_label = std::string("from this ") + property + (seconds ? " (s) on" : " on"),
        .y_label = "share",
        .labels = {},
        .bars = {{"truth", pair.at("truth"), {}}, {"generated", pair.at("generated"), {}}}};
    const auto edges = pair.at("edges").get<std::vector<double>>();
    for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
      chart.labels.push_back(number(edges[i], seconds ? 2 : 0));
    }
    page.figure(draw(chart), "All generated pieces of the first seed together.");
  }
}

void distribution_section(Report& page, const Columns& columns) {
  page.section("Distributions");
  if (const Column* best = best_temperature(columns)) distribution_figures(page, *best);
  for (const Column& c : columns) {
    const bool other = c.table == "tempo" && c.heading != "baseline" && c.setting == "tau 1";
    if (other || (c.table == "corpus" && c.setting == "tau 1") ||
        (c.table == "primed" && c.setting == "primed")) {
      distribution_figures(page, c);
    }
  }
}

void music_section(Report& page, const fs::path& folder, const Variants& variants) {
  page.section("Music");
  page.text("The first " + number(kExcerpt, 0) +
            " seconds; whole pieces are the .mid files in the runs' folders. In the pictures the "
            "true piece is above.");
  const auto add = [&](const RunResult& run, const std::string& setting) {
    const fs::path file = folder / run.name / file_name(setting);
    const std::string caption = run.name + ", " + setting;
    add_image(page, file.string() + ".png", caption);
    add_sound(page, file.string() + ".wav", caption);
  };
  const RunResult& first = *variants[0].second[0];
  add_sound(page, folder / first.name / "truth.wav", "the true piece: " + first.data);
  for (const Variant& v : variants) {
    const RunResult& run = *v.second[0];
    for (const auto& [setting, unused] : run.metrics.at("settings").items()) {
      const bool wanted = v.first == "baseline" || setting == "tau 1" || setting == "primed" ||
                          setting.starts_with("tempo");
      if (wanted && (setting != "primed" || v.first == "baseline" || v.first == "corpus")) {
        add(run, setting);
      }
    }
  }
}

void data_section(Report& page, const Variants& variants) {
  page.section("Data");
  std::set<std::string> told;
  for (const Variant& v : variants) {
    const Json& result = v.second[0]->result;
    if (!told.insert(v.second[0]->data).second) continue;
    page.text(data_description(result, result.at("notes")));
  }
}

Report page_of(const fs::path& folder, Json& summary) {
  const std::vector<RunResult> runs = read_runs(folder, summary, read_run);
  const Variants variants = group_runs(runs, &RunResult::variant);
  require_same_data(folder, variants);
  const Columns columns = columns_of(variants);
  summary["table"] = comparison_json(columns);

  Report page("Performance LSTM: " + runs[0].data);
  page.summary(summary_text(variants, columns));
  const auto has = [&](const char* table) {
    return std::ranges::any_of(columns, [&](const Column& c) { return c.table == table; });
  };
  if (has("temperature")) temperature_section(page, columns);
  if (has("primed")) primed_section(page, columns);
  if (has("tempo")) tempo_section(page, columns);
  if (const Variant* corpus = find_variant(variants, "corpus"))
    corpus_section(page, *corpus, columns);
  progress_section(page, variants);
  distribution_section(page, columns);
  music_section(page, folder, variants);
  data_section(page, variants);
  return page;
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  return write_report_page(folder, std::move(summary),
                           [&](Json& completed) { return page_of(folder, completed); });
}

}  // namespace etude::performance_lstm
