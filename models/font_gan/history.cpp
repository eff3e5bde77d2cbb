#include "models/font_gan/history.h"

#include "models/font_gan/gan.h"

namespace etude::font_gan {
namespace {

std::vector<std::int64_t> epochs_of(const History& history) {
  std::vector<std::int64_t> epochs;
  for (const auto& [epoch, scores] : history.evaluations) epochs.push_back(epoch);
  return epochs;
}

std::vector<std::vector<bool>> covered_of(const History& history) {
  std::vector<std::vector<bool>> covered;
  for (const auto& [epoch, scores] : history.evaluations) covered.push_back(scores.covered());
  return covered;
}

const char* name_of(ModeEvent::Kind kind) {
  switch (kind) {
    case ModeEvent::Kind::came:
      return "came";
    case ModeEvent::Kind::vanished:
      return "vanished";
    case ModeEvent::Kind::back:
      break;
  }
  return "back";
}

}  // namespace

std::optional<std::int64_t> History::onset() const {
  std::vector<int> coverage;
  for (const auto& [epoch, scores] : evaluations) coverage.push_back(scores.coverage);
  constexpr int kSlack = 1;  // a letter near the threshold comes and goes with the samples
  return collapse_onset(epochs_of(*this), coverage, kSlack);
}

std::vector<ModeEvent> History::events() const {
  return mode_events(epochs_of(*this), covered_of(*this));
}

std::vector<double> History::survival() const { return mode_survival(covered_of(*this)); }

History History::read(const std::filesystem::path& log) {
  History history;
  constexpr std::size_t kValues = std::size(kStepValues);
  std::vector<std::vector<double>> steps;
  std::vector<std::size_t> ends;  // number of steps logged when an evaluation came
  for (const Json& entry : JsonLog::read(log)) {
    if (entry.contains("epoch")) {
      history.evaluations.emplace_back(entry.at("epoch"), Scores::from_json(entry));
      ends.push_back(steps.size());
    } else {
      std::vector<double>& values = steps.emplace_back();
      for (const char* name : kStepValues) {
        require(entry.contains(name) && entry.at(name).is_number(), log.string(), ": step ",
                steps.size(), " has no number ", name, "; the file is damaged");
        values.push_back(entry.at(name));
      }
    }
  }
  // The last evaluation stands at the end of the last epoch.
  if (ends.empty() || ends.back() == 0) return history;
  const std::size_t per_epoch =
      ends.back() / static_cast<std::size_t>(history.evaluations.back().first);
  for (std::size_t begin = 0; begin + per_epoch <= steps.size(); begin += per_epoch) {
    EpochMeans means{static_cast<std::int64_t>(begin / per_epoch) + 1,
                     std::vector<double>(kValues, 0.0)};
    for (std::size_t i = begin; i < begin + per_epoch; ++i) {
      for (std::size_t k = 0; k < kValues; ++k) {
        means.values[k] += steps[i][k] / static_cast<double>(per_epoch);
      }
    }
    history.epochs.push_back(std::move(means));
  }
  return history;
}

Json History::to_json() const {
  Json evaluations_json = Json::array(), epochs_json = Json::array();
  for (const auto& [epoch, scores] : evaluations) {
    Json entry{{"epoch", epoch}};
    entry.update(scores.to_json());
    evaluations_json.push_back(entry);
  }
  for (const EpochMeans& means : epochs) {
    Json entry{{"epoch", means.epoch}};
    for (std::size_t k = 0; k < means.values.size(); ++k) entry[kStepValues[k]] = means.values[k];
    entry["loss_ratio"] = means.loss_ratio();
    epochs_json.push_back(entry);
  }
  Json events_json = Json::array();
  for (const ModeEvent& event : events()) {
    events_json.push_back({{"epoch", event.epoch},
                           {"letter", std::string(1, static_cast<char>('A' + event.mode))},
                           {"event", name_of(event.kind)}});
  }
  return {{"evaluations", evaluations_json},
          {"epochs", epochs_json},
          {"collapse_onset", onset() ? Json(*onset()) : Json()},
          {"events", events_json},
          {"survival", survival()}};
}

}  // namespace etude::font_gan
