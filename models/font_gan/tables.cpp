#include "models/font_gan/tables.h"

#include <algorithm>
#include <cmath>

#include "models/report_parts.h"

namespace etude::font_gan {
namespace {

/// What the reference reports give. Their letter "classifier" hashed pixel statistics (3.5 %
/// accuracy on real images), so these numbers say nothing about coverage; they are what was
/// reported.
struct Reference {
  const char* row;
  const char* variant;
  int coverage_any;
  double top_share;  // NaN: not given
  int samples;       // 0: not given
};
constexpr Reference kReferences[] = {
    {"report 000, vanilla", "vanilla", 17, 0.410, 1000},
    {"report 000, feature matching", "feature_matching", 20, 0.497, 1000},
    {"report 001, vanilla", "vanilla", 13, NAN, 0},
};

/// One column of the table.
struct Measure {
  const char* title;
  const char* key;
  double (*value)(const RunResult&);
  int decimals;
};
constexpr Measure kMeasures[] = {
    {"with a sample", "coverage_any",
     [](const RunResult& r) { return double(r.scores.coverage_any); }, 0},
    {"covered", "coverage", [](const RunResult& r) { return double(r.scores.coverage); }, 0},
    {"KL", "kl", [](const RunResult& r) { return r.scores.kl; }, 3},
    {"top share", "top_share", [](const RunResult& r) { return r.scores.top_share; }, 3},
    {"confident", "confident", [](const RunResult& r) { return r.scores.confident; }, 3},
    {"precision", "precision", [](const RunResult& r) { return r.scores.precision; }, 3},
    {"recall", "recall", [](const RunResult& r) { return r.scores.recall; }, 3},
    {"obeyed", "obeyed", [](const RunResult& r) { return r.obeyed; }, 3},
    {"s", "train_seconds", [](const RunResult& r) { return r.train_seconds; }, 0},
};

std::vector<double> values_of(const std::vector<const RunResult*>& runs, const Measure& measure) {
  std::vector<double> values;
  for (const RunResult* run : runs) values.push_back(measure.value(*run));
  return values;
}

std::string percent(double share) { return std::isnan(share) ? "" : number(100 * share, 1) + " %"; }

}  // namespace

Json comparison_json(const Groups& groups) {
  Json rows = Json::array();
  for (const Reference& reference : kReferences) {
    Json row{{"row", reference.row},
             {"source", "reference"},
             {"variant", reference.variant},
             {"coverage_any", reference.coverage_any}};
    if (reference.samples) row["samples"] = reference.samples;
    if (!std::isnan(reference.top_share)) row["top_share"] = reference.top_share;
    rows.push_back(row);
  }
  for (const auto& [kind, mine] : groups) {
    Json row{{"row", "ours, " + kind},
             {"source", "ours"},
             {"data", mine[0]->data},
             {"variant", mine[0]->variant},
             {"seeds", mine.size()},
             {"epochs", mine[0]->epochs},
             {"samples", mine[0]->scores.samples}};
    for (const Measure& measure : kMeasures) {
      add_mean(row, measure.key, values_of(mine, measure));
    }
    rows.push_back(row);
  }
  return rows;
}

Table comparison_table(const Groups& groups) {
  Table table;
  table.columns = {"run"};
  for (const Measure& measure : kMeasures) table.columns.emplace_back(measure.title);
  table.columns.insert(table.columns.end(), {"samples", "epochs", "seeds"});
  for (const Reference& reference : kReferences) {
    std::vector<std::string> row{reference.row};
    for (const Measure& measure : kMeasures) {
      const std::string key = measure.key;
      row.push_back(key == "coverage_any" ? std::to_string(reference.coverage_any)
                    : key == "top_share"  ? number(reference.top_share, 3)
                                          : "");
    }
    row.push_back(reference.samples ? std::to_string(reference.samples) : "");
    row.resize(table.columns.size());
    table.rows.push_back(row);
  }
  for (const auto& [kind, mine] : groups) {
    std::vector<std::string> row{"ours, " + kind};
    for (const Measure& measure : kMeasures) {
      row.push_back(mean_and_sd(values_of(mine, measure), measure.decimals));
    }
    row.push_back(std::to_string(mine[0]->scores.samples));
    row.push_back(std::to_string(mine[0]->epochs));
    row.push_back(std::to_string(mine.size()));
    table.rows.push_back(row);
  }
  return table;
}

std::string onset_text(const RunResult& run) {
  const auto onset = run.history.onset();
  return onset ? "epoch " + std::to_string(*onset) : "none";
}

Table runs_table(const std::vector<RunResult>& runs) {
  Table table{.columns = {"run", "covered", "most", "not covered", "collapse from",
                          "support (of real images)", "classifiers agree", "where sure",
                          "second: covered", "s"},
              .rows = {}};
  for (const RunResult& run : runs) {
    int most = 0;
    for (const auto& [epoch, scores] : run.history.evaluations) {
      most = std::max(most, scores.coverage);
    }
    const auto support = [](double value) {
      return std::isinf(value) ? std::string("no duplicates") : number(value, 0);
    };
    table.rows.push_back(
        {run.name, std::to_string(run.scores.coverage), std::to_string(most),
         run.scores.uncovered.empty() ? "none" : run.scores.uncovered, onset_text(run),
         support(run.scores.support) + " (" + support(run.scores.real_support) + ")",
         percent(run.second.agreement), percent(run.second.agreement_confident),
         std::to_string(run.second.coverage), number(run.train_seconds, 0)});
  }
  return table;
}

}  // namespace etude::font_gan
