#pragma once
// One training run of the music transformer.

#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include "engine/optim/adam.h"
#include "engine/run/run_folder.h"
#include "models/music_gpt/data.h"

namespace etude::music_gpt {

/// ids, targets [B, context] i32: tokens, and the token after each; -1 past a piece's end.
struct Batch {
  Tensor ids, targets;
};

/// Windows of the training pieces. One token of all is drawn, and the window is the context tokens
/// around it, moved into its piece where they would pass an end. So a piece is seen as often as it
/// is long (one shorter than a window, as if it were one), its first tokens mostly at position 0.
/// Moved windows overlap: of tokens near an end some are seen half as often as those in the middle,
/// some one and a half times. Transposed by config.pitch_shift where the tokenizer's pitches reach.
class Windows {
 public:
  Windows(const Config& config, const MidiTokTokenizer& tokenizer,
          const std::vector<Piece>& pieces);

  Batch draw(Generator& random, Device device) const;

 private:
  struct Source {
    std::span<const std::int32_t> ids;
    std::uint64_t starts;          // of the windows of this piece and those before it
    std::int64_t lowest, highest;  // semitones that it can be transposed by
  };
  Config config_;
  std::vector<Source> sources_;
  std::vector<std::vector<std::int32_t>> transposed_;  // [shift + pitch_shift][id]
};

/// The network with its tokenizer, optimizer and random streams: the whole state of a run.
class Trainer {
 public:
  Trainer(const Config& config, Device device);

  /// Begins with the weights of config.start_from; Error as load_hugging_face().
  void start_from_weights();

  /// One update, of `batches`, from step number `step` (from 0) of config.iterations. Returns [2]
  /// on the device: the mean over the batches of their cross entropies in nats per token, and the
  /// norm of the gradient before it was clipped.
  Tensor step(std::span<const Batch> batches, std::int64_t step);

  void state(State& s);
  Gpt& model() { return model_; }
  const MidiTokTokenizer& tokenizer() const { return *tokenizer_; }
  const Config& config() const { return config_; }

 private:
  Config config_;
  std::unique_ptr<const MidiTokTokenizer> tokenizer_;
  Generator weights_, dropout_;
  Gpt model_;
  Adam optimize_;
};

inline constexpr const char* kStepValues[] = {"nats", "gradient_norm"};

/// Cross entropy of all tokens but each piece's first, in windows of the context that begin where
/// the last one ended, so that a token is told from the part of its window before it.
struct CrossEntropy {
  double nats = 0;
  std::int64_t tokens = 0, notes = 0;
  double per_token() const { return nats / static_cast<double>(tokens); }
  /// What compares across tokenizers: of the same music the notes are the same, tokens are not.
  double per_note() const { return nats / static_cast<double>(notes); }
};
/// Of at most `limit` windows, evenly from all there are; notes are then in proportion.
CrossEntropy cross_entropy_of(Trainer& trainer, const std::vector<Piece>& pieces,
                              std::int64_t limit = std::numeric_limits<std::int64_t>::max());

/// Where a run leaves the network after `percent` of its steps.
std::string milestone_file(std::int64_t percent);

/// Trains in `folder` (resuming what is there) and leaves log.jsonl, last.safetensors, a
/// milestone_file() for each of config.milestones, and best.safetensors: the network with the least
/// cross entropy on the held-out pieces. Returns the seconds, as run_training().
double train_run(const Config& config, const Music& music, const std::filesystem::path& folder,
                 Device device);

/// The network of a checkpoint file of this model. Error if the file is not one.
std::unique_ptr<Trainer> load_trainer(const std::filesystem::path& checkpoint, Device device);

}  // namespace etude::music_gpt
