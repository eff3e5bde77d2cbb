#pragma once
#include <optional>

#include "kernels/core/bench.h"

namespace etude {

bool onednn_available();

/// oneDNN's own primitive for the operation of a case, as a runner on the CPU; none for operations
/// that it has not. Operands are plain tensors; inside it may choose its layouts, and what it costs
/// to convert to and from them is part of the run. The primitive is made in the first run and kept.
std::optional<BenchRunner> onednn_runner(const BenchCase& c);

}  // namespace etude
