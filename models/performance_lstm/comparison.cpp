#include "models/performance_lstm/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "eval/metrics.h"
#include "models/performance_lstm/measure.h"
#include "models/performance_lstm/reference.h"
#include "models/report_parts.h"

namespace etude::performance_lstm {
namespace {

constexpr std::pair<const char*, const char*> kMeasures[] = {
    {"l1", "L1"}, {"l2", "L2"}, {"kl_pq", "KL(p‖q)"}, {"kl_qp", "KL(q‖p)"}};
constexpr int kDecimals = 4;

const ReportedCells* reported(const std::string& table, const std::string& heading) {
  const auto found = std::ranges::find_if(kReported, [&](const ReportedCells& cells) {
    return cells.table == table && cells.setting == heading;
  });
  return found == kReported.end() ? nullptr : &*found;
}

const std::array<double, 4>& cells_of(const ReportedCells& r, int property) {
  return property == 0 ? r.pitch : property == 1 ? r.duration : r.velocity;
}

double reported_average(const ReportedCells& r, int property) {
  const auto& cells = cells_of(r, property);
  return (cells[0] + cells[1] + cells[2] + cells[3]) / 4;
}

double reported_overall(const ReportedCells& r) {
  return (reported_average(r, 0) + reported_average(r, 1) + reported_average(r, 2)) / 3;
}

std::vector<double> values(const Column& c, std::vector<std::string> path) {
  return cell(*c.variant, c.setting, path);
}

std::vector<double> overall_values(const Column& c, int bins = 10) {
  return values(c, {bins_name(bins), "overall"});
}

Json reported_json(const ReportedCells& r) {
  Json row{{"table", r.table}, {"row", r.setting}, {"source", "report"}};
  for (int p = 0; p < 3; ++p) {
    const std::string property = kProperties[p].first;
    for (int m = 0; m < 4; ++m) row[property + "_" + kMeasures[m].first] = cells_of(r, p)[m];
    row[property] = reported_average(r, p);
  }
  row["overall"] = reported_overall(r);
  return row;
}

Json own_json(const Column& c) {
  const RunResult& first = *c.variant->second[0];
  Json row{{"table", c.table},
           {"row", c.heading},
           {"source", "ours"},
           {"data", first.data},
           {"seeds", c.variant->second.size()},
           {"pieces", overall_values(c).size()},
           {"iterations", first.result.at("iterations")},
           {"parameters", first.result.at("parameters")}};
  for (const auto& [property, unused] : kProperties) {
    for (const auto& [key, name] : kMeasures) {
      add_mean(row, std::string(property) + "_" + key, values(c, {"bins_10", property, key}));
    }
    add_mean(row, property, values(c, {"bins_10", property, "average"}));
  }
  add_mean(row, "overall", overall_values(c));
  add_mean(row, "overall_32", overall_values(c, 32));
  add_mean(row, "overall_full", overall_values(c, full_resolution));
  for (const char* key : {"seconds", "notes", "copied"}) add_mean(row, key, values(c, {key}));
  add_mean(row, "train_bits", run_values(*c.variant, "train_bits"));
  add_mean(row, "held_out_bits", run_values(*c.variant, "held_out_bits"));
  std::vector<double> seconds;
  for (const RunResult* run : c.variant->second) {
    seconds.push_back(number_or_nan(run->result.at("train_seconds")));
  }
  add_mean(row, "train_seconds", seconds);
  return row;
}

}  // namespace

const Variant* find_variant(const std::vector<Variant>& variants, const std::string& name) {
  const auto found = std::ranges::find(variants, name, &Variant::first);
  return found == variants.end() ? nullptr : &*found;
}

std::vector<Column> columns_of(const std::vector<Variant>& variants) {
  std::vector<Column> columns;
  const auto find = [&](const char* name) { return find_variant(variants, name); };
  const auto add = [&](const char* table, std::string heading, const Variant* variant,
                       const std::string& setting) {
    if (variant && has_setting(*variant, setting)) {
      columns.push_back({table, std::move(heading), variant, setting});
    }
  };
  if (const Variant* baseline = find("baseline")) {
    for (const auto& [name, row] : baseline->second[0]->metrics.at("settings").items()) {
      if (name.starts_with("tau ")) add("temperature", name, baseline, name);
    }
  }
  add("temperature", kTrueNotes, find("baseline"), kTrueNotes);
  add("primed", "tau 1", find("baseline"), "tau 1");
  add("primed", "primed", find("baseline"), "primed");
  for (const char* name : {"baseline", "both", "conditioning", "augmentation", "tempo"}) {
    add("tempo", name, find(name), "tau 1");
  }
  for (const char* setting : {"tempo 0.8", "tempo 1.2"})
    add("tempo", setting, find("tempo"), setting);
  for (const char* setting : {"tau 0.8", "tau 1", "primed", kTrueNotes}) {
    add("corpus", setting, find("corpus"), setting);
  }
  return columns;
}

Json comparison_json(const std::vector<Column>& columns) {
  Json rows = Json::array();
  for (const ReportedCells& cells : kReported) rows.push_back(reported_json(cells));
  for (const Column& column : columns) rows.push_back(own_json(column));
  return rows;
}

Table averages_table(const std::vector<Column>& columns, const std::string& table) {
  Table t{{"", "average, report", "average", "copied %", "seconds", "pitch, report", "pitch",
           "duration, report", "duration", "velocity, report", "velocity", "32 bins", "full"},
          {}};
  for (const Column& c : columns) {
    if (c.table != table) continue;
    const ReportedCells* theirs = reported(c.table, c.heading);
    std::vector<std::string> row{c.heading};
    row.push_back(theirs ? number(reported_overall(*theirs), kDecimals) : "");
    row.push_back(mean_and_sd(overall_values(c), kDecimals));
    std::vector<double> copied = values(c, {"copied"});
    for (double& share : copied) share *= 100;
    row.push_back(mean_and_sd(copied, 1));
    row.push_back(mean_and_sd(values(c, {"seconds"}), 1));
    for (int p = 0; p < 3; ++p) {
      row.push_back(theirs ? number(reported_average(*theirs, p), kDecimals) : "");
      row.push_back(
          mean_and_sd(values(c, {"bins_10", kProperties[p].first, "average"}), kDecimals));
    }
    row.push_back(mean_and_sd(overall_values(c, 32), kDecimals));
    row.push_back(mean_and_sd(overall_values(c, full_resolution), kDecimals));
    t.rows.push_back(row);
  }
  return t;
}

Table cells_table(const std::vector<Column>& columns, const std::string& table) {
  Table t{{""}, {}};
  std::vector<const Column*> shown;
  for (const Column& c : columns) {
    if (c.table != table) continue;
    shown.push_back(&c);
    if (reported(c.table, c.heading)) t.columns.push_back(c.heading + ", report");
    t.columns.push_back(c.heading);
  }
  for (int p = 0; p < 3; ++p) {
    for (int m = 0; m < 4; ++m) {
      std::vector<std::string> row{std::string(kProperties[p].first) + " " + kMeasures[m].second};
      for (const Column* c : shown) {
        const ReportedCells* theirs = reported(c->table, c->heading);
        if (theirs) row.push_back(number(cells_of(*theirs, p)[m], kDecimals));
        row.push_back(mean_and_sd(values(*c, {"bins_10", kProperties[p].first, kMeasures[m].first}),
                                  kDecimals));
      }
      t.rows.push_back(row);
    }
  }
  return t;
}

double overall(const Column& column) {
  const std::vector<double> all = overall_values(column);
  return all.empty() ? NAN : mean_sd(all).mean;
}

double reported_overall(const std::string& table, const std::string& heading) {
  const ReportedCells* theirs = reported(table, heading);
  return theirs ? reported_overall(*theirs) : NAN;
}

const Column* best_temperature(const std::vector<Column>& columns) {
  const Column* best = nullptr;
  for (const Column& c : columns) {
    if (c.table != "temperature" || c.setting == kTrueNotes || std::isnan(overall(c))) continue;
    if (!best || overall(c) < overall(*best)) best = &c;
  }
  return best;
}

}  // namespace etude::performance_lstm
