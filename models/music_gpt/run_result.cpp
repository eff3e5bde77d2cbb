#include "models/music_gpt/run_result.h"

#include <algorithm>
#include <span>

namespace etude::music_gpt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOfBars[] = {"h1", "h4", "gs_16", "gs_32", "gs_64"};
constexpr const char* kOfSound[] = {"si_short", "si_mid", "si_long"};
constexpr const char* kOfGenerated[] = {"notes", "tokens", "seconds"};

using Names = std::span<const char* const>;

Measured read_measured(const Json& row, std::initializer_list<Names> measures,
                       const std::string& of = "", const std::string& setting = "") {
  Measured m{.of = of, .setting = setting, .values = {}, .failed = row.at("failed")};
  for (const Names names : measures) {
    for (const char* name : names) {
      std::vector<double>& values = m.values[name];
      for (const Json& value : row.at(name)) values.push_back(number_or_nan(value));
    }
  }
  return m;
}

void read_settings(const Json& settings, const std::string& of, std::vector<Measured>& into) {
  for (const auto& [name, row] : settings.items()) {
    into.push_back(read_measured(row, {kOfBars, kOfSound, kOfGenerated}, of, name));
  }
}

void read_metrics(const Json& metrics, RunResult& r) {
  const Json& held_out = metrics.at("held_out");
  r.tokens = held_out.at("tokens");
  r.notes = held_out.at("notes");
  r.nats_per_token = number_or_nan(held_out.at("nats_per_token"));
  r.nats_per_note = number_or_nan(held_out.at("nats_per_note"));
  read_settings(metrics.at("settings"), "", r.settings);
  for (const auto& [percent, settings] : metrics.at("milestones").items()) {
    read_settings(settings, percent, r.milestones);
  }
  for (const auto& [song, settings] : metrics.at("prompts").items()) {
    read_settings(settings, song, r.prompts);
  }
}

/// What the page takes of result.json is there.
void check_result(const Json& result) {
  for (const char* key :
       {"seed", "pieces", "held_out_pieces", "train_tokens", "vocabulary", "parameters",
        "iterations", "tokens_seen", "layers", "heads", "width", "context", "train_seconds"}) {
    number_or_nan(result.at(key));
  }
  for (const char* key : {"data_hash", "tokenizer", "compute"}) result.at(key).get<std::string>();
  result.at("notes").get<std::vector<std::string>>();
}

}  // namespace

std::vector<double> Measured::of_pieces(const std::string& measure) const {
  const auto found = values.find(measure);
  return found == values.end() ? std::vector<double>() : found->second;
}

Real read_real(const fs::path& folder) {
  const fs::path file = folder / "real.json";
  const Json json = read_json(file);
  Real real;
  blame(file, [&] {
    real.whole = read_measured(json.at("whole"), {kOfBars});
    real.excerpts = read_measured(json.at("excerpts"), {kOfBars, kOfSound});
  });
  require(real.whole.pieces() > 0, file.string(), ": no real piece was measured");
  return real;
}

RunResult read_run(const fs::path& folder, const std::string& name) {
  const fs::path run = folder / name;
  RunResult r{.name = name, .variant = {}, .data = {}};
  r.result = read_json(run / "result.json");
  blame(run / "result.json", [&] {
    r.variant = r.result.at("variant");
    r.data = r.result.at("data");
    check_result(r.result);
  });
  const Json metrics = read_json(run / "metrics.json");
  blame(run / "metrics.json", [&] { read_metrics(metrics, r); });
  blame(run / "log.jsonl", [&] {
    const std::vector<Json> log = JsonLog::read(run / "log.jsonl");
    r.train_nats = log_curve(log, "nats", 20);
    r.held_out_per_token = log_curve(log, "held_out_nats_per_token");
    r.held_out_per_note = log_curve(log, "held_out_nats_per_note");
  });
  return r;
}

std::vector<Measured> together(const Variant& variant, std::vector<Measured> RunResult::*part) {
  std::vector<Measured> all;
  for (const RunResult* run : variant.second) {
    for (const Measured& row : run->*part) {
      const auto same = std::ranges::find_if(all, [&](const Measured& known) {
        return known.of == row.of && known.setting == row.setting;
      });
      if (same == all.end()) {
        all.push_back(row);
        continue;
      }
      for (auto& [measure, values] : same->values) {
        const std::vector<double> more = row.of_pieces(measure);
        values.insert(values.end(), more.begin(), more.end());
      }
      same->failed.insert(same->failed.end(), row.failed.begin(), row.failed.end());
    }
  }
  return all;
}

std::vector<double> of_runs(const Variant& variant, double RunResult::*number) {
  std::vector<double> values;
  for (const RunResult* run : variant.second) values.push_back(run->*number);
  return values;
}

std::vector<double> of_results(const Variant& variant, const std::string& key) {
  std::vector<double> values;
  for (const RunResult* run : variant.second) values.push_back(number_or_nan(run->result.at(key)));
  return values;
}

}  // namespace etude::music_gpt
