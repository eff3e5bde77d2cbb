#pragma once
// The performance LSTM: event in, probabilities of the next event out.
// Source: Simon and Oore, "Performance RNN: Generating Music with Expressive Timing and Dynamics",
// Magenta, 2017.

#include "engine/nn/layers.h"
#include "models/performance_lstm/config.h"

namespace etude::performance_lstm {

class PerformanceLstm : public Module {
 public:
  PerformanceLstm(const Config& config, Generator& dropout, Init init);

  struct Output {
    Tensor logits;  // [T, B, 240]: of the event after each
    LstmState end;  // [layers, B, hidden]: goes on where this ended
  };
  /// ids: [T, B] i32. tempo: [B], a factor of times that is around 1; ignored by a model without
  /// tempo conditioning, 1 if not given. start: [layers, B, hidden], zeros if not given.
  Output operator()(const Tensor& ids, const Tensor& tempo = {}, const LstmState& start = {});

  /// [240], saved with the network: logarithms of how often each event is in the training music
  /// at its own tempo, as at the start of a window. Draws the first event of a piece.
  Tensor first;

  bool conditioned() const { return conditioned_; }

 private:
  bool conditioned_;
  double dropout_rate_;
  Generator& dropout_;
  Embedding embed_;
  Linear tempo_;
  Lstm lstm_;
  Linear out_;
};

}  // namespace etude::performance_lstm
