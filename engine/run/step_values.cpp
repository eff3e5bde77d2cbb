#include "engine/run/step_values.h"

#include <cmath>

#include "engine/ops/shape.h"
#include "engine/random.h"

namespace etude {
namespace {

constexpr std::size_t kMostPending = 50;
constexpr std::uint64_t kOrderStreams = 1000;  // of the run's seed: one for each epoch

}  // namespace

StepValues::StepValues(std::string model, std::vector<std::string> names)
    : model_(std::move(model)), names_(std::move(names)) {}

void StepValues::add(std::int64_t step, const Tensor& values, JsonLog& log) {
  if (pending_.empty()) first_pending_ = step;
  pending_.push_back(values);
  if (pending_.size() >= kMostPending) flush(log);
}

void StepValues::flush(JsonLog& log) {
  if (pending_.empty()) return;
  const auto values = concat(pending_, 0).to_vector<float>();
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    const std::int64_t step = first_pending_ + static_cast<std::int64_t>(i) + 1;
    Json entry{{"step", step}};
    for (std::size_t k = 0; k < names_.size(); ++k) {
      const float value = values[i * names_.size() + k];
      if (!std::isfinite(value)) {
        throw Diverged(model_ + ": " + names_[k] + " is no longer finite at step " +
                       std::to_string(step) +
                       "; begin another run with a lower lr, or look for the cause with "
                       "ETUDE_ANOMALY=1");
      }
      entry[names_[k]] = value;
    }
    log.append(entry);
  }
  last_.assign(values.end() - static_cast<std::ptrdiff_t>(names_.size()), values.end());
  pending_.clear();
}

EpochBatches::EpochBatches(std::uint64_t seed, std::vector<std::int64_t> rows, std::int64_t batch)
    : seed_(seed),
      rows_(std::move(rows)),
      batch_(batch),
      steps_per_epoch_(static_cast<std::int64_t>(rows_.size()) / batch) {
  require(steps_per_epoch_ > 0, "batch = ", batch, " is larger than the ", rows_.size(),
          " training examples");
}

std::span<const std::int64_t> EpochBatches::rows(std::int64_t step) {
  if (epoch(step) != epoch_) {
    epoch_ = epoch(step);
    Generator order(seed_, kOrderStreams + static_cast<std::uint64_t>(epoch_));
    ordered_.clear();
    for (std::int64_t i : order.permutation(static_cast<std::int64_t>(rows_.size()))) {
      ordered_.push_back(rows_[i]);
    }
  }
  return std::span(ordered_).subspan(static_cast<std::size_t>(step % steps_per_epoch_ * batch_),
                                     static_cast<std::size_t>(batch_));
}

}  // namespace etude
