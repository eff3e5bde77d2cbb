#include "models/music_gpt/tables.h"

#include <algorithm>
#include <map>
#include <set>

#include "models/music_gpt/reference.h"

namespace etude::music_gpt {
namespace {

std::string cell(const Measured& m, const std::string& measure, int decimals = kDecimals) {
  return mean_and_sd(m.of_pieces(measure), decimals);
}

void add_differences(std::vector<std::string>& row, const std::optional<Distance>& d) {
  for (const double Distance::*part : {&Distance::h1, &Distance::h4, &Distance::gs_32}) {
    row.push_back(d ? signed_number((*d).*part) : "");
  }
}

void add_counts(std::vector<std::string>& row, const Measured& m) {
  row.push_back(std::to_string(m.pieces()));
  row.push_back(std::to_string(m.failed.size()));
}

const Measured* milestone(const std::vector<Measured>& rows, const std::string& percent,
                          const std::string& setting) {
  const auto found = std::ranges::find_if(
      rows, [&](const Measured& m) { return m.of == percent && m.setting == setting; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

Table closeness_table(const Results& results, const std::vector<Way>& ways) {
  Table t{{"", "ΔH1", "ΔH4", "ΔGS, Q = 32", "H1", "H4", "GS, Q = 32", "pieces", "failed"}, {}};
  const auto add = [&](const std::string& name, const std::optional<Distance>& d,
                       const Measured& m) {
    std::vector<std::string> row{name};
    add_differences(row, d);
    for (const char* measure : {"h1", "h4", "gs_32"}) row.push_back(cell(m, measure));
    add_counts(row, m);
    t.rows.push_back(row);
  };
  add("real music, whole pieces", {}, results.real.whole);
  add("real music, excerpts", distance(results.real, results.real.excerpts), results.real.excerpts);
  std::vector<std::string> reported{"the report's choice"};
  add_differences(reported, reported_distance(results));
  for (const double value : {kReportedPick.h1, kReportedPick.h4, kReportedPick.gs_32}) {
    reported.push_back(number(value, kDecimals));
  }
  reported.insert(reported.end(), 2, "");
  t.rows.push_back(reported);
  for (const Way& way : ways) {
    add(way.name(), distance(results.real, way.measured), way.measured);
  }
  return t;
}

Table structure_table(const Results& results, const std::vector<Way>& ways) {
  Table t{{"", "GS, Q = 16", "GS, Q = 64", "SI short", "SI mid", "SI long", "notes", "seconds"},
          {}};
  const auto add = [&](const std::string& name, const Measured& m) {
    std::vector<std::string> row{name};
    for (const char* measure : {"gs_16", "gs_64", "si_short", "si_mid", "si_long"}) {
      row.push_back(cell(m, measure));
    }
    row.push_back(cell(m, "notes", 0));
    row.push_back(cell(m, "seconds", 1));
    t.rows.push_back(row);
  };
  add("real music, whole pieces", results.real.whole);
  add("real music, excerpts", results.real.excerpts);
  for (const Way& way : ways) add(way.name(), way.measured);
  return t;
}

Table grid_table(const Results& results) {
  Table t{{"", "%", "H1, report", "H1", "H4, report", "H4", "GS, Q = 32, report", "GS, Q = 32",
           "failed"},
          {}};
  std::set<std::pair<std::string, std::string>> shown;
  const auto add = [&](const std::string& variant, const std::string& percent,
                       const ReportedRow* theirs, const Measured* ours) {
    if (!shown.emplace(variant, percent).second) return;
    std::vector<std::string> row{variant, percent};
    const auto both = [&](double ReportedRow::*reported, const char* measure) {
      row.push_back(theirs ? number(theirs->*reported, kDecimals) : "");
      row.push_back(ours ? cell(*ours, measure) : "");
    };
    both(&ReportedRow::h1, "h1");
    both(&ReportedRow::h4, "h4");
    both(&ReportedRow::gs_32, "gs_32");
    row.push_back(ours ? std::to_string(ours->failed.size()) : "");
    t.rows.push_back(row);
  };
  std::map<std::string, std::vector<Measured>> ours;
  for (const Variant& v : results.variants) ours[v.first] = together(v, &RunResult::milestones);
  for (const ReportedRow& row : kReported) {
    const std::string percent = std::to_string(row.epoch);
    add(row.variant(), percent, &row, milestone(ours[row.variant()], percent, kReportedSetting));
  }
  for (const Variant& v : results.variants) {
    for (const Measured& m : ours[v.first]) {
      if (m.setting == kReportedSetting) add(v.first, m.of, nullptr, &m);
    }
  }
  return t;
}

Table milestones_table(const Results& results, const std::string& setting) {
  Table t{{"", "%", "H1", "H4", "GS, Q = 16", "GS, Q = 32", "GS, Q = 64", "pieces", "failed"}, {}};
  for (const Variant& v : results.variants) {
    for (const Measured& m : together(v, &RunResult::milestones)) {
      if (m.setting != setting) continue;
      std::vector<std::string>& row = t.rows.emplace_back(std::vector{v.first, m.of});
      for (const char* measure : {"h1", "h4", "gs_16", "gs_32", "gs_64"}) {
        row.push_back(cell(m, measure));
      }
      add_counts(row, m);
    }
  }
  return t;
}

Table tokenizers_table(const std::vector<Variant>& variants) {
  Table t{{"", "nats per note", "nats per token", "tokens per note", "vocabulary", "notes"}, {}};
  for (const Variant& v : variants) {
    t.rows.push_back({v.first, mean_and_sd(of_runs(v, &RunResult::nats_per_note), kDecimals),
                      mean_and_sd(of_runs(v, &RunResult::nats_per_token), kDecimals),
                      number(v.second[0]->tokens_per_note(), 2),
                      number(of_results(v, "vocabulary")[0], 0), number(v.second[0]->notes, 0)});
  }
  return t;
}

Table training_table(const std::vector<Variant>& variants) {
  Table t{{"", "seeds", "layers", "heads", "width", "context", "numbers", "parameters", "steps",
           "tokens", "passes", "seconds"},
          {}};
  for (const Variant& v : variants) {
    const auto of = [&](const char* key) { return of_results(v, key)[0]; };
    std::vector<std::string> row{v.first, std::to_string(v.second.size())};
    for (const char* key : {"layers", "heads", "width", "context"}) {
      row.push_back(number(of(key), 0));
    }
    row.push_back(v.second[0]->result.at("compute"));
    for (const char* key : {"parameters", "iterations", "tokens_seen"}) {
      row.push_back(number(of(key), 0));
    }
    row.push_back(number(of("tokens_seen") / of("train_tokens"), 1));
    row.push_back(mean_and_sd(of_results(v, "train_seconds"), 0));
    t.rows.push_back(row);
  }
  return t;
}

Table continuations_table(const std::vector<Variant>& variants) {
  Table t{{"song", "tokenizer", "setting", "H1", "H4", "GS, Q = 32", "SI short", "SI mid",
           "SI long", "failed"},
          {}};
  for (const Variant& v : variants) {
    for (const Measured& m : together(v, &RunResult::prompts)) {
      std::vector<std::string> row{m.of, v.first, m.setting};
      for (const char* measure : {"h1", "h4", "gs_32", "si_short", "si_mid", "si_long"}) {
        row.push_back(cell(m, measure));
      }
      row.push_back(std::to_string(m.failed.size()));
      t.rows.push_back(row);
    }
  }
  std::ranges::stable_sort(t.rows, {}, [](const auto& row) { return row[0]; });
  return t;
}

}  // namespace etude::music_gpt
