#pragma once
// One training run of the performance LSTM.

#include <filesystem>
#include <memory>

#include "engine/optim/adam.h"
#include "engine/run/run_folder.h"
#include "models/performance_lstm/data.h"
#include "models/performance_lstm/model.h"

namespace etude::performance_lstm {

/// Windows of the training pieces: any place of any piece is as likely as any other, so is any of
/// its tempos.
class Windows {
 public:
  Windows(const Config& config, const std::vector<Piece>& pieces);

  struct Batch {
    Tensor ids, targets;  // [window, batch] i32: events, and the event after each
    Tensor tempo;         // [batch]: what the model is told
  };
  Batch draw(Generator& random, Device device) const;

 private:
  struct Start {
    std::span<const std::int32_t> ids;
    std::size_t at;
    double factor;
  };
  Start draw_start(Generator& random) const;

  Config config_;
  /// Of one tempo: the pieces, and how many windows start in each and those before it.
  struct Tempo {
    double factor;
    std::vector<std::span<const std::int32_t>> pieces;
    std::vector<std::uint64_t> starts;
  };
  std::vector<Tempo> tempos_;
};

/// The network with its optimizer and random streams: the whole state of a run.
class Trainer {
 public:
  Trainer(const Config& config, Device device);

  /// One update. `progress` in [0, 1] of the run. Returns [2] on the device: the mean cross entropy
  /// in bits per event, and the norm of the gradient before it was clipped.
  Tensor step(const Windows::Batch& batch, double progress);

  void state(State& s);
  PerformanceLstm& model() { return model_; }
  const Config& config() const { return config_; }

 private:
  Config config_;
  Generator weights_, dropout_, states_;
  PerformanceLstm model_;
  Adam optimize_;
};

inline constexpr const char* kStepValues[] = {"bits", "gradient_norm"};

/// Mean -log2 p(event | events before it in its piece, tempo 1) over all events but each piece's
/// first, from a state of zeros; of no more than `limit` events of a piece.
double bits_per_event(PerformanceLstm& model, const std::vector<Piece>& pieces,
                      std::int64_t limit = std::numeric_limits<std::int64_t>::max());

/// Trains in `folder` (resuming what is there) and leaves log.jsonl, last.safetensors, and
/// best.safetensors: the network with the least bits per event on the held-out pieces, or, where
/// there are none, the last. Returns the seconds, as run_training().
double train_run(const Config& config, const Music& music, const std::filesystem::path& folder,
                 Device device);

/// The network of a checkpoint file of this model. Error if the file is not one.
std::unique_ptr<Trainer> load_trainer(const std::filesystem::path& checkpoint, Device device);

}  // namespace etude::performance_lstm
