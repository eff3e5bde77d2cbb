#pragma once
// What the steps of a run report and which rows they train on: the two things that every training
// loop keeps between steps.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/run/run_folder.h"
#include "engine/tensor.h"

namespace etude {

/// Training that came to infinity or to what is no number: no repetition of it ends otherwise.
struct Diverged : Error {
  using Error::Error;
};

/// The values of each step (losses, norms), left on the device and read 50 steps at a time, so that
/// the device never waits for the log.
class StepValues {
 public:
  /// `names` of the values in order; `model` is for error messages.
  StepValues(std::string model, std::vector<std::string> names);

  /// values: [names] of step number `step` (from 0). Steps come in order.
  void add(std::int64_t step, const Tensor& values, JsonLog& log);
  /// Appends what is held back as {"step": n, name: value, ...}, n from 1. Diverged if one is not
  /// finite.
  void flush(JsonLog& log);
  /// The values of the last step that was flushed; empty before the first.
  std::span<const float> last() const { return last_; }

 private:
  std::string model_;
  std::vector<std::string> names_;
  std::vector<Tensor> pending_;
  std::int64_t first_pending_ = 0;
  std::vector<float> last_;
};

/// Batches without replacement in an order that is a function of seed and epoch: nothing to save.
/// The last rows of an epoch that fill no batch are left out.
class EpochBatches {
 public:
  /// Of `rows`, any numbers. Error if they fill no batch.
  EpochBatches(std::uint64_t seed, std::vector<std::int64_t> rows, std::int64_t batch);

  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  /// The rows of step number `step` (from 0), good until the next call.
  std::span<const std::int64_t> rows(std::int64_t step);
  std::int64_t epoch(std::int64_t step) const { return step / steps_per_epoch_; }
  /// Whether `step` is the last of its epoch.
  bool ends_epoch(std::int64_t step) const { return (step + 1) % steps_per_epoch_ == 0; }

 private:
  std::uint64_t seed_;
  std::vector<std::int64_t> rows_, ordered_;
  std::int64_t batch_, steps_per_epoch_, epoch_ = -1;
};

}  // namespace etude
