#pragma once
#include "models/experiment.h"
#include "tools/etude/arguments.h"

namespace etude {

/// etude bench FAMILY|all: times the kernels of a family, or of all, on its bench cases, prints a
/// line for each case and runner, and with --json F also writes them: to the file F, or, of all
/// families or where F is a folder, to F/kernel_FAMILY_DEVICE.json, which is where
/// tools/bench/tables looks.
void bench_kernels(const std::string& family, const Options& options, const Arguments& arguments);

}  // namespace etude
