#pragma once
// New music from a trained performance LSTM.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/random.h"
#include "models/performance_lstm/model.h"

namespace etude::performance_lstm {

struct GenerateOptions {
  std::int64_t count = 1000;  // events, with the primer
  double temperature = 1;     // 0: always the likeliest event
  double tempo = 1;           // for a model that is told the tempo
  std::int64_t top_k = 0;     // the k likeliest events only; 0: all
  double top_p = 1;           // the likeliest events of at least this probability only
  /// The piece begins with these; empty: with one event drawn from `PerformanceLstm::first`.
  std::span<const std::int32_t> primer = {};
  /// Feeds the primer's last event twice, as the report's code does.
  bool refeed_last_token = false;
};

/// `pieces` of `count` ids each, all at once: from a state of zeros through the primer, then event
/// by event. `done`, if given, is called after each event with the number of events so far. Throws
/// Error for options out of range, a primer of `count` events or more and a network whose outputs
/// are no numbers.
std::vector<std::vector<std::int32_t>> generate(PerformanceLstm& model, std::int64_t pieces,
                                                const GenerateOptions& options, Generator& random,
                                                const std::function<void(std::int64_t)>& done = {});

}  // namespace etude::performance_lstm
