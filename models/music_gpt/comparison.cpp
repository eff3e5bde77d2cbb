#include "models/music_gpt/comparison.h"

#include <algorithm>
#include <cmath>

#include "eval/metrics.h"
#include "models/music_gpt/reference.h"

namespace etude::music_gpt {
namespace {

constexpr const char* kMeasures[] = {"h1",    "h4",       "gs_16",  "gs_32",
                                     "gs_64", "si_short", "si_mid", "si_long"};

double mean_of(const Measured& m, const std::string& measure) {
  std::vector<double> values = m.of_pieces(measure);
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return values.empty() ? NAN : mean_sd(values).mean;
}

Distance differences(const Real& real, double h1, double h4, double gs_32) {
  return {h1 - mean_of(real.whole, "h1"), h4 - mean_of(real.whole, "h4"),
          gs_32 - mean_of(real.whole, "gs_32")};
}

}  // namespace

bool Results::reported_music() const { return data == kReportedData; }

std::vector<Way> ways_of(const std::vector<Variant>& variants) {
  std::vector<Way> ways;
  for (const Variant& v : variants) {
    for (Measured& m : together(v, &RunResult::settings)) ways.push_back({&v, std::move(m)});
  }
  return ways;
}

double Distance::greatest() const {
  return std::max({std::abs(h1), std::abs(h4), std::abs(gs_32)});
}

std::optional<Distance> distance(const Real& real, const Measured& m) {
  if (m.pieces() == 0) return {};
  return differences(real, mean_of(m, "h1"), mean_of(m, "h4"), mean_of(m, "gs_32"));
}

std::optional<Distance> reported_distance(const Results& results) {
  if (!results.reported_music()) return {};
  return differences(results.real, kReportedPick.h1, kReportedPick.h4, kReportedPick.gs_32);
}

const Way* nearest(const std::vector<Way>& ways, const Real& real) {
  const Way* best = nullptr;
  double least = INFINITY;
  for (const Way& way : ways) {
    const std::optional<Distance> d = distance(real, way.measured);
    const bool mostly_failed = way.measured.failed.size() > way.measured.pieces();
    if (!d || d->greatest() >= least || mostly_failed) continue;
    best = &way;
    least = d->greatest();
  }
  return best;
}

std::string signed_number(double value) {
  return (value >= 0 ? "+" : "") + number(value, kDecimals);
}

namespace {

void add_measures(Json& row, const Measured& m) {
  for (const char* measure : kMeasures) add_mean(row, measure, m.of_pieces(measure));
  row["pieces"] = m.pieces();
  row["failed"] = m.failed.size();
}

void add_differences(Json& row, const std::optional<Distance>& d) {
  if (!d) return;
  row["d_h1"] = d->h1;
  row["d_h4"] = d->h4;
  row["d_gs_32"] = d->gs_32;
}

Json reported_json(const ReportedRow& reported) {
  return {{"h1", reported.h1}, {"h4", reported.h4}, {"gs_32", reported.gs_32}};
}

Json closeness_json(const Results& results, const std::vector<Way>& ways) {
  Json rows = Json::array();
  const auto add = [&](const std::string& name, const char* source, const Json& more,
                       const std::optional<Distance>& d) {
    Json row{{"table", "closeness"}, {"row", name}, {"source", source}};
    row.update(more);
    add_differences(row, d);
    rows.push_back(row);
  };
  const auto measures = [](const Measured& m) {
    Json row;
    add_measures(row, m);
    return row;
  };
  const Real& real = results.real;
  add("real music, whole pieces", "real", measures(real.whole), {});
  add("real music, excerpts", "real", measures(real.excerpts), distance(real, real.excerpts));
  add("the report's choice", "report", reported_json(kReportedPick), reported_distance(results));
  for (const Way& way : ways) {
    Json row{{"variant", way.variant->first},
             {"setting", way.measured.setting},
             {"data", results.data},
             {"seeds", way.variant->second.size()}};
    add_measures(row, way.measured);
    for (const char* measure : {"notes", "tokens", "seconds"}) {
      add_mean(row, measure, way.measured.of_pieces(measure));
    }
    add(way.name(), "ours", row, distance(real, way.measured));
  }
  return rows;
}

Json grid_json(const Results& results) {
  Json rows = Json::array();
  const auto add = [&](const std::string& variant, int percent, const char* setting,
                       const char* source, const Json& more) {
    Json row{{"table", "grid"},    {"row", variant + ", " + std::to_string(percent)},
             {"source", source},   {"variant", variant},
             {"percent", percent}, {"setting", setting}};
    row.update(more);
    rows.push_back(row);
  };
  for (const ReportedRow& row : kReported) {
    add(row.variant(), row.epoch, kReportedSetting, "report", reported_json(row));
  }
  for (const Variant& v : results.variants) {
    for (const Measured& m : together(v, &RunResult::milestones)) {
      Json row;
      add_measures(row, m);
      add(v.first, std::stoi(m.of), m.setting.c_str(), "ours", row);
    }
  }
  return rows;
}

Json tokenizers_json(const std::vector<Variant>& variants) {
  Json rows = Json::array();
  for (const Variant& v : variants) {
    const Json& first = v.second[0]->result;
    Json row{
        {"table", "tokenizers"}, {"row", v.first}, {"source", "ours"}, {"seeds", v.second.size()}};
    add_mean(row, "nats_per_note", of_runs(v, &RunResult::nats_per_note));
    add_mean(row, "nats_per_token", of_runs(v, &RunResult::nats_per_token));
    row["tokens_per_note"] = v.second[0]->tokens_per_note();
    for (const char* key : {"vocabulary", "parameters", "iterations", "tokens_seen", "layers",
                            "width", "context", "compute"}) {
      row[key] = first.at(key);
    }
    add_mean(row, "train_seconds", of_results(v, "train_seconds"));
    rows.push_back(row);
  }
  return rows;
}

}  // namespace

Json comparison_json(const Results& results, const std::vector<Way>& ways) {
  Json all = Json::array();
  for (const Json& part :
       {closeness_json(results, ways), grid_json(results), tokenizers_json(results.variants)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace etude::music_gpt
