#pragma once
#include <span>

#include "kernels/core/bench.h"

namespace etude {

/// Every family of kernels that has a bench.h, in the order of kernels/CMakeLists.txt, which this
/// list is generated from.
std::span<const BenchFamily> bench_families();

}  // namespace etude
