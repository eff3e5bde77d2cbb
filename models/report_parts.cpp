#include "models/report_parts.h"

#include <cmath>

#include "engine/error.h"
#include "engine/run/config.h"
#include "eval/metrics.h"
#include "eval/text.h"

namespace etude {
namespace {

namespace fs = std::filesystem;

std::vector<double> known(std::span<const double> values) {
  std::vector<double> kept(values.begin(), values.end());
  std::erase_if(kept, [](double value) { return std::isnan(value); });
  return kept;
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The runs of a comparison may have been made by several starts of several builds, so it is they
/// who say by which and where; `summary` knows of the last start.
void name_makers(const fs::path& folder, Json& summary) {
  for (const char* key : {"commit", "machine"}) {
    std::vector<std::string> names;
    for (const Json& run : summary.value("runs", Json::array())) {
      const fs::path file = folder / run.get<std::string>() / "result.json";
      const Json result = fs::exists(file) ? read_json(file) : Json::object();
      const std::string name = result.value(key, summary.at(key).get<std::string>());
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    if (!names.empty()) summary[key] = joined(names);
  }
}

void add_provenance(Report& page, const Json& summary) {
  page.section("How this page was made");
  page.table({{"", "value"},
              {{"command", summary.at("command")},
               {"commit", summary.at("commit")},
               {"machine", summary.at("machine")},
               {"device", summary.at("device")},
               {"date", summary.at("date")},
               {"time of this command (s)", number(summary.at("seconds"), 0)}}});
  page.details("Settings", summary.at("config").get<std::string>());
}

}  // namespace

std::string number(double value, int decimals) {
  return std::isnan(value) ? "" : format_fixed(value, decimals);
}

std::string mean_and_sd(std::span<const double> values, int decimals) {
  const std::vector<double> kept = known(values);
  if (kept.empty()) return "";
  const MeanSd m = mean_sd(kept);
  return format_mean_sd(m.mean, m.sd, decimals == 0 && kept.size() > 1 ? 1 : decimals);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void add_mean(Json& row, const std::string& key, std::span<const double> values) {
  const std::vector<double> kept = known(values);
  if (kept.empty()) return;
  const MeanSd m = mean_sd(kept);
  row[key] = m.mean;
  if (kept.size() > 1) row[key + "_sd"] = m.sd;
}

double number_or_nan(const Json& value) { return value.is_null() ? NAN : value.get<double>(); }

void blame(const fs::path& file, const std::function<void()>& read) {
  try {
    read();
  } catch (const Json::exception& error) {
    fail(file.string(), ": not what this program writes: ", error.what());
  }
}

Curve log_curve(const std::vector<Json>& log, const std::string& key, int steps) {
  Curve curve;
  double sum = 0;
  int count = 0;
  for (const Json& line : log) {
    if (!line.contains(key)) continue;
    sum += number_or_nan(line.at(key));
    if (++count < steps) continue;
    curve.emplace_back(line.at("step").get<double>(), sum / count);
    sum = count = 0;
  }
  return curve;
}

void add_curve(LinePlot& plot, const std::string& name, const Curve& curve) {
  if (curve.empty()) return;
  Series series{.name = name, .x = {}, .y = {}, .sd = {}};
  for (const auto& [step, value] : curve) {
    series.x.push_back(step);
    series.y.push_back(value);
  }
  plot.series.push_back(series);
}

bool add_image(Report& page, const fs::path& png, const std::string& caption, bool pixelated) {
  if (!fs::exists(png)) return false;
  page.image(bytes_of(read_text_file(png)), caption, pixelated);
  return true;
}

bool add_sound(Report& page, const fs::path& wav, const std::string& caption) {
  if (!fs::exists(wav)) return false;
  page.audio(bytes_of(read_text_file(wav)), caption);
  return true;
}

std::string data_description(const Json& summary, const Json& notes) {
  std::string text = "Data set " + summary.at("data").get<std::string>() + ", content hash " +
                     summary.at("data_hash").get<std::string>() + ".";
  for (const std::string note : notes) text += "\n\n" + note;
  return text;
}

fs::path write_report_page(const fs::path& folder, Json summary,
                           const std::function<Report(Json&)>& fill) {
  const fs::path file = folder / "report.html";
  blame(folder / "summary.json", [&] {
    name_makers(folder, summary);
    Report page = fill(summary);
    write_json(folder / "summary.json", summary);
    add_provenance(page, summary);
    page.write(file);
  });
  return file;
}

}  // namespace etude
