#pragma once
#include <vector>

#include "tools/etude/kernel_bench_results.h"

namespace etude {

/// PyTorch's times for these cases, in order, by tools/bench/pytorch_kernels.py, which runs once
/// over all of them (on the CPU a second time with jemalloc, where it is installed, and the better
/// time counts). The environment's ETUDE_PYTHON names the interpreter. Error where that cannot
/// import torch.
std::vector<BenchResult> torch_results(const std::vector<const BenchCase*>& cases, Device device,
                                       std::size_t flush_bytes);

}  // namespace etude
