#pragma once
// What the report pages of the experiments share.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/run/run_folder.h"
#include "eval/plot.h"
#include "eval/report.h"

namespace etude {

/// `value` with so many decimals; "" for NaN, which is a number that nobody gave.
std::string number(double value, int decimals);

/// "0.65 ± 0.02" of several runs, "0.65" of one; NaN is left out, and of nothing else comes "".
/// With 0 decimals it is a count, whose mean over several runs gets one.
std::string mean_and_sd(std::span<const double> values, int decimals);

/// "a, b, c".
std::string joined(const std::vector<std::string>& names);

/// Sets row[key] to the mean of the values and, of several, row[key_sd] to their deviation, as the
/// tables of READMEs are made from. NaN as above; of nothing else neither is set.
void add_mean(Json& row, const std::string& key, std::span<const double> values);

/// A number of a result file; NaN for null, which stands for what is not known or not finite.
double number_or_nan(const Json& value);

/// Calls read(); what it finds missing in JSON, or of another kind, is an Error that names `file`.
void blame(const std::filesystem::path& file, const std::function<void()>& read);

/// A value by the step it was logged at.
using Curve = std::vector<std::pair<double, double>>;

/// The values of `key` in the lines of a log that have it; `steps` of them make a point, their mean
/// at the last.
Curve log_curve(const std::vector<Json>& log, const std::string& key, int steps = 1);

/// Adds a curve to a plot, if it has a point.
void add_curve(LinePlot& plot, const std::string& name, const Curve& curve);

/// Runs by what `kind` names of them (a variant, a strategy), in the order of the first of each.
template <class Run>
std::vector<std::pair<std::string, std::vector<const Run*>>> group_runs(
    const std::vector<Run>& runs, std::string Run::*kind) {
  std::vector<std::pair<std::string, std::vector<const Run*>>> groups;
  for (const Run& run : runs) {
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& known) { return known.first == run.*kind; });
    if (group == groups.end()) group = groups.insert(group, {run.*kind, {}});
    group->second.push_back(&run);
  }
  return groups;
}

/// Error unless the runs of each group were trained on the same data.
template <class Run>
void require_same_data(const std::filesystem::path& folder,
                       const std::vector<std::pair<std::string, std::vector<const Run*>>>& groups) {
  for (const auto& [kind, runs] : groups) {
    for (const Run* run : runs) {
      require(run->result.at("data_hash") == runs[0]->result.at("data_hash"), folder.string(), ": ",
              run->name, " and ", runs[0]->name, " were trained on different data");
    }
  }
}

/// Adds a PNG or WAV file to the page. False, and nothing is added, if there is no such file: not
/// every build can make all of them.
bool add_image(Report& page, const std::filesystem::path& png, const std::string& caption,
               bool pixelated = false);
bool add_sound(Report& page, const std::filesystem::path& wav, const std::string& caption);

/// Name and hash of the data set that summary.json gives, then what is to be known about it.
std::string data_description(const Json& summary, const Json& notes);

/// The runs that summary["runs"] names, each by read(folder, name). Error if it names none.
template <class Run>
std::vector<Run> read_runs(const std::filesystem::path& folder, const Json& summary,
                           Run (*read)(const std::filesystem::path&, const std::string&)) {
  std::vector<Run> runs;
  for (const std::string name : summary.at("runs")) runs.push_back(read(folder, name));
  require(!runs.empty(), (folder / "summary.json").string(), ": lists no runs");
  return runs;
}

/// Writes report.html into `folder`: what fill(summary) says, then how to get the same page again,
/// from the record that provenance() (models/driver.h) left; and summary.json, which `fill` may
/// complete. What is missing there is an Error that names it. Returns the page.
std::filesystem::path write_report_page(const std::filesystem::path& folder, Json summary,
                                        const std::function<Report(Json& summary)>& fill);

}  // namespace etude
