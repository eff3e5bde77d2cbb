#include "models/performance_lstm/run_result.h"

namespace etude::performance_lstm {

namespace fs = std::filesystem;

RunResult read_run(const fs::path& folder, const std::string& name) {
  const fs::path run = folder / name;
  RunResult r{.name = name, .variant = {}, .data = {}};
  r.result = read_json(run / "result.json");
  r.metrics = read_json(run / "metrics.json");
  blame(run / "result.json", [&] {
    r.variant = r.result.at("variant");
    r.data = r.result.at("data");
    r.one_piece();
  });
  blame(run / "log.jsonl", [&] {
    const std::vector<Json> log = JsonLog::read(run / "log.jsonl");
    r.train_bits = log_curve(log, "bits", 20);
    r.held_out_bits = log_curve(log, "held_out_bits");
  });
  return r;
}

std::vector<double> cell(const Variant& variant, const std::string& setting,
                         const std::vector<std::string>& path) {
  std::vector<std::string> keys = {setting};
  keys.insert(keys.end(), path.begin(), path.end());
  std::vector<double> values;
  for (const RunResult* run : variant.second) {
    const Json* at = &run->metrics.at("settings");
    bool found = true;  // not if no piece of this run had a note
    for (const std::string& key : keys) {
      found = found && at->contains(key);
      if (found) at = &at->at(key);
    }
    if (!found) continue;
    for (const Json& value : *at) values.push_back(value.get<double>());
  }
  return values;
}

std::vector<double> run_values(const Variant& variant, const std::string& key) {
  std::vector<double> values;
  for (const RunResult* run : variant.second) values.push_back(number_or_nan(run->metrics.at(key)));
  return values;
}

bool has_setting(const Variant& variant, const std::string& setting) {
  return variant.second[0]->metrics.at("settings").contains(setting);
}

}  // namespace etude::performance_lstm
