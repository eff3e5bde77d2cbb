#include "models/font_gan/history.h"

#include "models/font_gan/train.h"

namespace etude::font_gan {

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
  return {{"evaluations", evaluations_json}, {"epochs", epochs_json}};
}

}  // namespace etude::font_gan
