#include "models/music_gpt/report.h"

#include <algorithm>
#include <cmath>

#include "eval/metrics.h"
#include "eval/plot.h"
#include "models/music_gpt/comparison.h"
#include "models/music_gpt/reference.h"
#include "models/music_gpt/tables.h"

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

using Ways = std::vector<Way>;

std::string words(const Distance& d) {
  return signed_number(d.h1) + " in H1, " + signed_number(d.h4) + " in H4 and " +
         signed_number(d.gs_32) + " in GS (Q = 32)";
}

std::string summary_text(const Results& results, const Way* best) {
  std::string text;
  if (best) {
    const std::size_t failed = best->measured.failed.size();
    const std::string failures =
        failed == 0 ? "" : " (" + std::to_string(failed) + " more never came to their end)";
    text = "Nearest to the real music of " + results.data + " is " + best->name() +
           ". It differs by " + words(*distance(results.real, best->measured)) + ", means over " +
           std::to_string(best->measured.pieces()) + " generated pieces" + failures + " of " +
           std::to_string(best->variant->second.size()) +
           (best->variant->second.size() == 1 ? " seed." : " seeds.");
  } else {
    text = "None of the generated pieces could be measured.";
  }
  const std::string choice = "\n\nThe report's choice (BabyLM GPT-2, REMI, epoch 100: H1 " +
                             number(kReportedPick.h1, 3) + ", H4 " + number(kReportedPick.h4, 3) +
                             ", GS " + number(kReportedPick.gs_32, 3) + " at Q = 32) ";
  if (const std::optional<Distance> d = reported_distance(results)) {
    return text + choice + "differs from the same real music by " + words(*d) + ".";
  }
  return text + choice +
         "learned from other music, Pop1K7, so its distance from this music would say nothing.";
}

void closeness_section(Report& page, const Results& results, const Ways& ways) {
  page.section("Closeness to the real music");
  page.text(
      "The aim is to measure the same on generated music as on real music, not to measure much: a "
      "piece that repeats one bar for ever has the greatest GS. Δ is the mean of a row less that "
      "of the real music's whole pieces; nearest is the row whose greatest Δ, whatever its sign, "
      "is the least. It is the best of all rows, so a part of its nearness is luck: compare the "
      "row of the excerpts. Pieces that never came to their end are in no mean.");
  page.text(
      "H1: how evenly a bar uses the twelve pitch classes (C, C sharp and so on); the entropy in "
      "bits, 0 if all its notes are one, 3.585 if all twelve are equally frequent. H4: the same "
      "of four bars together.\n\n"
      "GS: how alike the rhythms of two bars of the piece are, averaged over all pairs; 1 if "
      "notes start at the same places in every bar. A bar is divided into Q places, and GS "
      "depends on Q, so only columns of one Q compare. The report's is at Q = 32.");
  page.table(closeness_table(results, ways));
  page.text(
      "A row is a variant and a setting: what the network was trained with, and how its next token "
      "is drawn. default, balanced, creative and conservative are the report's settings; plain "
      "draws from what the network says, nucleus leaves out the unlikely twentieth. Mean ± "
      "standard deviation over the pieces of all seeds; the mean itself is uncertain by about "
      "that deviation divided by the root of the number of pieces. Excerpts are as many bars of "
      "held-out pieces as are generated: their Δ is what chance and the cut alone make. The report "
      "does not say of how many pieces its numbers are.");
  page.text(
      "SI: how much of the piece is repetition, heard in its sound, of passages of 3 to 8 (short), "
      "8 to 15 (mid) and 15 to 128 seconds (long); 0 if nothing comes again. notes and "
      "seconds are those of a piece.");
  page.table(structure_table(results, ways));
}

/// A measure over the training: ours, the report's beside it, and the real music as a line.
LinePlot milestones_plot(const Results& results, const std::string& title,
                         const std::string& measure, double ReportedRow::*reported) {
  LinePlot plot{
      .title = title, .x_label = "epoch of 100, or % of our steps", .y_label = title, .series = {}};
  for (const Variant& v : results.variants) {
    Curve curve, theirs;
    for (const Measured& m : together(v, &RunResult::milestones)) {
      if (m.setting != kReportedSetting || m.pieces() == 0) continue;
      curve.emplace_back(std::stod(m.of), mean_sd(m.of_pieces(measure)).mean);
    }
    for (const ReportedRow& row : kReported) {
      if (row.variant() == v.first) theirs.emplace_back(row.epoch, row.*reported);
    }
    if (curve.empty()) continue;
    add_curve(plot, v.first, curve);
    add_curve(plot, v.first + ", report", theirs);
  }
  plot.references = {{"real music", mean_sd(results.real.whole.of_pieces(measure)).mean}};
  return plot;
}

void grid_section(Report& page, const Results& results) {
  page.section("The report's grid");
  page.text(
      "The report generates after 10, 30, 50, 70, 90 and 100 of its 100 epochs, at top-k 5, "
      "temperature 1.2 and repetition penalty 1.2; ours are in the same setting (default), after "
      "the same share (%) of the steps. A network begins with random weights, or, where a row has "
      "_text, with those of a GPT-2 that was trained on text (the report's BabyLM).");
  if (!results.reported_music()) {
    page.text("Ours learned from other music: only the course of the numbers compares.");
  }
  page.table(grid_table(results));
  for (const LinePlot& plot :
       {milestones_plot(results, "H4", "h4", &ReportedRow::h4),
        milestones_plot(results, "GS, Q = 32", "gs_32", &ReportedRow::gs_32)}) {
    if (!plot.series.empty()) page.figure(draw(plot), "");
  }
  Table plain = milestones_table(results, "plain");
  if (plain.rows.empty()) return;
  plain.caption = "Ours as the network itself would have it: the setting plain";
  page.table(plain);
}

void tokenizers_section(Report& page, const Results& results) {
  page.section("Tokenizers");
  page.text(
      "Nats tell how well the network foresees pieces that it never saw: the less, the better; "
      "one nat less is a guess 2.7 times as likely. Per note they nearly compare across "
      "tokenizers, "
      "since the notes are the same, but remi rounds lengths that midilike says, remi_plus pays "
      "for time signatures, and a tokenizer with more tokens per note sees less music at once; per "
      "token they do not compare at all. Of the network that was best on a part of these pieces; "
      "mean ± standard deviation over seeds.");
  page.table(tokenizers_table(results.variants));
}

void progress_section(Report& page, const Results& results) {
  page.section("Course of training");
  page.text(
      "Of each variant's network: its size, the steps and the tokens it was trained with, how many "
      "times over the music that is, and the time of one run.");
  page.table(training_table(results.variants));
  const auto plot = [&](const char* title, const char* unit, Curve RunResult::*curve,
                        const char* caption) {
    LinePlot p{.title = title, .x_label = "step", .y_label = unit, .series = {}};
    for (const Variant& v : results.variants) add_curve(p, v.first, v.second[0]->*curve);
    if (!p.series.empty()) page.figure(draw(p), caption);
  };
  plot("Training", "nats per token", &RunResult::train_nats,
       "Means of 20 steps, with dropout; the first seed of each.");
  plot("Held-out pieces", "nats per token", &RunResult::held_out_per_token,
       "Of a part of the held-out pieces; it rises again where the network learns its pieces by "
       "heart.");
  plot("Held-out pieces, across tokenizers", "nats per note", &RunResult::held_out_per_note,
       "Of the same part.");
}

/// Picture and sound of figure NAME of a run.
void add_figure(Report& page, const fs::path& folder, const RunResult& run, const std::string& name,
                bool sound) {
  const std::string caption = run.name + ", " + name;
  add_image(page, folder / run.name / (name + ".png"), caption);
  if (sound) add_sound(page, folder / run.name / (name + ".wav"), caption);
}

void continuations_section(Report& page, const fs::path& folder, const Results& results,
                           const Variant& shown) {
  const Table table = continuations_table(results.variants);
  if (table.rows.empty()) return;
  page.section("Continuations");
  page.text(
      "The first bars of each song are given, and the network goes on; the measures are of both "
      "together. One piece of each seed.");
  page.table(table);
  page.text(
      "Below those of " + shown.first +
      ", with sound in the first setting of each song; those of the other variants are in the "
      "folders of their first seed's runs.");
  std::string song;
  for (const Measured& m : shown.second[0]->prompts) {
    add_figure(page, folder, *shown.second[0], m.of + "-" + m.setting, m.of != song);
    song = m.of;
  }
}

/// The setting of a variant that is nearest to the real music, and if the variant is shown in full
/// the report's and the network's own.
void music_section(Report& page, const fs::path& folder, const Results& results, const Ways& ways,
                   const Variant& shown) {
  page.section("Music");
  page.text(
      "The first piece of each variant's nearest setting, and of " + shown.first +
      " also as the report generates (default) and as the network itself would have it "
      "(plain). Time goes to the right, pitch upwards; the first pieces of the other settings "
      "are the .mid files in the folders of the first seed's runs.");
  for (const Variant& v : results.variants) {
    Ways own;
    std::ranges::copy_if(ways, std::back_inserter(own),
                         [&](const Way& way) { return way.variant == &v; });
    const Way* best = nearest(own, results.real);
    for (const Way& way : own) {
      const std::string& setting = way.measured.setting;
      const bool told = &v == &shown && (setting == kReportedSetting || setting == "plain");
      if (told || (best && setting == best->measured.setting)) {
        add_figure(page, folder, *v.second[0], setting, true);
      }
    }
  }
  for (const Measured& m : shown.second[0]->settings) {
    const fs::path scape = folder / shown.second[0]->name / (m.setting + "-scape.png");
    if (!fs::exists(scape)) continue;
    page.text(
        "Where repetition is: each point is a passage, its middle to the right and its length "
        "upwards, up to 128 seconds. The darker, the more of the piece is its repetition; SI is "
        "the darkest point of a range of lengths.");
    add_image(page, scape, shown.second[0]->name + ", " + m.setting, true);
  }
}

void data_section(Report& page, const Results& results) {
  const RunResult& first = *results.variants[0].second[0];
  page.section("Data");
  page.text("Trained on " + number(of_results(results.variants[0], "pieces")[0], 0) +
            " pieces, measured on " +
            number(of_results(results.variants[0], "held_out_pieces")[0], 0) +
            " others. The real music's rows are of all of them.");
  page.text(data_description(first.result, first.result.at("notes")));
  Table t{{"", "tokens to train on", "content hash", "tokenizer"}, {}};
  for (const Variant& v : results.variants) {
    const Json& result = v.second[0]->result;
    t.rows.push_back({v.first, number(of_results(v, "train_tokens")[0], 0), result.at("data_hash"),
                      result.at("tokenizer")});
  }
  page.table(t);
}

/// Every piece that could not be measured, and why.
std::string failures(const Results& results) {
  std::string text;
  const auto add = [&](const std::string& where, const Measured& m) {
    for (const std::string& why : m.failed) text += where + ": " + why + "\n";
  };
  add("real music, whole pieces", results.real.whole);
  add("real music, excerpts", results.real.excerpts);
  for (const Variant& v : results.variants) {
    for (const RunResult* run : v.second) {
      for (const auto part : {&RunResult::settings, &RunResult::milestones, &RunResult::prompts}) {
        for (const Measured& m : run->*part) {
          const std::string of = part == &RunResult::milestones ? m.of + " %" : m.of;
          add(run->name + (of.empty() ? "" : ", " + of) + ", " + m.setting, m);
        }
      }
    }
  }
  return text;
}

void failures_section(Report& page, const Results& results) {
  const std::string text = failures(results);
  if (text.empty()) return;
  page.section("Pieces that failed");
  page.text(
      "These are in no mean: the network never came to the end of their bars, or left them without "
      "a note.");
  page.details(std::to_string(std::ranges::count(text, '\n')) + " pieces", text);
}

Report page_of(const fs::path& folder, Json& summary) {
  const std::vector<RunResult> runs = read_runs(folder, summary, read_run);
  const Results results{.real = read_real(folder),
                        .data = runs[0].data,
                        .variants = group_runs(runs, &RunResult::variant)};
  for (const RunResult& run : runs) {
    require(run.data == results.data, folder.string(), ": ", run.name, " and ", runs[0].name,
            " were trained on different data");
  }
  require_same_data(folder, results.variants);
  const Ways ways = ways_of(results.variants);
  summary["table"] = comparison_json(results, ways);

  const Way* best = nearest(ways, results.real);
  const Variant& shown = best ? *best->variant : results.variants[0];
  Report page("Music transformer: " + results.data);
  page.summary(summary_text(results, best));
  closeness_section(page, results, ways);
  grid_section(page, results);
  tokenizers_section(page, results);
  progress_section(page, results);
  continuations_section(page, folder, results, shown);
  music_section(page, folder, results, ways, shown);
  failures_section(page, results);
  data_section(page, results);
  return page;
}

}  // namespace

fs::path write_report(const fs::path& folder, Json summary) {
  return write_report_page(folder, std::move(summary),
                           [&](Json& completed) { return page_of(folder, completed); });
}

}  // namespace etude::music_gpt
